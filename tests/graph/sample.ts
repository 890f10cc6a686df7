// What the walk over the op table needs of each op: inputs, the op as a graph, and its twin in tfjs, the independent judge.
// Values come from a fixed sequence, so every run checks the same numbers.
import type * as tf from '@tensorflow/tfjs';
import type { Node } from '../../graph/node.ts';
import { int32Tensor, sizeOf, tensor } from '../../graph/tensor.ts';
import type { Shape, Tensor } from '../../graph/tensor.ts';

export interface SampleInput {
  readonly value: Tensor;
  /** No gradient flows to it: ids, tables. */
  readonly fixed: boolean;
}

export interface Sample {
  readonly title: string;
  readonly inputs: readonly SampleInput[];
  readonly graph: (...inputs: Node[]) => Node;
  readonly twin: (...inputs: tf.Tensor[]) => tf.Tensor;
}

export const sample = (
  title: string,
  inputs: readonly SampleInput[],
  graph: Sample['graph'],
  twin: Sample['twin'],
): Sample => ({ title, inputs, graph, twin });

let state = 1;
/** The next value of a linear congruential sequence, in [0,1). */
function next(): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 32;
}

const filled = (shape: Shape, value: (index: number) => number): SampleInput => ({
  value: tensor(
    Float32Array.from({ length: sizeOf(shape) }, (_, i) => value(i)),
    shape,
  ),
  fixed: false,
});

/** Values in [-1.5, 1.5). */
export const real = (...shape: number[]): SampleInput => filled(shape, () => 3 * next() - 1.5);
/** Values in [0.5, 2). */
export const positive = (...shape: number[]): SampleInput => filled(shape, () => 0.5 + 1.5 * next());
/** Multiples of 1/4, exact in 16 bits and none near zero or near those of `between`: for ops with a kink. */
export const apart = (...shape: number[]): SampleInput => filled(shape, () => Math.floor(12 * next()) / 4 - 1.375);
export const between = (...shape: number[]): SampleInput => filled(shape, () => Math.floor(12 * next()) / 4 - 1.5);
export const ids = (values: readonly number[], shape: Shape): SampleInput => ({
  value: int32Tensor(values, shape),
  fixed: true,
});
export const fixed = ({ value }: SampleInput): SampleInput => ({ value, fixed: true });
