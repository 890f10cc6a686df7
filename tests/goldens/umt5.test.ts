// The UMT5 encoder against transformers' recorded outputs.
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { parseUmt5Config, umt5States } from '../../conditioning/umt5.ts';
import { input } from '../../graph/build.ts';
import { compile } from '../../graph/compile.ts';
import { fetched, localEngine } from '../../graph/engine.ts';
import { parameterScope } from '../../graph/parameters.ts';
import { goldenCases, largestError, readGolden, readTensors } from './folder.ts';

const engine = localEngine();
afterAll(() => engine.close());

// Another folder may hold some kinds only; our own holds all.
test.skipIf(process.env['TESSERA_GOLDENS'] !== undefined).each(['umt5_encoder'])('%s has recorded cases', (kind) => {
  expect(goldenCases(kind)).not.toEqual([]);
});

describe.each(goldenCases('umt5_encoder'))('umt5_encoder %s', (name) => {
  test('states', async () => {
    const { config, weights, inputs, outputs, folder } = await readGolden('umt5_encoder', name);
    const ids = inputs.get('input_ids')!;
    const mask = inputs.get('attention_mask');
    const { hiddenStates, lastHiddenState } = umt5States(
      parameterScope().parameters,
      parseUmt5Config(config),
      input('input_ids', ids.shape, ids.dtype),
      mask && input('attention_mask', mask.shape, mask.dtype),
    );
    // transformers lists the normed state as the last hidden state of this encoder.
    const hidden = Object.fromEntries(
      [...hiddenStates.slice(0, -1), lastHiddenState].map((node, i) => [`hidden_states.${i}`, node]),
    );
    const session = await engine.open(compile({ outputs: { ...hidden, last_hidden_state: lastHiddenState }, weights }));
    const results = await session.run({ input_ids: ids, ...(mask && { attention_mask: mask }) });
    const recorded = [...(await readTensors(join(folder, 'intermediates.safetensors'))), ...outputs];
    for (const [key, expected] of recorded) {
      const error = largestError(fetched(results, key).data as Float32Array, expected.data as Float32Array);
      expect(error, key).toBeLessThan(2e-5);
    }
  });
});
