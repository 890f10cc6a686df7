// CLIP's two towers against transformers' recorded outputs, bisected by layer when they differ.
import { afterAll, describe, expect, test } from 'vitest';
import { join } from 'node:path';
import { clipTextEmbeds, clipTextStates, parseClipTextConfig, pooledPositions } from '../../conditioning/clip-text.ts';
import { clipImageEmbeds, clipVisionStates, parseClipVisionConfig } from '../../conditioning/clip-vision.ts';
import { input } from '../../graph/build.ts';
import { compile } from '../../graph/compile.ts';
import { fetched, localEngine } from '../../graph/engine.ts';
import type { Node } from '../../graph/node.ts';
import { parameterScope } from '../../graph/parameters.ts';
import type { Tensor } from '../../graph/tensor.ts';
import type { Weights } from '../../graph/weights.ts';
import { goldenCases, largestError, readGolden, readTensors } from './folder.ts';

const engine = localEngine();
afterAll(() => engine.close());

async function run(outputs: Record<string, Node>, weights: Weights, feeds: Record<string, Tensor>) {
  const session = await engine.open(compile({ outputs, weights }));
  const results = await session.run(feeds);
  await session.release();
  return (name: string) => fetched(results, name);
}

/** Largest error relative to the expected values' spread: the states of `vision_tinyvar_eps` are themselves tiny. */
function relativeError(actual: Tensor, expected: Tensor): number {
  const values = Array.from(expected.data, Number);
  const spread = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
  return largestError(actual.data as Float32Array, expected.data as Float32Array) / spread;
}

// Another folder may hold some kinds only; our own holds all.
test.skipIf(process.env['TESSERA_GOLDENS'] !== undefined).each(['clip_text', 'clip_vision'])(
  '%s has recorded cases',
  (kind) => {
    expect(goldenCases(kind)).not.toEqual([]);
  },
);

describe.each(goldenCases('clip_text'))('clip_text %s', (name) => {
  test('states and sentence vector', async () => {
    const { config: json, weights, inputs, outputs, folder } = await readGolden('clip_text', name);
    const config = parseClipTextConfig(json);
    const ids = inputs.get('input_ids')!;
    const mask = inputs.get('attention_mask');
    const p = parameterScope().parameters;
    const maskNode = mask && input('attention_mask', mask.shape, mask.dtype);
    const states = clipTextStates(p, config, input('input_ids', ids.shape, ids.dtype), maskNode);
    const embeds = clipTextEmbeds(p, config, states.lastHiddenState, input('pooled', ids.shape));
    const hidden = Object.fromEntries(states.hiddenStates.map((node, i) => [`hidden_states.${i}`, node]));
    const all = { ...hidden, last_hidden_state: states.lastHiddenState, text_embeds: embeds };
    const feeds = { input_ids: ids, pooled: pooledPositions(config, ids), ...(mask && { attention_mask: mask }) };
    const actual = await run(all, weights, feeds);
    const recorded = [...(await readTensors(join(folder, 'intermediates.safetensors'))), ...outputs];
    expect(recorded.length).toBeGreaterThan(0);
    for (const [key, expected] of recorded) {
      expect(largestError(actual(key).data as Float32Array, expected.data as Float32Array), key).toBeLessThan(1e-5);
    }
  });
});

describe.each(goldenCases('clip_vision'))('clip_vision %s', (name) => {
  test('states and picture vector', async () => {
    const { config: json, weights, inputs, outputs, folder } = await readGolden('clip_vision', name);
    const config = parseClipVisionConfig(json);
    const pixels = inputs.get('pixel_values')!;
    const p = parameterScope().parameters;
    const states = clipVisionStates(p, config, input('pixel_values', pixels.shape));
    const { poolerOutput, imageEmbeds } = clipImageEmbeds(p, config, states.lastHiddenState);
    const hidden = Object.fromEntries(states.hiddenStates.map((node, i) => [`hidden_states.${i}`, node]));
    const all = {
      ...hidden,
      last_hidden_state: states.lastHiddenState,
      penultimate_hidden_state: states.penultimateHiddenState,
      pooler_output: poolerOutput,
      image_embeds: imageEmbeds,
    };
    const actual = await run(all, weights, { pixel_values: pixels });
    const recorded = [...(await readTensors(join(folder, 'intermediates.safetensors'))), ...outputs];
    for (const [key, expected] of recorded) {
      expect(largestError(actual(key).data as Float32Array, expected.data as Float32Array), key).toBeLessThan(2e-5);
      expect(relativeError(actual(key), expected), `${key}, relative`).toBeLessThan(1e-3);
    }
  });
});
