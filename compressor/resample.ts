// Halving and doubling of height and width, and of time where a level says so. Reference: WanResample.
// Time is causal: a clip's first frame stands alone through every level, the frames after it are paired.
import { concat, conv, reshape, slice, transpose } from '../graph/build.ts';
import type { Node } from '../graph/node.ts';
import { causalTimeConv, convParameters, frameConv, noFrames } from './conv.ts';
import type { Place } from './place.ts';
import { doubleEdges } from './repeat.ts';

/** x [B,C,T,H,W] -> [B,C,T',H/2,W/2]; with `time`, T' is (T+1)/2 in the first chunk and T/2 in later ones. */
export function downsample(at: Place, x: Node, time: boolean): Node {
  const halved = frameConv(at.p, x, 'resample.1', { outChannels: x.shape[1]!, stride: 2 }); // [B,C,T,H/2,W/2]
  return time ? halveTime(at, halved) : halved;
}

/** Convolves three frames, the last of them shared with the next step; a clip's first frame passes as it is. Starts by taking each frame's every other channel. */
function halveTime(at: Place, x: Node): Node {
  const channels = x.shape[1]!;
  const [weight, bias] = convParameters(at.p, 'time_conv', [channels, channels, 3, 1, 1], { kind: 'alternating' });
  const past = at.recall('time_conv');
  at.leave('time_conv', slice(x, 2, x.shape[2]! - 1, x.shape[2]));
  const step = (seen: Node) => conv(seen, weight, { bias, stride: [2, 1, 1] });
  if (past !== undefined) return step(concat([past, x], 2)); // [B,C,T/2,H,W]
  return x.shape[2] === 1 ? x : concat([slice(x, 2, 0, 1), step(x)], 2); // [B,C,(T+1)/2,H,W]
}

/** x [B,C,T,H,W] -> [B,outDim,T',2H,2W]; with `time`, T' is 2T-1 in the first chunk and 2T in later ones. */
export function upsample(at: Place, x: Node, options: { outDim: number; time: boolean }): Node {
  const frames = options.time ? doubleTime(at, x) : x; // [B,C,T',H,W]
  return frameConv(at.p, doubleEdges(frames), 'resample.1', { outChannels: options.outDim, stride: 1 });
}

/** Makes two frames of each but the clip's first, which does not enter the convolution's memory either. */
function doubleTime(at: Place, x: Node): Node {
  const isFirst = at.recall('time_conv') === undefined;
  if (!isFirst) return pairs(at, x);
  if (x.shape[2] === 1) {
    at.leave('time_conv', noFrames(x));
    return x;
  }
  return concat([slice(x, 2, 0, 1), pairs(at, slice(x, 2, 1))], 2);
}

/** The convolution's first C channels are the even frames, the last C the odd ones. [B,C,T,H,W] -> [B,C,2T,H,W]. */
function pairs(at: Place, x: Node): Node {
  const [batch, channels, frames, height, width] = x.shape as [number, number, number, number, number];
  const both = causalTimeConv(at, x, 'time_conv', 2 * channels); // [B,2C,T,H,W]
  const split = reshape(both, [batch, 2, channels, frames, height, width]);
  return reshape(transpose(split, [0, 2, 3, 1, 4, 5]), [batch, channels, 2 * frames, height, width]);
}
