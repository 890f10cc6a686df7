// The ops that tfjs lacks, or has in another layout, composed of tfjs's own: channels-last convolutions, rotary embedding,
// attention, the norms, the GELUs, stepped slices.
import * as tf from '@tensorflow/tfjs';

export interface ConvTwinOptions {
  readonly stride: readonly number[];
  readonly padBefore: readonly number[];
  readonly padAfter: readonly number[];
}

/** x [B,C,*S], weight [O,C,*K]: padded by hand, moved to channels last, convolved, moved back. */
export function convTwin(x: tf.Tensor, weight: tf.Tensor, options: ConvTwinOptions): tf.Tensor {
  const { stride, padBefore, padAfter } = options;
  const axes = stride.map((_, i) => i + 2);
  const pads = stride.map((_, i): [number, number] => [padBefore[i]!, padAfter[i]!]);
  const padded = tf.pad(x, [[0, 0], [0, 0], ...pads]);
  const last = tf.transpose(padded, [0, ...axes, 1]); // [B,*S,C]
  const kernel = tf.transpose(weight, [...axes, 1, 0]); // [*K,C,O]
  return tf.transpose(convolveLast(last, kernel, stride), [0, axes.length + 1, ...axes.map((axis) => axis - 1)]);
}

function convolveLast(x: tf.Tensor, kernel: tf.Tensor, stride: readonly number[]): tf.Tensor {
  if (stride.length === 1) return tf.conv1d(x as tf.Tensor3D, kernel as tf.Tensor3D, stride[0]!, 'valid');
  if (stride.length === 2)
    return tf.conv2d(x as tf.Tensor4D, kernel as tf.Tensor4D, stride as [number, number], 'valid');
  return tf.conv3d(x as tf.Tensor5D, kernel as tf.Tensor5D, stride as [number, number, number], 'valid');
}

/** x[start:end:step] along an axis. */
export const sliceTwin = (x: tf.Tensor, axis: number, start: number, end: number, step: number): tf.Tensor =>
  tf.gather(x, tf.range(start, end, step, 'int32'), axis);

export function ropeTwin(x: tf.Tensor, cos: tf.Tensor, sin: tf.Tensor, heads: number, interleaved: boolean): tf.Tensor {
  const [batch, tokens, width] = x.shape as [number, number, number];
  const half = width / heads / 2;
  const axis = interleaved ? 4 : 3;
  const pairs = tf.reshape(x, interleaved ? [batch, tokens, heads, half, 2] : [batch, tokens, heads, 2, half]);
  const [a, b] = tf.unstack(pairs, axis) as [tf.Tensor, tf.Tensor]; // [B,N,heads,d/2]
  const table = (values: tf.Tensor) => tf.reshape(values, [1, tokens, 1, half]);
  const [c, s] = [table(cos), table(sin)];
  const turned = [tf.sub(tf.mul(a, c), tf.mul(b, s)), tf.add(tf.mul(a, s), tf.mul(b, c))];
  return tf.reshape(tf.stack(turned, axis), [batch, tokens, width]);
}

export interface AttentionTwinOptions {
  readonly heads: number;
  readonly scale: number;
  readonly bias?: tf.Tensor;
}

export function attentionTwin(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, options: AttentionTwinOptions): tf.Tensor {
  const { heads, scale, bias } = options;
  const split = (x: tf.Tensor) => {
    const [batch, tokens, width] = x.shape as [number, number, number];
    return tf.transpose(tf.reshape(x, [batch, tokens, heads, width / heads]), [0, 2, 1, 3]);
  };
  const scores = tf.mul(tf.matMul(split(q), split(k), false, true), scale); // [B,H,N,L]
  const rows = tf.softmax(bias === undefined ? scores : tf.add(scores, bias));
  return tf.reshape(tf.transpose(tf.matMul(rows, split(v)), [0, 2, 1, 3]), q.shape);
}

export function layerNormTwin(x: tf.Tensor, eps: number, scale?: tf.Tensor, bias?: tf.Tensor): tf.Tensor {
  const centred = tf.sub(x, tf.mean(x, -1, true));
  const normal = tf.div(centred, tf.sqrt(tf.add(tf.mean(tf.square(centred), -1, true), eps)));
  const scaled = scale === undefined ? normal : tf.mul(normal, scale);
  return bias === undefined ? scaled : tf.add(scaled, bias);
}

export const rmsNormTwin = (x: tf.Tensor, scale: tf.Tensor, eps: number): tf.Tensor =>
  tf.mul(tf.div(x, tf.sqrt(tf.add(tf.mean(tf.square(x), -1, true), eps))), scale);

export const l2NormalizeTwin = (x: tf.Tensor, axis: number): tf.Tensor =>
  tf.div(x, tf.maximum(tf.sqrt(tf.sum(tf.square(x), axis, true)), 1e-12));

export const swishTwin = (x: tf.Tensor, alpha: number): tf.Tensor => tf.mul(x, tf.sigmoid(tf.mul(x, alpha)));

export function geluTwin(x: tf.Tensor, approximate: 'tanh' | 'none'): tf.Tensor {
  const cubic = tf.add(x, tf.mul(tf.mul(tf.square(x), x), 0.044715));
  const curve =
    approximate === 'tanh' ? tf.tanh(tf.mul(cubic, Math.sqrt(2 / Math.PI))) : tf.erf(tf.mul(x, Math.SQRT1_2));
  return tf.mul(tf.mul(x, 0.5), tf.add(curve, 1));
}

/** The identity whose gradient is zero. */
export const stopTwin: (x: tf.Tensor) => tf.Tensor = tf.customGrad((x) => ({
  value: tf.clone(x as tf.Tensor),
  gradFunc: (dy) => tf.zerosLike(dy),
}));

export function maximumTwin(a: tf.Tensor, b: tf.Tensor): tf.Tensor {
  const shape = tf.backend_util.assertAndGetBroadcastShape(a.shape, b.shape);
  return tf.maximum(tf.broadcastTo(a, shape), tf.broadcastTo(b, shape));
}
