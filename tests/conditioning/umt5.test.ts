// UMT5's relative position buckets by hand, and what its mask must not let through.
import { afterAll, describe, expect, test } from 'vitest';
import { parseUmt5Config, relativeBuckets, umt5States } from '../../conditioning/umt5.ts';
import { flatLayout, initialState, views } from '../../graph/adamw.ts';
import { input } from '../../graph/build.ts';
import { compile } from '../../graph/compile.ts';
import { fetched, localEngine } from '../../graph/engine.ts';
import { ModelFileError } from '../../graph/errors.ts';
import { parameterScope } from '../../graph/parameters.ts';
import { floats, int32Tensor, tensor } from '../../graph/tensor.ts';

describe('buckets', () => {
  const length = 200;
  const table = relativeBuckets({ buckets: 32, maxDistance: 128 }, length).data;
  const at = (query: number, key: number) => table[query * length + key];

  test('near keys have a bucket each, later ones 16 further', () => {
    expect([0, 1, 7].map((distance) => at(50, 50 - distance))).toEqual([0, 1, 7]);
    expect([1, 7].map((distance) => at(50, 50 + distance))).toEqual([17, 23]);
  });

  test('far keys share buckets that double in width, the last from distance 128 on', () => {
    // 8 + floor(8 log(distance / 8) / log(16)); the boundaries 16, 32 and 64 open a bucket.
    expect([8, 11, 12, 15, 16, 31, 32, 63, 64].map((d) => at(150, 150 - d))).toEqual([8, 8, 9, 9, 10, 11, 12, 13, 14]);
    expect([90, 91, 127, 128, 150].map((d) => at(150, 150 - d))).toEqual([14, 15, 15, 15, 15]);
    expect(at(0, 199)).toBe(31);
  });
});

const config = parseUmt5Config({
  model_type: 'umt5',
  vocab_size: 30,
  d_model: 16,
  d_kv: 4,
  d_ff: 24,
  num_layers: 2,
  num_heads: 3,
});

describe('encoder', () => {
  const engine = localEngine();
  afterAll(() => engine.close());

  test('padding leaves no trace in the states of the words', async () => {
    const scope = parameterScope();
    const { lastHiddenState: states } = umt5States(
      scope.parameters,
      config,
      input('ids', [1, 6], 'int32'),
      input('mask', [1, 6], 'int32'),
    );
    const layout = flatLayout(scope.specs());
    let draw = 0.3;
    const weights = views(layout, initialState(layout, () => (draw = (draw * 97.3 + 0.17) % 1)).parameters);
    const session = await engine.open(compile({ outputs: { states }, weights: (name) => weights[name] }));
    const run = async (ids: number[]) => {
      const results = await session.run({
        ids: int32Tensor(ids, [1, 6]),
        mask: int32Tensor([1, 1, 1, 1, 0, 0], [1, 6]),
      });
      return floats(fetched(results, 'states')).slice(0, 4 * 16);
    };
    expect(await run([3, 9, 4, 1, 0, 0])).toEqual(await run([3, 9, 4, 1, 25, 17]));
    expect(await run([3, 9, 4, 1, 0, 0])).not.toEqual(await run([3, 8, 4, 1, 0, 0]));
  });

  test('a weight of another shape is named', () => {
    const scope = parameterScope();
    const { lastHiddenState } = umt5States(scope.parameters, config, input('ids', [1, 6], 'int32'));
    const weights = () => tensor(new Float32Array(4), [2, 2]);
    expect(() => compile({ outputs: { lastHiddenState }, weights })).toThrow(ModelFileError);
    expect(() => compile({ outputs: { lastHiddenState }, weights })).toThrow(/shared\.weight|relative_attention_bias/);
  });
});

test('a configuration that this encoder cannot follow is refused by key', () => {
  expect(() => parseUmt5Config({ model_type: 't5' })).toThrow(/model_type/);
  expect(() => parseUmt5Config({ model_type: 'umt5', feed_forward_proj: 'relu' })).toThrow(/feed_forward_proj/);
  expect(() => parseUmt5Config({ model_type: 'umt5', relative_attention_num_buckets: 30 })).toThrow(
    /relative_attention_num_buckets/,
  );
  expect(parseUmt5Config({ model_type: 'umt5' })).toMatchObject({ vocabularySize: 250112, hiddenSize: 512, eps: 1e-6 });
});
