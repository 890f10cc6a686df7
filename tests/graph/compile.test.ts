// Compiled graphs: order and depth, equal bytes, names, weights in memory and in files.
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  add,
  attention,
  cast,
  constant,
  exp,
  gather,
  input,
  linear,
  matmul,
  mul,
  parameter,
  reshape,
  sum,
} from '../../graph/build.ts';
import { compile } from '../../graph/compile.ts';
import type { CompiledGraph } from '../../graph/compile.ts';
import { fetched, localEngine } from '../../graph/engine.ts';
import { ModelFileError, ShapeError } from '../../graph/errors.ts';
import { gradients } from '../../graph/gradients.ts';
import { topologicalOrder } from '../../graph/node.ts';
import type { Node } from '../../graph/node.ts';
import { floats, int32Tensor, tensor, zeros } from '../../graph/tensor.ts';
import type { Tensor } from '../../graph/tensor.ts';
import { weightsFrom } from '../../graph/weights.ts';
import type { Weights } from '../../graph/weights.ts';
import { openSafetensors, writeSafetensors } from '../../io/safetensors.ts';

const engine = localEngine({ threads: 1 });
afterAll(() => engine.close());

async function run(outputs: Record<string, Node>, weights: Weights | 'inputs', feeds: Record<string, Tensor>) {
  const session = await engine.open(compile({ outputs, weights }));
  const results = await session.run(feeds);
  await session.release();
  return (name: string) => [...floats(fetched(results, name))];
}

const countOf = (op: string, { bytes }: CompiledGraph): number =>
  Buffer.from(bytes).toString('latin1').split(op).length - 1;

describe('the order of nodes', () => {
  test('has each once, after its inputs, on a diamond', () => {
    const x = input('x', [2]);
    const [left, right] = [add(x, 1), mul(x, 2)];
    const y = add(left, right);
    const order = topologicalOrder([y, left]);
    expect(new Set(order).size).toBe(order.length);
    for (const node of order)
      for (const part of node.inputs) expect(order.indexOf(part)).toBeLessThan(order.indexOf(node));
  });

  test('of a chain 20,000 deep is found, and the chain differentiated and compiled', () => {
    const x = input('x', [2]);
    let y = x;
    for (let i = 0; i < 20_000; i++) y = add(y, x);
    const order = topologicalOrder([y]);
    expect(order).toHaveLength(20_001);
    expect(order[0]).toBe(x);
    const [slope] = gradients(sum(y, [0]), [x]);
    expect(compile({ outputs: { slope: slope! }, weights: 'inputs' }).bytes.length).toBeGreaterThan(20_000);
  });
});

describe('gradients', () => {
  test('sum over all paths, and are zeros where the loss does not depend on x', async () => {
    const [x, z] = [input('x', [2]), input('z', [3])];
    const loss = sum(mul(add(x, x), x), [0]); // 2x²
    const [dx, dz] = gradients(loss, [x, z]) as [Node, Node];
    const result = await run({ dx, dz }, 'inputs', { x: tensor(Float32Array.of(1, -3), [2]) });
    expect(result('dx')).toEqual([4, -12]);
    expect(result('dz')).toEqual([0, 0, 0]);
  });

  test('need a loss of one element', () => {
    const x = input('x', [2]);
    expect(() => gradients(x, [x])).toThrow(ShapeError);
  });
});

describe('a compiled graph', () => {
  const build = () => {
    const x = input('x', [2, 3]);
    const y = add(linear(x, parameter('w', [4, 3])), constant(tensor(Float32Array.of(1, 2, 3, 4), [4])));
    return { y, slope: gradients(sum(y, [0, 1]), [x])[0]! };
  };

  test('has equal bytes for equal graphs', () => {
    const [one, two] = [0, 1].map(() => compile({ outputs: build(), weights: 'inputs' })) as [never, never];
    expect(one).toEqual(two);
  });

  test('counts two operations per multiply-add of its products', () => {
    const { y } = build();
    expect(compile({ outputs: { y }, weights: 'inputs' }).flops).toBe(2 * 2 * 3 * 4);
  });

  test('may name inputs as the compiler would name values', async () => {
    const [a, b, c] = ['n0', 'c0', '0'].map((name) => input(name, [1])) as [Node, Node, Node];
    const feeds = Object.fromEntries(['n0', 'c0', '0'].map((name, i) => [name, tensor(Float32Array.of(i + 1), [1])]));
    const result = await run({ n1: add(mul(add(a, 5), b), c) }, 'inputs', feeds);
    expect(result('n1')).toEqual([15]);
  });

  test.each<readonly [string, () => Record<string, Node>]>([
    ['two inputs', () => ({ y: add(input('x', [1]), input('x', [1])) })],
    ['an input and an output', () => ({ x: add(input('x', [1]), 1) })],
    ['a parameter and an input', () => ({ y: add(input('x', [1]), parameter('x', [1])) })],
  ])('refuses one name for %s', (_, outputs) => {
    const weights = weightsFrom(new Map([['x', zeros([1])]]));
    expect(() => compile({ outputs: outputs(), weights })).toThrow(/called x/);
  });

  test('has equal expressions once, with one constant', () => {
    const x = input('x', [2]);
    const half = () => exp(mul(x, 0.5));
    expect(countOf('Exp', compile({ outputs: { y: add(half(), half()) }, weights: 'inputs' }))).toBe(1);
  });

  test('of attention is fused to sample, and shares its weights with the gradient to train', () => {
    const count = (length: number, weights: Weights | 'inputs') => {
      const [q, k, v] = [4, length, length].map((n, i) => input(`x${i}`, [1, n, 8])) as [Node, Node, Node];
      const y = attention(q, k, v, { heads: 2 });
      const [slope] = weights === 'inputs' ? gradients(sum(y, [0, 1, 2]), [q]) : [q];
      const graph = compile({ outputs: { y, slope: slope! }, weights });
      return [countOf('MultiHeadAttention', graph), countOf('Softmax', graph)];
    };
    expect(count(6, () => undefined)).toEqual([1, 0]);
    expect(count(6, 'inputs')).toEqual([0, 1]);
    // Too many to keep: computed again for the gradient.
    expect(count(2 ** 21 + 1, 'inputs')).toEqual([1, 1]);
  });

  test('gives one node out under several names, and inputs as they are', async () => {
    const x = input('x', [2]);
    const result = await run({ a: x, b: x }, 'inputs', { x: tensor(Float32Array.of(1, 2), [2]) });
    expect([result('a'), result('b')]).toEqual([
      [1, 2],
      [1, 2],
    ]);
  });
});

describe('weights', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tessera-weights-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  const x = input('x', [1, 3]);
  const feeds = { x: tensor(Float32Array.of(1, 2, 3), [1, 3]) };
  const product = () => ({ y: matmul(x, parameter('w', [2, 3]), { transB: true }) });
  const bits = {
    float16: [0x3c00, 0xc000, 0x3800, 0, 0x4200, 0xbc00],
    bfloat16: [0x3f80, 0xc000, 0x3f00, 0, 0x4040, 0xbf80],
  };
  const stored: readonly Tensor[] = [
    tensor(Float32Array.of(1, -2, 0.5, 0, 3, -1), [2, 3]),
    { dtype: 'float16', shape: [2, 3], data: Uint16Array.from(bits.float16) },
    { dtype: 'bfloat16', shape: [2, 3], data: Uint16Array.from(bits.bfloat16) },
  ];

  test.each(stored.map((w) => [w.dtype, w] as const))('stored as %s are read from the file', async (dtype, w) => {
    const path = join(folder, `${dtype}.safetensors`);
    await writeSafetensors(path, [
      ['odd', { dtype: 'uint8', shape: [3], data: new Uint8Array(3) }],
      ['w', w],
    ]);
    const graph = compile({ outputs: product(), weights: (await openSafetensors(path)).weights });
    expect(graph.mappedBytes).toBe(w.data.byteLength);
    const prepacked = await run(product(), (await openSafetensors(path)).weights, feeds);
    expect(prepacked('y')).toEqual([-1.5, 3]);
    const session = await engine.open(graph, { prepack: false });
    expect([...floats(fetched(await session.run(feeds), 'y'))]).toEqual([-1.5, 3]);
  });

  test.each(['float16', 'bfloat16'] as const)(
    'as large %s matrices and tables are widened when they are used',
    async (dtype) => {
      const edge = 256;
      const one = dtype === 'float16' ? 0x3c00 : 0x3f80;
      const eye = new Uint16Array(edge * edge);
      for (let i = 0; i < edge; i++) eye[i * edge + i] = one;
      const path = join(folder, `large ${dtype}.safetensors`);
      await writeSafetensors(
        path,
        ['w', 'table'].map((name) => [name, { dtype, shape: [edge, edge], data: eye }]),
      );
      const { weights } = await openSafetensors(path);
      const rows = gather(parameter('table', [edge, edge]), input('ids', [2], 'int32'));
      const graph = compile({
        outputs: { y: matmul(rows, parameter('w', [edge, edge]), { transB: true }) },
        weights,
        widen: 'late',
      });
      expect(graph).toMatchObject({ mappedBytes: 2 * edge * edge * 2, widenedBytes: 0, lateBytes: edge * edge * 4 });
      const session = await engine.open(graph, { prepack: false });
      const y = floats(fetched(await session.run({ ids: int32Tensor(Int32Array.of(3, 7), [2]) }), 'y'));
      expect([...y.keys()].filter((i) => y[i] !== 0)).toEqual([3, edge + 7]);
      expect([y[3], y[edge + 7]]).toEqual([1, 1]);
      const small = compile({ outputs: product(), weights: () => stored[dtype === 'float16' ? 1 : 2]! });
      expect(small.widenedBytes).toBe(24);
    },
  );

  test('are read through a symbolic link, as hub caches have them', async () => {
    const [blob, link] = [join(folder, 'blob'), join(folder, 'link to.safetensors')];
    await writeSafetensors(blob, [['w', stored[0]!]]);
    await symlink(blob, link);
    const result = await run(product(), (await openSafetensors(link)).weights, feeds);
    expect(result('y')).toEqual([-1.5, 3]);
  });

  test('in memory may be 16 bit too', async () => {
    const result = await run(product(), weightsFrom(new Map([['w', stored[1]!]])), feeds);
    expect(result('y')).toEqual([-1.5, 3]);
  });

  test('that are missing or of another shape are named', async () => {
    const path = join(folder, 'other.safetensors');
    await writeSafetensors(path, [['w', zeros([3, 2])]]);
    const { weights } = await openSafetensors(path);
    expect(() => compile({ outputs: product(), weights })).toThrow(ModelFileError);
    expect(() => compile({ outputs: product(), weights })).toThrow(/other\.safetensors: tensor w .*\[3,2\].*\[2,3\]/);
    const other = { y: matmul(x, parameter('blocks.1.w', [2, 3]), { transB: true }) };
    expect(() => compile({ outputs: other, weights })).toThrow(/no tensor blocks\.1\.w \[2,3\]/);
  });

  test('whose file was cut short after it was opened are a model file error', async () => {
    const path = join(folder, 'cut.safetensors');
    await writeSafetensors(path, [['w', stored[0]!]]);
    const graph = compile({ outputs: product(), weights: (await openSafetensors(path)).weights });
    await writeFile(path, 'short');
    await expect(engine.open(graph)).rejects.toThrow(ModelFileError);
    await rm(path);
    await expect(engine.open(graph)).rejects.toThrow(/cut\.safetensors/);
  });
});

test('a reshape to a scalar and a product that follows run', async () => {
  const x = input('x', [1, 1]);
  const result = await run({ y: mul(reshape(x, []), cast(input('n', [2], 'int32'), 'float32')) }, 'inputs', {
    x: tensor(Float32Array.of(3), [1, 1]),
    n: { dtype: 'int32', shape: [2], data: Int32Array.of(1, 2) },
  });
  expect(result('y')).toEqual([3, 6]);
});
