// The autoencoder's convolutions over [B,C,T,H,W]: causal in time with two remembered frames, or frame by frame.
// Reference: WanCausalConv3d and the Conv2d layers of WanResample. Frame-wise weights start as PyTorch's Conv defaults do.
import { concat, conv, expand, pad, reshape, scalar, slice } from '../graph/build.ts';
import type { Node } from '../graph/node.ts';
import type { Init, Parameters } from '../graph/parameters.ts';
import { sizeOf } from '../graph/tensor.ts';
import type { Place } from './place.ts';

/** Frames that a causal layer with a kernel of 3 looks back upon. */
export const LOOK_BACK = 2;

const ZEROS: Init = { kind: 'zeros' };

/** Kaiming's uniform bound with a = √5, which comes to 1/√(fan in); PyTorch's default. */
export function convInit(inChannels: number, kernel: readonly number[]): Init {
  return { kind: 'uniform', bound: 1 / Math.sqrt(inChannels * sizeOf(kernel)) };
}

/** A causal kernel starts as one that sees its own frame only, so that pictures can be learned before motion. */
function inflatedInit(fanIn: number): Init {
  return { kind: 'inflated', bound: 1 / Math.sqrt(fanIn) };
}

/** Weight and bias of the convolution under `name`. */
export function convParameters(
  p: Parameters,
  name: string,
  shape: readonly number[],
  init?: Init,
): readonly [Node, Node] {
  const [outChannels, inChannels, ...kernel] = shape as [number, number, ...number[]];
  const weight = p(`${name}.weight`, shape, init ?? convInit(inChannels, kernel));
  return [weight, p(`${name}.bias`, [outChannels], ZEROS)];
}

/** 3x3x3 convolution whose output at frame t sees frames t-2 to t; before the clip's start it sees zeros. x [B,C,T,H,W]. */
export function causalConv(at: Place, x: Node, name: string, outChannels: number, init?: Init): Node {
  return lookBack(at, x, name, { outChannels, edge: 3, init });
}

/** 3x1x1 convolution, causal as well. Starts by repeating its frame, so that what was learned from pictures holds for clips. */
export function causalTimeConv(at: Place, x: Node, name: string, outChannels: number): Node {
  return lookBack(at, x, name, { outChannels, edge: 1, init: { kind: 'identity' } });
}

interface LookBack {
  readonly outChannels: number;
  readonly edge: 1 | 3;
  readonly init: Init | undefined;
}

function lookBack(at: Place, x: Node, name: string, { outChannels, edge, init }: LookBack): Node {
  const shape = [outChannels, x.shape[1]!, 3, edge, edge];
  const [weight, bias] = convParameters(at.p, name, shape, init ?? inflatedInit(x.shape[1]! * edge * edge));
  const past = at.recall(name);
  const seen = past === undefined ? x : concat([past, x], 2); // T+2 frames, but for the first chunk
  at.leave(name, lastFrames(seen));
  const side = (edge - 1) / 2;
  if (past === undefined && x.shape[2] === 1) return firstFrame(x, weight, bias);
  const padBefore = [past === undefined ? LOOK_BACK : 0, side, side];
  return conv(seen, weight, { bias, padBefore, padAfter: [0, side, side] });
}

/** A clip's first frame meets two frames of zeros: only the kernel's last slice counts, a third of the work. */
function firstFrame(x: Node, weight: Node, bias: Node): Node {
  const [batch, channels, , height, width] = x.shape as [number, number, number, number, number];
  const [outChannels, , , edge] = weight.shape as [number, number, number, number];
  const kernel = reshape(slice(weight, 2, LOOK_BACK), [outChannels, channels, edge, edge]);
  const sides = [(edge - 1) / 2, (edge - 1) / 2];
  const y = conv(reshape(x, [batch, channels, height, width]), kernel, { bias, padBefore: sides, padAfter: sides });
  return reshape(y, [batch, outChannels, 1, height, width]);
}

/** The last two frames, with a zero frame in front if there is but one. */
function lastFrames(x: Node): Node {
  const frames = x.shape[2]!;
  if (frames >= LOOK_BACK) return slice(x, 2, frames - LOOK_BACK, frames);
  return pad(x, [0, 0, LOOK_BACK - frames, 0, 0], [0, 0, 0, 0, 0]);
}

/** What a layer remembers that has seen no frame yet. */
export function noFrames(x: Node): Node {
  return expand(
    scalar(0),
    x.shape.map((extent, axis) => (axis === 2 ? LOOK_BACK : extent)),
  );
}

/** 1x1x1 convolution: a product over the channels. */
export function pointwiseConv(p: Parameters, x: Node, name: string, outChannels: number): Node {
  const [weight, bias] = convParameters(p, name, [outChannels, x.shape[1]!, 1, 1, 1]);
  return conv(x, weight, { bias });
}

/** The Conv2d of 3x3 under `name`, at each frame by itself; stride 2 pads right and below only, as the reference does. */
export function frameConv(p: Parameters, x: Node, name: string, options: { outChannels: number; stride: 1 | 2 }): Node {
  const { outChannels, stride } = options;
  const [weight, bias] = convParameters(p, name, [outChannels, x.shape[1]!, 3, 3]);
  const before = stride === 1 ? 1 : 0;
  return conv(x, reshape(weight, [outChannels, x.shape[1]!, 1, 3, 3]), {
    bias,
    stride: [1, stride, stride],
    padBefore: [0, before, before],
    padAfter: [0, 1, 1],
  });
}
