// Samples of the products: matrices, convolutions, rotary embedding, attention.
import * as tf from '@tensorflow/tfjs';
import * as g from '../../graph/build.ts';
import { fixed, real, sample } from './sample.ts';
import type { Sample } from './sample.ts';
import * as twins from './twins.ts';

const matmul = (title: string, a: readonly number[], b: readonly number[], options: g.MatmulOptions = {}): Sample =>
  sample(
    title,
    [real(...a), real(...b)],
    (x, y) => g.matmul(x, y, options),
    (x, y) => {
      const lead = tf.backend_util.assertAndGetBroadcastShape(x.shape.slice(0, -2), y.shape.slice(0, -2));
      const wide = (value: tf.Tensor) => tf.broadcastTo(value, [...lead, ...value.shape.slice(-2)]);
      return tf.mul(tf.matMul(wide(x), wide(y), options.transA, options.transB), options.alpha ?? 1);
    },
  );

interface ConvSample extends g.ConvOptions {
  readonly x: readonly number[];
  readonly weight: readonly number[];
}
/** One convolution without and one with a bias. */
const convs = (title: string, { x, weight, ...options }: ConvSample): readonly Sample[] => {
  const kernel = weight.slice(2);
  const full = {
    stride: options.stride ?? kernel.map(() => 1),
    padBefore: options.padBefore ?? kernel.map(() => 0),
    padAfter: options.padAfter ?? kernel.map(() => 0),
  };
  const inputs = [real(...x), real(...weight)];
  const over = [1, -1, ...kernel.map(() => 1)];
  return [
    sample(
      title,
      inputs,
      (v, w) => g.conv(v, w, options),
      (v, w) => twins.convTwin(v, w, full),
    ),
    sample(
      `${title}, with a bias`,
      [...inputs, real(weight[0]!)],
      (v, w, bias) => g.conv(v, w, { ...options, bias }),
      (v, w, bias) => tf.add(twins.convTwin(v, w, full), tf.reshape(bias, over)),
    ),
  ];
};

const rope = (heads: number, interleaved: boolean, batch: number): Sample =>
  sample(
    `${heads} heads, batch ${batch}, ${interleaved ? 'neighbours' : 'halves'}`,
    [real(batch, 3, heads * 4), fixed(real(3, 2)), fixed(real(3, 2))],
    (x, cos, sin) => g.rope(x, cos, sin, { heads, interleaved }),
    (x, cos, sin) => twins.ropeTwin(x, cos, sin, heads, interleaved),
  );

interface AttentionSample {
  readonly q: readonly [number, number, number];
  readonly length: number;
  readonly heads: number;
  readonly scale?: number;
  readonly bias?: readonly number[];
}
const attention = (title: string, { q, length, heads, scale, bias }: AttentionSample): Sample => {
  const [batch, , width] = q;
  const options = { heads, ...(scale === undefined ? {} : { scale }) };
  const twinOptions = { heads, scale: scale ?? 1 / Math.sqrt(width / heads) };
  const keys = [real(...q), real(batch, length, width), real(batch, length, width)];
  return sample(
    title,
    bias === undefined ? keys : [...keys, real(...bias)],
    (x, k, v, b) => g.attention(x, k, v, { ...options, bias: b }),
    (x, k, v, b) => twins.attentionTwin(x, k, v, b === undefined ? twinOptions : { ...twinOptions, bias: b }),
  );
};

export const productSamples = {
  matmul: [
    matmul('matrices', [3, 4], [4, 2]),
    matmul('matrices, left transposed', [4, 3], [4, 2], { transA: true }),
    matmul('matrices, right transposed', [3, 4], [2, 4], { transB: true }),
    matmul('matrices, both transposed, scaled', [4, 3], [2, 4], { transA: true, transB: true, alpha: -0.5 }),
    matmul('batches', [2, 3, 4], [2, 4, 2], { alpha: 0.3 }),
    matmul('batches, left transposed', [2, 3, 4, 3], [2, 3, 4, 2], { transA: true }),
    matmul('batches, right transposed', [2, 3, 4], [2, 2, 4], { transB: true, alpha: 2 }),
    matmul('batches, both transposed', [2, 4, 3], [2, 2, 4], { transA: true, transB: true }),
    matmul('batch and 2D right', [2, 3, 4], [4, 2]),
    matmul('batch and 2D right, transposed', [2, 2, 3, 4], [2, 4], { transB: true, alpha: 0.7 }),
    matmul('batch and 2D right, left transposed', [2, 4, 3], [4, 2], { transA: true }),
    matmul('batch and 2D right, both transposed', [2, 4, 3], [2, 4], { transA: true, transB: true }),
    matmul('2D left and batch', [3, 4], [2, 4, 2]),
    matmul('2D left and batch, both transposed', [4, 3], [2, 2, 4], { transA: true, transB: true, alpha: 3 }),
    matmul('batches that broadcast both ways', [2, 1, 3, 4], [3, 4, 2]),
    matmul('batches that broadcast, right transposed', [1, 3, 4], [2, 2, 4], { transB: true }),
    matmul('batches that broadcast, left transposed', [2, 4, 3], [1, 4, 2], { transA: true, alpha: 0.25 }),
  ],
  conv: [
    ...convs('1D', { x: [2, 3, 7], weight: [2, 3, 3] }),
    ...convs('1D, stride 2, causal pad', { x: [2, 2, 7], weight: [3, 2, 3], stride: [2], padBefore: [2] }),
    ...convs('1D, stride 3 that leaves a rest', { x: [1, 2, 9], weight: [2, 2, 2], stride: [3] }),
    ...convs('2D, 1x1', { x: [2, 3, 3, 4], weight: [2, 3, 1, 1] }),
    ...convs('2D, 1x1, stride 2', { x: [1, 2, 4, 5], weight: [2, 2, 1, 1], stride: [2, 2] }),
    ...convs('2D, 1x1, padded', { x: [1, 2, 3, 3], weight: [2, 2, 1, 1], padBefore: [1, 0], padAfter: [0, 1] }),
    ...convs('2D, 3x3 same', { x: [2, 2, 4, 5], weight: [3, 2, 3, 3], padBefore: [1, 1], padAfter: [1, 1] }),
    ...convs('2D, stride 2, padded behind', {
      x: [1, 2, 6, 4],
      weight: [2, 2, 3, 3],
      stride: [2, 2],
      padAfter: [1, 1],
    }),
    ...convs('2D, patches', { x: [2, 3, 4, 6], weight: [4, 3, 2, 2], stride: [2, 2] }),
    ...convs('2D, stride over the kernel', { x: [1, 2, 5, 7], weight: [2, 2, 2, 2], stride: [3, 3] }),
    ...convs('3D', { x: [1, 2, 3, 4, 3], weight: [2, 2, 2, 3, 2] }),
    ...convs('3D, causal in time', {
      x: [1, 2, 3, 3, 3],
      weight: [3, 2, 3, 3, 3],
      padBefore: [2, 1, 1],
      padAfter: [0, 1, 1],
    }),
    ...convs('3D, stride 1x2x2, padded behind', {
      x: [2, 2, 2, 5, 4],
      weight: [2, 2, 1, 3, 3],
      stride: [1, 2, 2],
      padAfter: [0, 1, 1],
    }),
    ...convs('3D, time only, stride 2', { x: [1, 2, 5, 2, 2], weight: [2, 2, 3, 1, 1], stride: [2, 1, 1] }),
  ],
  rope: [rope(1, true, 1), rope(3, true, 2), rope(1, false, 1), rope(3, false, 2)],
  attention: [
    attention('one head', { q: [1, 3, 4], length: 3, heads: 1 }),
    attention('heads and batch', { q: [2, 3, 8], length: 3, heads: 2 }),
    attention('more keys than queries', { q: [2, 2, 8], length: 5, heads: 2 }),
    attention('fewer keys than queries, own scale', { q: [1, 5, 6], length: 2, heads: 3, scale: 1 }),
    attention('full bias', { q: [2, 3, 8], length: 4, heads: 2, bias: [2, 2, 3, 4] }),
    attention('bias over heads', { q: [2, 3, 8], length: 3, heads: 2, bias: [1, 2, 3, 3] }),
    attention('bias over batch', { q: [2, 3, 8], length: 4, heads: 2, bias: [2, 1, 3, 4] }),
    attention('bias of keys', { q: [2, 3, 8], length: 4, heads: 2, bias: [2, 1, 1, 4] }),
    attention('2D bias', { q: [2, 3, 8], length: 4, heads: 2, bias: [3, 4] }),
  ],
};
