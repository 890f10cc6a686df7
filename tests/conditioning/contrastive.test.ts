// CLIP's loss against its definition, its start values against transformers', and a few pairs learned from scratch.
import { describe, expect, test } from 'vitest';
import {
  type ClipTextConfig,
  clipTextEmbeds,
  clipTextStates,
  parseClipTextConfig,
  pooledPositions,
} from '../../conditioning/clip-text.ts';
import { clipImageEmbeds, clipVisionStates, parseClipVisionConfig } from '../../conditioning/clip-vision.ts';
import { contrastiveLoss, LOGIT_SCALE_START } from '../../conditioning/contrastive.ts';
import { adamDefaults, adamStep, flatLayout, initialState, views } from '../../graph/adamw.ts';
import { input } from '../../graph/build.ts';
import { compile } from '../../graph/compile.ts';
import { ModelFileError, ShapeError } from '../../graph/errors.ts';
import { fetched, localEngine } from '../../graph/engine.ts';
import { gradients } from '../../graph/gradients.ts';
import { parameterScope } from '../../graph/parameters.ts';
import { floats, int32Tensor, type Tensor, tensor } from '../../graph/tensor.ts';

const tower = {
  hidden_size: 32,
  intermediate_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  projection_dim: 16,
};
const text = parseClipTextConfig({
  ...tower,
  model_type: 'clip_text_model',
  vocab_size: 20,
  max_position_embeddings: 6,
  eos_token_id: 3,
});
const vision = parseClipVisionConfig({ ...tower, model_type: 'clip_vision_model', image_size: 8, patch_size: 4 });
const pairs = 6;

/** Numbers in [0,1) that are the same every time (a linear congruential generator). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
}

/** Six sentences of different length and six noise pictures. */
function batch(config: ClipTextConfig): Record<string, Tensor> {
  const rows = Array.from({ length: pairs }, (_, i) => [2, 4 + i, ...(i % 2 ? [10 + i] : []), 3, 0, 0, 0].slice(0, 6));
  const ids = int32Tensor(rows.flat(), [pairs, 6]);
  const random = numbers(5);
  const pixels = Float32Array.from({ length: pairs * 3 * 64 }, () => 2 * random() - 1);
  return { ids, pooled: pooledPositions(config, ids), pixels: tensor(pixels, [pairs, 3, 8, 8]) };
}

function model() {
  const scope = parameterScope();
  const ids = input('ids', [pairs, 6], 'int32');
  const inputs = {
    words: clipTextStates(scope.parameters, text, ids).lastHiddenState,
    pooled: input('pooled', [pairs, 6]),
    pixels: input('pixels', [pairs, 3, 8, 8]),
  };
  return { scope, ...contrastiveLoss(scope.parameters, text, vision, inputs) };
}

async function evaluate(parameters: Record<string, Tensor>) {
  const engine = localEngine();
  const { loss, logits, textEmbeds } = model();
  const session = await engine.open(
    compile({ outputs: { loss, logits, textEmbeds }, weights: (name) => parameters[name] }),
  );
  const results = await session.run(batch(text));
  await engine.close();
  return (name: string) => floats(fetched(results, name));
}

/** Mean of -log softmax at the own pair, over rows and over columns. */
function lossOf(logits: Float32Array): number {
  let total = 0;
  for (let i = 0; i < pairs; i++) {
    const row = Array.from({ length: pairs }, (_, j) => Math.exp(logits[i * pairs + j]!));
    const column = Array.from({ length: pairs }, (_, j) => Math.exp(logits[j * pairs + i]!));
    const own = row[i]!;
    total -= Math.log(own / row.reduce((a, b) => a + b)) + Math.log(own / column.reduce((a, b) => a + b));
  }
  return total / pairs / 2;
}

describe('loss', () => {
  const layout = flatLayout(model().scope.specs());
  const start = () => initialState(layout, numbers(1));

  test('is the symmetric cross-entropy of scaled cosines', async () => {
    const state = start();
    const of = await evaluate(views(layout, state.parameters));
    expect(of('loss')[0]).toBeCloseTo(lossOf(of('logits')), 5);
    const largest = Math.max(...of('logits').map(Math.abs));
    expect(largest).toBeLessThanOrEqual(Math.exp(LOGIT_SCALE_START) * 1.00001);
    const length = Math.hypot(...of('textEmbeds').subarray(0, 16));
    expect(length).toBeCloseTo(1, 5);
  });

  test('the scale stops at 100', async () => {
    const parameters = views(layout, start().parameters);
    const at = async (value: number) =>
      (await evaluate({ ...parameters, logit_scale: tensor(Float32Array.of(value), []) }))('logits')[1]!;
    expect((await at(50)) / (await at(0))).toBeCloseTo(100, 2);
  });

  test('a few pairs are learned within a few dozen steps, the scale included', async () => {
    const engine = localEngine();
    const state = start();
    const { scope, loss } = model();
    const slopes = gradients(
      loss,
      layout.specs.map(({ name }) => scope.node(name)),
    );
    const outputs = { loss, ...Object.fromEntries(layout.specs.map(({ name }, i) => [`d.${name}`, slopes[i]!])) };
    const session = await engine.open(compile({ outputs, weights: 'inputs' }));
    const losses: number[] = [];
    for (let step = 0; step < 60; step++) {
      const results = await session.run({ ...batch(text), ...views(layout, state.parameters) });
      const flat = new Float32Array(layout.size);
      layout.specs.forEach(({ name }, i) => flat.set(floats(fetched(results, `d.${name}`)), layout.offsets[i]));
      losses.push(floats(fetched(results, 'loss'))[0]!);
      adamStep(state, flat, { ...adamDefaults, learningRate: 3e-3 });
    }
    await engine.close();
    expect(losses[0]).toBeGreaterThan(1);
    expect(losses.at(-1)).toBeLessThan(0.05);
    expect(views(layout, state.parameters)['logit_scale']!.data[0]).not.toBe(Math.fround(LOGIT_SCALE_START));
  });
});

describe('names and start values', () => {
  const specs = new Map(
    model()
      .scope.specs()
      .map((spec) => [spec.name, spec.init]),
  );
  const std = (name: string) => (specs.get(name) as { std: number }).std;

  test("are CLIPModel's, so the towers can be saved under their own models' names", () => {
    const alone = parameterScope();
    const ids = input('ids', [1, 6], 'int32');
    const states = clipTextStates(alone.parameters, text, ids);
    clipTextEmbeds(alone.parameters, text, states.lastHiddenState, input('pooled', [1, 6]));
    const picture = clipVisionStates(alone.parameters, vision, input('pixels', [1, 3, 8, 8]));
    clipImageEmbeds(alone.parameters, vision, picture.lastHiddenState);
    const names = alone.specs().map(({ name }) => name);
    expect([...specs.keys()].sort()).toEqual([...names, 'logit_scale'].sort());
  });

  test('follow transformers (width 32, 2 layers)', () => {
    const layer = 'text_model.encoder.layers.0.';
    expect(std(`${layer}self_attn.q_proj.weight`)).toBeCloseTo(32 ** -0.5 * 4 ** -0.5, 10);
    expect(std(`${layer}self_attn.out_proj.weight`)).toBeCloseTo(32 ** -0.5, 10);
    expect(std(`${layer}mlp.fc1.weight`)).toBeCloseTo(64 ** -0.5, 10);
    expect(std(`${layer}mlp.fc2.weight`)).toBeCloseTo(32 ** -0.5 * 4 ** -0.5, 10);
    expect(std('vision_model.embeddings.class_embedding')).toBeCloseTo(32 ** -0.5, 10);
    expect(std('text_projection.weight')).toBeCloseTo(32 ** -0.5, 10);
    expect(specs.get('vision_model.post_layernorm.weight')).toEqual({ kind: 'ones' });
    expect(specs.get(`${layer}self_attn.q_proj.bias`)).toEqual({ kind: 'zeros' });
  });
});

describe('pooled position', () => {
  const ids = int32Tensor([2, 9, 3, 3, 2, 5, 7, 1], [2, 4]);
  test('is the first end of text; without one, the first token', () => {
    expect([...pooledPositions({ eosId: 3 }, ids).data]).toEqual([0, 0, 1, 0, 1, 0, 0, 0]);
  });
  test('is the first largest id where eos_token_id is 2', () => {
    expect([...pooledPositions({ eosId: 2 }, ids).data]).toEqual([0, 1, 0, 0, 0, 0, 1, 0]);
  });
});

describe('configurations', () => {
  test('say which key is wrong, and in which file', () => {
    const wrong = { ...tower, model_type: 'clip_text_model', hidden_act: 'relu', num_hidden_layers: 0 };
    expect(() => parseClipTextConfig(wrong, '/models/x/config.json')).toThrow(ModelFileError);
    expect(() => parseClipTextConfig(wrong, '/models/x/config.json')).toThrow(
      /\/models\/x\/config\.json.*hidden_act.*num_hidden_layers/s,
    );
    expect(() => parseClipTextConfig({ model_type: 'bert' })).toThrow(/model_type/);
    expect(() => parseClipTextConfig('no object')).toThrow(/the whole file/);
    expect(() => parseClipVisionConfig({ model_type: 'clip_vision_model', image_size: 30, patch_size: 14 })).toThrow(
      /patch_size/,
    );
    expect(() => parseClipTextConfig({ ...tower, model_type: 'clip_text_model', num_attention_heads: 5 })).toThrow(
      /divide hidden_size/,
    );
  });

  test('keys that transformers leaves out have its defaults', () => {
    expect(parseClipTextConfig({ model_type: 'clip_text_model' })).toMatchObject({
      hiddenSize: 512,
      maxPositions: 77,
      eps: 1e-5,
    });
    expect(parseClipVisionConfig({ model_type: 'clip_vision_model' })).toMatchObject({
      hiddenSize: 768,
      patchSize: 32,
    });
  });

  test('a picture of another size is a bug and says so', () => {
    const pixels = input('pixels', [1, 3, 8, 12]);
    expect(() => clipVisionStates(parameterScope().parameters, vision, pixels)).toThrow(ShapeError);
  });
});
