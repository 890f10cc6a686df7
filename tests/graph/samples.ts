// Samples of every op, walked by ops.test.ts. An op without a row here does not compile.
import * as tf from '@tensorflow/tfjs';
import * as g from '../../graph/build.ts';
import type { Node, OpName } from '../../graph/node.ts';
import { tensor } from '../../graph/tensor.ts';
import { productSamples } from './product-samples.ts';
import { quantisedSamples } from './quantised-samples.ts';
import { apart, between, ids, positive, real, sample } from './sample.ts';
import type { Sample } from './sample.ts';
import { structureSamples } from './structure-samples.ts';
import * as twins from './twins.ts';

type Twin2 = (a: tf.Tensor, b: tf.Tensor) => tf.Tensor;

/** A broadcasting op on shapes that meet in every way. */
const binary = (graph: (a: Node, b: Node) => Node, twin: Twin2, left = real, right = real): readonly Sample[] => [
  sample('equal shapes', [left(2, 3), right(2, 3)], graph, twin),
  sample('fewer axes on the right', [left(2, 3, 4), right(4)], graph, twin),
  sample('fewer axes on the left', [left(4), right(2, 3, 4)], graph, twin),
  sample('extents of 1 on both sides', [left(2, 1, 4), right(3, 1)], graph, twin),
  sample('scalar left', [left(), right(2, 3)], graph, twin),
  sample('scalar right', [left(2, 3), right()], graph, twin),
];

const unary = (graph: (x: Node) => Node, twin: (x: tf.Tensor) => tf.Tensor, values = real): readonly Sample[] => [
  sample('rank 3', [values(2, 3, 4)], graph, twin),
  sample('a scalar', [values()], graph, twin),
];

type ReduceTwin = (x: tf.Tensor, axes: number[], keepDims: boolean) => tf.Tensor;
const reduction = (graph: typeof g.sum, twin: ReduceTwin): readonly Sample[] => {
  const one = (axes: number[], keepDims: boolean) =>
    sample(
      `axes ${axes.join()}${keepDims ? ', kept' : ''} of rank 4`,
      [real(2, 3, 4, 2)],
      (x) => graph(x, axes, { keepDims }),
      (x) => twin(x, axes, keepDims),
    );
  return [[0], [1], [-1], [0, 2], [2, 3], [0, 1, 2, 3]].flatMap((axes) => [one(axes, false), one(axes, true)]);
};

const table = Float32Array.of(1, -2, 3.5, 0);

export const samples = {
  input: [
    sample(
      'fed',
      [real(2, 3)],
      (x) => x,
      (x) => tf.clone(x),
    ),
  ],
  parameter: [
    sample(
      'fed by its name',
      [real(2, 3)],
      () => g.parameter('x0', [2, 3]),
      (x) => tf.clone(x),
    ),
  ],
  constant: [
    sample(
      'inline',
      [],
      () => g.constant(tensor(table, [2, 2])),
      () => tf.tensor(table, [2, 2]),
    ),
  ],
  add: binary(g.add, tf.add),
  sub: binary(g.sub, tf.sub),
  mul: binary(g.mul, tf.mul),
  div: binary(g.div, tf.div, real, positive),
  // The gradient of tf.maximum forgets that operands were broadcast.
  maximum: binary(g.maximum, twins.maximumTwin, apart, between),
  greater: binary(g.greater, (a, b) => tf.step(tf.sub(a, b)), apart, between),
  neg: unary(g.neg, tf.neg),
  exp: unary(g.exp, tf.exp),
  log: unary(g.log, tf.log, positive),
  sqrt: unary(g.sqrt, tf.sqrt, positive),
  tanh: unary(g.tanh, tf.tanh),
  sigmoid: unary(g.sigmoid, tf.sigmoid),
  sin: unary(g.sin, tf.sin),
  cos: unary(g.cos, tf.cos),
  erf: unary(g.erf, tf.erf),
  abs: unary(g.abs, tf.abs, apart),
  sign: unary(g.sign, tf.sign, apart),
  reciprocal: unary(g.reciprocal, tf.reciprocal, positive),
  relu: unary(g.relu, tf.relu, apart),
  swish: [
    ...unary(g.silu, (x) => twins.swishTwin(x, 1)),
    sample('quick GELU', [real(3, 5)], g.quickGelu, (x) => twins.swishTwin(x, 1.702)),
  ],
  gelu: (['tanh', 'none'] as const).map((approximate) =>
    sample(
      approximate,
      [real(3, 5)],
      (x) => g.gelu(x, approximate),
      (x) => twins.geluTwin(x, approximate),
    ),
  ),
  clamp: unary(
    (x) => g.clamp(x, -0.75, 0.5),
    (x) => tf.clipByValue(x, -0.75, 0.5),
    apart,
  ),
  sum: reduction(g.sum, tf.sum),
  mean: reduction(g.mean, tf.mean),
  softmax: [
    sample('rows', [real(2, 3, 5)], g.softmax, (x) => tf.softmax(x)),
    sample('one row', [real(7)], g.softmax, (x) => tf.softmax(x)),
  ],
  logSoftmax: [
    sample('rows', [real(2, 3, 5)], g.logSoftmax, (x) => tf.logSoftmax(x)),
    sample('one row', [real(7)], g.logSoftmax, (x) => tf.logSoftmax(x)),
  ],
  cast: [
    sample(
      'through float16',
      [apart(2, 3)],
      (x) => g.cast(g.cast(x, 'float16'), 'float32'),
      (x) => tf.clone(x),
    ),
    sample(
      'through int32: no gradient',
      [apart(2, 3)],
      (x) => g.cast(g.cast(x, 'int32'), 'float32'),
      (x) => tf.mul(tf.sign(x), tf.floor(tf.abs(x))),
    ),
    sample(
      'from int32',
      [ids([1, -7, 3], [3])],
      (x) => g.cast(x, 'float32'),
      (x) => tf.cast(x, 'float32'),
    ),
  ],
  stopGradient: [sample('the identity', [real(2, 3)], g.stopGradient, twins.stopTwin)],
  layerNorm: [
    sample(
      'plain',
      [real(2, 3, 6)],
      (x) => g.layerNorm(x, { eps: 1e-5 }),
      (x) => twins.layerNormTwin(x, 1e-5),
    ),
    sample(
      'scaled',
      [real(2, 3, 6), real(6)],
      (x, scale) => g.layerNorm(x, { scale, eps: 1e-2 }),
      (x, scale) => twins.layerNormTwin(x, 1e-2, scale),
    ),
    sample(
      'affine',
      [real(3, 6), real(6), real(6)],
      (x, scale, bias) => g.layerNorm(x, { scale, bias, eps: 1e-6 }),
      (x, scale, bias) => twins.layerNormTwin(x, 1e-6, scale, bias),
    ),
  ],
  rmsNorm: [
    sample(
      'rank 2',
      [real(3, 6), real(6)],
      (x, s) => g.rmsNorm(x, s, 1e-6),
      (x, s) => twins.rmsNormTwin(x, s, 1e-6),
    ),
    sample(
      'rank 4',
      [real(1, 2, 3, 4), real(4)],
      (x, s) => g.rmsNorm(x, s, 0.1),
      (x, s) => twins.rmsNormTwin(x, s, 0.1),
    ),
  ],
  l2Normalize: [
    sample(
      'last axis',
      [real(3, 4)],
      (x) => g.l2Normalize(x, -1),
      (x) => twins.l2NormalizeTwin(x, 1),
    ),
    sample(
      'channels of a picture',
      [real(2, 3, 2, 2)],
      (x) => g.l2Normalize(x, 1),
      (x) => twins.l2NormalizeTwin(x, 1),
    ),
  ],
  ...structureSamples,
  ...productSamples,
  ...quantisedSamples,
} satisfies Record<OpName, readonly Sample[]>;
