// Packs squares of pixels into channels and back, as Wan 2.2 does around its convolutions. Reference: patchify, unpatchify.
import { reshape, transpose } from '../graph/build.ts';
import type { Node } from '../graph/node.ts';

type Axes5 = [batch: number, channels: number, frames: number, height: number, width: number];

/** x [B,C,T,H,W] -> [B,C*p*p,T,H/p,W/p]; channels are ordered (c, column, row). */
export function patchify(x: Node, patchSize: number): Node {
  if (patchSize === 1) return x;
  const [batch, channels, frames, height, width] = x.shape as Axes5;
  const [h, w] = [height / patchSize, width / patchSize];
  const split = reshape(x, [batch, channels, frames, h, patchSize, w, patchSize]);
  return reshape(transpose(split, [0, 1, 6, 4, 2, 3, 5]), [batch, channels * patchSize ** 2, frames, h, w]);
}

/** The inverse: x [B,C*p*p,T,h,w] -> [B,C,T,h*p,w*p]. */
export function unpatchify(x: Node, patchSize: number): Node {
  if (patchSize === 1) return x;
  const [batch, packed, frames, h, w] = x.shape as Axes5;
  const channels = packed / patchSize ** 2;
  const split = reshape(x, [batch, channels, patchSize, patchSize, frames, h, w]); // [B,C,column,row,T,h,w]
  return reshape(transpose(split, [0, 1, 4, 5, 3, 6, 2]), [batch, channels, frames, h * patchSize, w * patchSize]);
}
