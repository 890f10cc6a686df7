// Walks the op table: every op's value and gradient against tfjs, its gradient against central finite differences too.
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';
import { constant, input, mul, sum } from '../../graph/build.ts';
import { compile } from '../../graph/compile.ts';
import { gradients } from '../../graph/gradients.ts';
import type { Node } from '../../graph/node.ts';
import { definitionOf, opTable } from '../../graph/ops/table.ts';
import { openRuntimeSession } from '../../graph/session.ts';
import { floats, sizeOf, tensor } from '../../graph/tensor.ts';
import type { Tensor } from '../../graph/tensor.ts';
import type { OpName } from '../../graph/node.ts';
import type { Sample } from './sample.ts';
import { samples } from './samples.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** Near relative to the largest expected value. */
function expectNear(actual: Float32Array, expected: Float32Array, tolerance: number): void {
  const scale = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
  expect(actual.length).toBe(expected.length);
  actual.forEach((value, i) => {
    if (!(Math.abs(value - expected[i]!) <= tolerance * scale))
      expect.fail(`[${i}] is ${value}, should be ${expected[i]!}\n${actual.join()}\n${expected.join()}`);
  });
}

const feedsOf = ({ inputs }: Sample): Record<string, Tensor> =>
  Object.fromEntries(inputs.map(({ value }, i) => [`x${i}`, value]));

const leavesOf = ({ inputs }: Sample): Node[] => inputs.map(({ value }, i) => input(`x${i}`, value.shape, value.dtype));

const wanted = ({ inputs }: Sample): readonly number[] => inputs.flatMap(({ fixed }, i) => (fixed ? [] : [i]));

/** Weights of the outputs in the loss whose gradient is taken: multiples of 1/64, exact in 16 bits. */
const lossWeights = (shape: readonly number[]): Tensor & { data: Float32Array } =>
  tensor(
    Float32Array.from({ length: sizeOf(shape) }, (_, i) => Math.round(64 * Math.cos(1 + 2.3 * i)) / 64),
    shape,
  );

const weighted = (y: Node): Node =>
  sum(
    mul(y, constant(lossWeights(y.shape))),
    y.shape.map((_, axis) => axis),
  );

function toTf({ dtype, shape, data }: Tensor): tf.Tensor {
  return tf.tensor(data as Float32Array, [...shape], dtype === 'int32' ? 'int32' : 'float32');
}

/** Value and gradients by the table: { y, g0, g1, ... }. */
async function byGraph(sample: Sample): Promise<Record<string, Tensor>> {
  const leaves = leavesOf(sample);
  const y = sample.graph(...leaves);
  const indices = y.op === 'parameter' ? [] : wanted(sample);
  const slopes = gradients(
    weighted(y),
    indices.map((i) => leaves[i]!),
  );
  const named = Object.fromEntries(indices.map((index, i) => [`g${index}`, slopes[i]!]));
  const session = await openRuntimeSession(compile({ outputs: { y, ...named }, weights: 'inputs' }));
  try {
    return await session.run(feedsOf(sample));
  } finally {
    await session.release();
  }
}

/** Value, and loss as a function of the inputs (summed in double precision), by the form in which graphs are sampled from. */
async function openInference(sample: Sample) {
  const y = sample.graph(...leavesOf(sample));
  const given = feedsOf(sample);
  const session = await openRuntimeSession(compile({ outputs: { y }, weights: (name) => given[name] }));
  const weights = lossWeights(y.shape).data;
  const value = async () => floats((await session.run(given))['y']!);
  const loss = async (feeds: Record<string, Tensor>) =>
    floats((await session.run(feeds))['y']!).reduce((total, value, i) => total + value * weights[i]!, 0);
  return { value, loss, release: () => session.release() };
}

type Loss = Awaited<ReturnType<typeof openInference>>['loss'];
const step = 1 / 64;

/** (8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / 12h, the central difference of fourth order, for some elements of one input. */
async function differences(
  sample: Sample,
  loss: Loss,
  which: number,
  elements: readonly number[],
): Promise<Float32Array> {
  const feeds = feedsOf(sample);
  const { shape, data } = feeds[`x${which}`]!;
  const slopes: number[] = [];
  for (const element of elements) {
    const at = async (offset: number) => {
      const moved = Float32Array.from(data as Float32Array);
      moved[element]! += offset;
      return loss({ ...feeds, [`x${which}`]: tensor(moved, shape) });
    };
    const inner = (await at(step)) - (await at(-step));
    slopes.push((8 * inner - (await at(2 * step)) + (await at(-2 * step))) / (12 * step));
  }
  return Float32Array.from(slopes);
}

/** At most 12 elements, spread over all. */
const probes = (size: number): readonly number[] =>
  Array.from({ length: Math.min(size, 12) }, (_, i, stride = Math.max(1, size / 12)) => Math.floor(i * stride));

/** Value and gradients by tfjs. */
function byTwin(sample: Sample): { y: Float32Array; slopes: Map<number, Float32Array> } {
  const inputs = sample.inputs.map(({ value }) => toTf(value));
  const y = sample.twin(...inputs);
  const indices = wanted(sample);
  const loss = (...moved: tf.Tensor[]) => {
    const all = inputs.map((value, i) => (indices.includes(i) ? moved[indices.indexOf(i)]! : value));
    const result = sample.twin(...all);
    return tf.sum(tf.mul(result, toTf(lossWeights(result.shape))));
  };
  const found = indices.length === 0 ? [] : tf.grads(loss)(indices.map((i) => inputs[i]!));
  return {
    y: y.dataSync<'float32'>(),
    slopes: new Map(found.map((slope, i) => [indices[i]!, slope.dataSync<'float32'>()])),
  };
}

const withoutGradient: readonly string[] = [
  'input',
  'parameter',
  'constant',
  'int8Matmul',
  'int4Matmul',
] satisfies OpName[];
/** Its gradient is a convention, not the slope of its value. */
const byConvention: readonly string[] = ['stopGradient'] satisfies OpName[];

describe.each(Object.entries(samples))('%s', (op, list: readonly Sample[]) => {
  test('has a gradient, or says why not', () => {
    const { gradient } = definitionOf(op as OpName);
    if (withoutGradient.includes(op))
      expect(gradient).toEqual({ notDifferentiable: expect.stringMatching(/\w+/) as string });
    else expect(gradient).toBeTypeOf('function');
  });

  test.each(list.map((sample) => [sample.title, sample] as const))('%s', async (_, sample) => {
    const y = sample.graph(...leavesOf(sample));
    expect(y.op).toBe(op);
    const actual = await byGraph(sample);
    const inference = await openInference(sample);
    const twin = byTwin(sample);
    expect(actual['y']!.shape).toEqual(y.shape);
    expectNear(floats(actual['y']!), twin.y, 2e-6);
    expectNear(await inference.value(), twin.y, 2e-6);
    if (op === 'parameter') return inference.release();
    for (const which of wanted(sample)) {
      const slopes = floats(actual[`g${which}`]!);
      expect(actual[`g${which}`]!.shape).toEqual(sample.inputs[which]!.value.shape);
      expectNear(slopes, twin.slopes.get(which)!, 1e-5);
      if (byConvention.includes(op)) continue;
      const elements = probes(slopes.length);
      expectNear(
        Float32Array.from(elements, (i) => slopes[i]!),
        await differences(sample, inference.loss, which, elements),
        2e-4,
      );
    }
    await inference.release();
  });
});

test('the samples cover the table', () => {
  expect(Object.keys(samples).sort()).toEqual(Object.keys(opTable).sort());
});
