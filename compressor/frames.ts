// Cutting and joining of host tensors [B,C,T,H,W] outside graphs: chunks of frames, tiles of a frame. Pure, copies whole rows.
import { ShapeError } from '../graph/errors.ts';
import { floats, type Tensor, zeros } from '../graph/tensor.ts';

type Axes5 = readonly [batch: number, channels: number, frames: number, height: number, width: number];

/** A box of a clip: from (inclusive) and to (exclusive) along each axis; beyond the edge it is cut off. */
export interface Box {
  readonly frames?: readonly [from: number, to: number];
  readonly rows?: readonly [from: number, to: number];
  readonly columns?: readonly [from: number, to: number];
  readonly channels?: readonly [from: number, to: number];
}

/** The extents of a clip tensor. @throws ShapeError for another rank */
export function clipAxes({ shape }: Tensor): Axes5 {
  if (shape.length !== 5) throw new ShapeError(`A clip has axes [B,C,T,H,W], this has shape [${shape.join(',')}].`);
  return shape as unknown as Axes5;
}

/** A copy of a box of x. */
export function cut(x: Tensor, box: Box): Tensor {
  const [batch, channels, frames, height, width] = clipAxes(x);
  const [c0, c1] = clip(box.channels, channels);
  const [t0, t1] = clip(box.frames, frames);
  const [y0, y1] = clip(box.rows, height);
  const [x0, x1] = clip(box.columns, width);
  const result = zeros([batch, c1 - c0, t1 - t0, y1 - y0, x1 - x0]);
  const from = floats(x);
  let to = 0;
  for (let b = 0; b < batch; b++) {
    for (let c = c0; c < c1; c++) {
      for (let t = t0; t < t1; t++) {
        for (let y = y0; y < y1; y++) {
          const row = (((b * channels + c) * frames + t) * height + y) * width;
          result.data.set(from.subarray(row + x0, row + x1), to);
          to += x1 - x0;
        }
      }
    }
  }
  return result;
}

/** Writes the first `height` x `width` pixels of every frame of `tile` into `into`, at a row and column. */
export function paste(
  into: Tensor,
  tile: Tensor,
  at: { row: number; column: number; height: number; width: number },
): void {
  const [batch, channels, frames, height, width] = clipAxes(into);
  const [, , , tileHeight, tileWidth] = clipAxes(tile);
  const rows = Math.min(at.height, tileHeight, height - at.row);
  const columns = Math.min(at.width, tileWidth, width - at.column);
  const [from, to] = [floats(tile), floats(into)];
  for (let plane = 0; plane < batch * channels * frames; plane++) {
    for (let y = 0; y < rows; y++) {
      const source = (plane * tileHeight + y) * tileWidth;
      to.set(from.subarray(source, source + columns), (plane * height + at.row + y) * width + at.column);
    }
  }
}

/** Joins clips one after another in time. */
export function joinFrames(clips: readonly Tensor[]): Tensor {
  if (clips.length === 1) return clips[0]!;
  const [batch, channels, , height, width] = clipAxes(clips[0]!);
  const frames = clips.reduce((total, part) => total + clipAxes(part)[2], 0);
  const result = zeros([batch, channels, frames, height, width]);
  const frameSize = height * width;
  let first = 0;
  for (const part of clips) {
    const length = clipAxes(part)[2] * frameSize;
    for (let plane = 0; plane < batch * channels; plane++) {
      const source = floats(part).subarray(plane * length, (plane + 1) * length);
      result.data.set(source, (plane * frames + first) * frameSize);
    }
    first += clipAxes(part)[2];
  }
  return result;
}

/** A copy with every value brought into [min, max]. */
export function clampValues(x: Tensor, min: number, max: number): Tensor {
  const result = zeros(x.shape);
  const from = floats(x);
  for (let start = 0; start < from.length; start += PIECE) {
    clampPiece(from, result.data, { start, end: Math.min(start + PIECE, from.length), min, max });
  }
  return result;
}

/** V8 keeps short loops fast; one over a whole film may fall back to its interpreter. */
const PIECE = 16_384;

interface Piece {
  readonly start: number;
  readonly end: number;
  readonly min: number;
  readonly max: number;
}

function clampPiece(from: Float32Array, to: Float32Array, { start, end, min, max }: Piece): void {
  for (let i = start; i < end; i++) {
    const value = from[i]!;
    to[i] = value < min ? min : value > max ? max : value;
  }
}

function clip(range: readonly [number, number] | undefined, extent: number): [number, number] {
  return range === undefined ? [0, extent] : [range[0], Math.min(range[1], extent)];
}
