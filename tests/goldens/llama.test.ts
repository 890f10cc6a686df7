// A Llama decoder against transformers' recorded logits, and its greedy texts written with a cache of keys and values.
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { parseLlamaConfig } from '../../conditioning/llama-config.ts';
import { openLlama } from '../../conditioning/llama-generate.ts';
import { llamaLogits } from '../../conditioning/llama.ts';
import { input } from '../../graph/build.ts';
import { compile } from '../../graph/compile.ts';
import { fetched, localEngine } from '../../graph/engine.ts';
import { parameterScope } from '../../graph/parameters.ts';
import { goldenCases, largestError, readGolden, readTensors } from './folder.ts';

const engine = localEngine();
afterAll(() => engine.close());

// Another folder may hold some kinds only; our own holds all.
test.skipIf(process.env['TESSERA_GOLDENS'] !== undefined).each(['llama'])('%s has recorded cases', (kind) => {
  expect(goldenCases(kind)).not.toEqual([]);
});

describe.each(goldenCases('llama'))('llama %s', (name) => {
  test('logits of a whole text', async () => {
    const { config, weights, inputs, outputs, folder } = await readGolden('llama', name);
    const ids = inputs.get('input_ids')!;
    const { hiddenStates, logits } = llamaLogits(
      parameterScope().parameters,
      parseLlamaConfig(config),
      input('input_ids', ids.shape, ids.dtype),
    );
    const hidden = Object.fromEntries(hiddenStates.map((node, i) => [`hidden_states.${i}`, node]));
    const session = await engine.open(compile({ outputs: { ...hidden, logits }, weights }));
    const results = await session.run({ input_ids: ids });
    const recorded = await readTensors(join(folder, 'intermediates.safetensors'));
    for (const [key, expected] of recorded.set('logits', outputs.get('logits')!)) {
      const error = largestError(fetched(results, key).data as Float32Array, expected.data as Float32Array);
      expect(error, key).toBeLessThan(2e-5);
    }
  });

  // The prompt has 7 tokens: read at once, read in pieces with padding in the last, and token by token.
  test.each([64, 3, 1])('greedy text with a cache, %i prompt tokens at once', async (chunk) => {
    const { config, weights, inputs, outputs } = await readGolden('llama', name);
    const prompt = Array.from(inputs.get('prompt_ids')!.data, Number);
    const expected = Array.from(outputs.get('greedy_ids')!.data, Number);
    const slots = prompt.length + expected.length + 5;
    const llama = await openLlama(engine, { config: parseLlamaConfig(config), weights, slots, chunk });
    expect(await llama.write(prompt, { maxNewTokens: expected.length, eosIds: [] })).toEqual(expected);
    await llama.release();
  });
});
