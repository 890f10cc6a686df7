// The building block of every level: norm, SiLU, causal convolution, twice, around a shortcut. Reference: WanResidualBlock.
import { add, l2Normalize, mul, silu } from '../graph/build.ts';
import type { Node } from '../graph/node.ts';
import type { Parameters } from '../graph/parameters.ts';
import { causalConv, pointwiseConv } from './conv.ts';
import type { Place } from './place.ts';

/** Scales the channels at each position to root mean square 1, times gamma; no epsilon under the root. x [B,C,T,H,W]. */
export function channelNorm(p: Parameters, x: Node, name: string): Node {
  const channels = x.shape[1]!;
  const gamma = p(`${name}.gamma`, [channels, 1, 1, 1], { kind: 'ones' });
  return mul(l2Normalize(x, 1), mul(gamma, Math.sqrt(channels)));
}

/** x [B,inDim,T,H,W] -> [B,outDim,T,H,W]. The second convolution starts at zero, the block as its shortcut. */
export function residualBlock(at: Place, x: Node, outDim: number): Node {
  const shortcut = x.shape[1] === outDim ? x : pointwiseConv(at.p, x, 'conv_shortcut', outDim);
  const h = causalConv(at, silu(channelNorm(at.p, x, 'norm1')), 'conv1', outDim); // [B,outDim,T,H,W]
  return add(causalConv(at, silu(channelNorm(at.p, h, 'norm2')), 'conv2', outDim, { kind: 'zeros' }), shortcut);
}
