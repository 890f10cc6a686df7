// Additive attention masks: 0 where a query may look at a key, the most negative float32 where it may not.
// transformers adds finfo.min (not -infinity), so a row in which everything is masked becomes uniform rather than NaN.
import { cast, constant, mul, reshape, sub } from '../graph/build.ts';
import type { Node } from '../graph/node.ts';
import { tensor } from '../graph/tensor.ts';

/** torch.finfo(float32).min */
export const MASKED = -3.4028234663852886e38;

/** Bias [1,1,L,L] that lets position i see the keys 0..i. */
export function causalBias(length: number): Node {
  const bias = new Float32Array(length * length);
  for (let query = 0; query < length; query++) {
    bias.fill(MASKED, query * length + query + 1, (query + 1) * length);
  }
  return constant(tensor(bias, [1, 1, length, length]));
}

/** Bias [B,1,1,L] out of a mask [B,L] that is 1 at words and 0 at padding. */
export function paddingBias(mask: Node): Node {
  const [batch, length] = mask.shape;
  const kept = mask.dtype === 'float32' ? mask : cast(mask, 'float32');
  return reshape(mul(sub(1, kept), MASKED), [batch!, 1, 1, length!]);
}
