import { describe, expect, it } from 'vitest';
import { adamDefaults, adamStep, flatLayout, initialState } from '../../graph/adamw.ts';
import { input } from '../../graph/build.ts';
import { compile } from '../../graph/compile.ts';
import { matrixOf, Muon, orthogonalised } from '../../graph/muon.ts';
import type { Init } from '../../graph/parameters.ts';
import { openRuntimeSession } from '../../graph/session.ts';
import { floats, tensor } from '../../graph/tensor.ts';
import { randomOf } from '../../training/world/random.ts';

const spec = (name: string, shape: readonly number[], init: Init = { kind: 'ones' }) => ({ name, shape, init });
const noise = (count: number, seed: number): Float32Array => {
  const random = randomOf(seed);
  return Float32Array.from({ length: count }, () => random.range(-1, 1));
};

async function orthogonal(values: Float32Array, shape: readonly [number, number]): Promise<Float32Array> {
  const graph = compile({ outputs: { y: orthogonalised(input('x', shape)) }, weights: () => undefined });
  const session = await openRuntimeSession(graph);
  const { y } = await session.run({ x: tensor(values, shape) });
  await session.release();
  return floats(y!);
}

describe('Muon', () => {
  it.each([
    [12, 40],
    [40, 12],
  ] as const)('makes a %d x %d matrix nearly orthogonal', async (rows, columns) => {
    const y = await orthogonal(noise(rows * columns, 1), [rows, columns]);
    const [short, at] =
      rows < columns
        ? [rows, (i: number, k: number) => y[i * columns + k]!]
        : [columns, (i: number, k: number) => y[k * columns + i]!];
    for (let i = 0; i < short; i++)
      for (let j = 0; j < short; j++) {
        let dot = 0;
        for (let k = 0; k < Math.max(rows, columns); k++) dot += at(i, k) * at(j, k);
        if (i === j) expect(dot).toBeGreaterThan(0.4);
        expect(Math.abs(dot - (i === j ? 1 : 0))).toBeLessThan(0.6);
      }
  });

  it('treats a diagonal one entry by entry, whatever their sizes, and keeps zero zero', async () => {
    const y = await orthogonal(Float32Array.of(3, 0, 0, -0.3), [2, 2]);
    expect(y[0]).toBeGreaterThan(0.65);
    expect(y[3]).toBeLessThan(-0.65);
    expect([y[1], y[2]]).toEqual([0, 0]);
    expect([...(await orthogonal(new Float32Array(4), [2, 2]))]).toEqual([0, 0, 0, 0]);
  });

  it('takes kernels for matrices and leaves vectors to AdamW, to the same numbers', async () => {
    expect(matrixOf(spec('kernel', [8, 4, 3, 3, 3]))).toEqual([8, 108]);
    expect(matrixOf(spec('gamma', [8, 1, 1, 1]))).toBeUndefined();
    expect(matrixOf(spec('row', [1, 8]))).toBeUndefined();
    const layout = flatLayout([spec('kernel', [4, 2, 3]), spec('gamma', [5, 1, 1])]);
    const [state, alone] = [initialState(layout, () => 0.5), initialState(layout, () => 0.5)];
    const muon = await Muon.open(layout);
    const options = { ...adamDefaults, maxNorm: 1e9 };
    for (const seed of [1, 2]) {
      await muon.step(state, noise(layout.size, seed), options);
      adamStep(alone, noise(layout.size, seed), options);
    }
    await muon.release();
    expect(state.step).toBe(2);
    expect(state.parameters.subarray(24)).toEqual(alone.parameters.subarray(24));
    expect(state.ema.subarray(24)).toEqual(alone.ema.subarray(24));
    expect(state.parameters.subarray(0, 24)).not.toEqual(alone.parameters.subarray(0, 24));
  });

  it('moves a matrix by about as much as AdamW would, whatever the size of its gradient', async () => {
    const layout = flatLayout([spec('weight', [16, 64], { kind: 'zeros' })]);
    const muon = await Muon.open(layout);
    const moved: number[] = [];
    for (const scale of [1e-4, 1]) {
      const state = initialState(layout, () => 0.5);
      await muon.step(state, noise(1024, 3).map((value) => value * scale), { ...adamDefaults, learningRate: 0.01 }); // prettier-ignore
      moved.push(Math.sqrt(state.parameters.reduce((sum, p) => sum + p * p, 0) / 1024));
    }
    await muon.release();
    expect(moved[0]).toBeCloseTo(moved[1]!, 4);
    expect(moved[0]).toBeGreaterThan(0.001);
    expect(moved[0]).toBeLessThan(0.004);
  });

  it('moves matrices that take turns each at its own, by as much in all', async () => {
    const layout = flatLayout([spec('one', [16, 64], { kind: 'zeros' }), spec('other', [64, 16], { kind: 'zeros' })]);
    const options = { ...adamDefaults, learningRate: 0.01 };
    const moved = async (turns: number, updates: number): Promise<number[]> => {
      const state = initialState(layout, () => 0.5);
      const muon = await Muon.open(layout, { turns });
      for (let i = 0; i < updates; i++) await muon.step(state, noise(layout.size, 3), options);
      await muon.release();
      return [state.parameters.subarray(0, 1024), state.parameters.subarray(1024)].map((part) =>
        Math.sqrt(part.reduce((sum, p) => sum + p * p, 0) / 1024),
      );
    };
    const [first, second] = [await moved(2, 1), await moved(2, 2)];
    expect(first[0]).toBeGreaterThan(0);
    expect(first[1]).toBe(0);
    expect(second[0]).toBe(first[0]);
    (await moved(1, 2)).forEach((size, i) => expect(second[i]! / size).toBeCloseTo(1, 1));
  });
});
