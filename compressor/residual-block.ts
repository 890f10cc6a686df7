// The building block of every level: norm, SiLU, causal convolution, twice, around a shortcut. Reference: WanResidualBlock.
import { add, constant, matmul, maximum, mul, reciprocal, reshape, silu, sqrt, square } from '../graph/build.ts';
import type { Node } from '../graph/node.ts';
import type { Parameters } from '../graph/parameters.ts';
import { tensor } from '../graph/tensor.ts';
import { causalConv, pointwiseConv } from './conv.ts';
import type { Place } from './place.ts';

/** The reference divides by max(||x||, 1e-12); the floor is put under the root, where its gradient stays finite. */
const SMALLEST_SQUARE = 1e-24;

/**
 * Scales the channels at each position to root mean square 1, times gamma; no epsilon in the root. x [B,C,T,H,W].
 * Sums over channels are products with a row of ones: onnxruntime reduces a middle axis ten times more slowly.
 */
export function channelNorm(p: Parameters, x: Node, name: string): Node {
  const channels = x.shape[1]!;
  const gamma = reshape(p(`${name}.gamma`, [channels, 1, 1, 1], { kind: 'ones' }), [channels, 1]);
  const ones = constant(tensor(new Float32Array(channels).fill(1), [1, channels]));
  const flat = reshape(x, [x.shape[0]!, channels, -1]); // [B,C,P]
  const length = sqrt(maximum(matmul(ones, square(flat)), SMALLEST_SQUARE)); // [B,1,P]
  const scale = matmul(mul(gamma, Math.sqrt(channels)), reciprocal(length)); // [B,C,P]
  return reshape(mul(flat, scale), x.shape);
}

/** x [B,inDim,T,H,W] -> [B,outDim,T,H,W]. The second convolution starts at zero, the block as its shortcut. */
export function residualBlock(at: Place, x: Node, outDim: number): Node {
  const shortcut = x.shape[1] === outDim ? x : pointwiseConv(at.p, x, 'conv_shortcut', outDim);
  const h = causalConv(at, silu(channelNorm(at.p, x, 'norm1')), 'conv1', outDim); // [B,outDim,T,H,W]
  return add(causalConv(at, silu(channelNorm(at.p, h, 'norm2')), 'conv2', outDim, { kind: 'zeros' }), shortcut);
}
