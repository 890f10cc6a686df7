// Matrices that were rounded: what they lose, and graphs that multiply with them where weights have them.
import { describe, expect, test } from 'vitest';
import { input, linear, parameter } from '../../graph/build.ts';
import { compile } from '../../graph/compile.ts';
import { quantise } from '../../graph/quantise.ts';
import { productMatrices, quantisedNames, quantisedTypes } from '../../graph/quantised-weights.ts';
import { openRuntimeSession } from '../../graph/session.ts';
import { floats, type Tensor, tensor } from '../../graph/tensor.ts';
import { weightsFrom } from '../../graph/weights.ts';

const [rows, columns] = [48, 160];
/** About normally distributed, and the same in every run. */
const noise = (count: number, seed: number): Float32Array => {
  let state = seed;
  const next = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32 - 0.5;
  return Float32Array.from({ length: count }, () => next() + next() + next() + next());
};
const weight = noise(rows * columns, 1);
const [x, b] = [tensor(noise(40 * columns, 2), [1, 40, columns]), tensor(noise(rows, 3), [rows])];
const layer = () => linear(input('x', [1, 40, columns]), parameter('w', [rows, columns]), parameter('b', [rows]));
const plain = new Map<string, Tensor>([['w', tensor(weight, [rows, columns])], ['b', b]]); // prettier-ignore

async function run(tensors: ReadonlyMap<string, Tensor>) {
  const graph = compile({ outputs: { y: layer() }, weights: weightsFrom(tensors) });
  const session = await openRuntimeSession(graph);
  const { y } = await session.run({ x });
  await session.release();
  return { graph, y: floats(y!) };
}

const rootMeanSquare = (values: Float32Array): number =>
  Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);

describe.each(quantisedTypes)('%s', (type) => {
  const limit = type === 'int8' ? 0.012 : 0.11;

  test('loses as much as is measured, in the weights and in what they make', async () => {
    const { values, scales, error } = quantise(weight, [rows, columns], type);
    expect(error).toBeGreaterThan(limit / 3);
    expect(error).toBeLessThan(limit);
    const names = quantisedNames('w', type);
    const there = new Map([...plain, [names.values, values], [names.scales, scales]]);
    const [rounded, exact] = [await run(there), await run(plain)];
    expect(rounded.graph).toMatchObject({ flops: exact.graph.flops, quantisedBytes: values.data.byteLength });
    const change = rootMeanSquare(exact.y.map((value, i) => value - rounded.y[i]!)) / rootMeanSquare(exact.y);
    expect(change).toBeGreaterThan(error / 2);
    expect(change).toBeLessThan(error + 0.012); // activations are rounded too
  });

  test('keeps zeros, and says that an outlier costs the rest', () => {
    expect(quantise(new Float32Array(rows * columns), [rows, columns], type).error).toBe(0);
    const spiked = weight.slice();
    for (let row = 0; row < rows; row++) spiked[row * columns] = 30;
    expect(quantise(spiked, [rows, columns], type).error).toBeGreaterThan(2 * 0.0095);
  });
});

test('int8 products of the largest values do not overflow, on any processor', async () => {
  const values: Tensor = { dtype: 'int8', shape: [columns, rows], data: new Int8Array(columns * rows).fill(127) };
  const names = quantisedNames('w', 'int8');
  const scale = tensor(new Float32Array(rows).fill(1 / 127), [rows]);
  const there = new Map<string, Tensor>([...plain, [names.values, values], [names.scales, scale]]);
  const graph = compile({ outputs: { y: layer() }, weights: weightsFrom(there) });
  const session = await openRuntimeSession(graph);
  const { y } = await session.run({ x: tensor(new Float32Array(40 * columns).fill(1), [1, 40, columns]) });
  await session.release();
  floats(y!).forEach((value, i) => expect(value).toBeCloseTo(columns + floats(b)[i % rows]!, 2));
});

test('graphs without rounded weights stay the very same', () => {
  const [one, other] = [layer(), layer()].map((y) => compile({ outputs: { y }, weights: weightsFrom(plain) }));
  expect(one!.bytes).toEqual(other!.bytes);
  expect(one!.quantisedBytes).toBe(0);
  expect([...productMatrices([layer()])]).toEqual([['w', [rows, columns]]]);
});
