// The parameter-free shortcuts around the levels of Wan 2.2: positions folded into channels and averaged in groups on the way
// in, channels repeated and unfolded on the way out. Reference: AvgDown3D and DupUp3D.
import { mean, pad, reshape, slice, transpose } from '../graph/build.ts';
import type { Node } from '../graph/node.ts';
import { averageColumns, repeatEach } from './repeat.ts';

/** By how much a shortcut changes time and both edges. */
export interface Factors {
  readonly time: 1 | 2;
  readonly space: 1 | 2;
}

type Axes5 = [batch: number, channels: number, frames: number, height: number, width: number];

/**
 * x [B,C,T,H,W] -> [B,outDim,⌈T/time⌉,H/space,W/space]. Channels are ordered (c, t, h, w) before they are averaged in equal
 * groups; a zero frame goes in front where the frames do not pair up, which is so in a clip's first chunk.
 */
export function averageDown(x: Node, outDim: number, { time, space }: Factors): Node {
  const missing = (time - (x.shape[2]! % time)) % time;
  const padded = pad(x, [0, 0, missing, 0, 0], [0, 0, 0, 0, 0]);
  const group = (x.shape[1]! * time * space * space) / outDim;
  const fold = group % space === 0 ? 1 : space; // columns are averaged first, or all become channels
  const narrow = fold === 1 && space === 2 ? averageColumns(padded) : padded;
  const [batch, channels, frames, height, width] = narrow.shape as Axes5;
  const [t, h, w] = [frames / time, height / space, width / fold];
  const split = reshape(narrow, [batch, channels, t, time, h, space, w, fold]);
  const folded = transpose(split, [0, 1, 3, 5, 7, 2, 4, 6]); // [B,C,time,space,fold,t,h,w]
  return mean(reshape(folded, [batch, outDim, -1, t, h, w]), [2]);
}

/**
 * x [B,C,T,H,W] -> [B,outDim,T*time,H*space,W*space], the transpose of averageDown but for a factor. In a clip's first chunk
 * the first frame stands for one frame only, so the frames in front of it are dropped: T*time - (time-1) are left.
 */
export function repeatUp(x: Node, outDim: number, factors: Factors & { readonly isFirst: boolean }): Node {
  const [batch, channels, frames, height, width] = x.shape as Axes5;
  const { time, space, isFirst } = factors;
  const [a, b, c] = channelsUnfolded(channels / outDim, [time, space, space]);
  const groups = channels / (a * b * c);
  const split = reshape(x, [batch, groups, a, b, c, frames, height, width]);
  const unfolded = transpose(split, [0, 1, 5, 2, 6, 3, 7, 4]); // [B,groups,T,a,H,b,W,c]
  const parts = reshape(unfolded, [batch, groups, frames * a, height * b, width * c]);
  const wide = repeatEach(repeatEach(parts, 1, outDim / groups), 2, time / a);
  const y = repeatEach(repeatEach(wide, 4, space / c), 3, space / b);
  return isFirst && time > 1 ? slice(y, 2, time - 1) : y;
}

/** Of `ratio` input channels to an output channel, how many go to each axis: the earlier axes are filled first. */
function channelsUnfolded(ratio: number, factors: readonly [number, number, number]): [number, number, number] {
  let left = Math.max(1, ratio);
  return factors.map((factor) => {
    const share = Math.min(left, factor);
    left /= share;
    return share;
  }) as [number, number, number];
}
