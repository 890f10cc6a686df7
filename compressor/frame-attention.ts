// Self-attention among the positions of each frame, one head as wide as the channels. Reference: WanAttentionBlock.
import { add, attention, l2Normalize, linear, mul, reshape, slice, transpose } from '../graph/build.ts';
import type { Node } from '../graph/node.ts';
import type { Parameters } from '../graph/parameters.ts';
import { convParameters } from './conv.ts';

/** x + proj(attention(norm(x))) with frames in the batch's place, so no frame sees another. x [B,C,T,H,W]. */
export function frameAttention(p: Parameters, x: Node): Node {
  const [batch, channels, frames, height, width] = x.shape as [number, number, number, number, number];
  const tokens = reshape(transpose(x, [0, 2, 3, 4, 1]), [batch * frames, height * width, channels]); // [BT,HW,C]
  const gamma = reshape(p('norm.gamma', [channels, 1, 1], { kind: 'ones' }), [channels]);
  const normed = mul(l2Normalize(tokens, -1), mul(gamma, Math.sqrt(channels)));

  const [qkvWeight, qkvBias] = convParameters(p, 'to_qkv', [3 * channels, channels, 1, 1]);
  const qkv = linear(normed, reshape(qkvWeight, [3 * channels, channels]), qkvBias); // [BT,HW,3C]
  const [q, k, v] = [0, 1, 2].map((i) => slice(qkv, 2, i * channels, (i + 1) * channels)) as [Node, Node, Node];

  const [outWeight, outBias] = convParameters(p, 'proj', [channels, channels, 1, 1], { kind: 'zeros' });
  const mixed = linear(attention(q, k, v, { heads: 1 }), reshape(outWeight, [channels, channels]), outBias); // [BT,HW,C]
  return add(x, transpose(reshape(mixed, [batch, frames, height, width, channels]), [0, 4, 1, 2, 3]));
}
