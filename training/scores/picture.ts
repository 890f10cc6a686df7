// A frame made small for matching, and what its background would be behind the actor.
// Its background has one colour a row; background.ts estimates it.
// Knows nothing of sprites.
import { rowBackground } from './background.ts';
import { changeWeights } from './change.ts';

/** A small picture: RGB [H,W,3] in 0..255, and the background's colour per row [H,3]. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly rgb: Float32Array;
  readonly background: Float32Array;
  /** How much standing out from the background counts, [H,W]; see changeWeights. */
  readonly weights: Float32Array;
}

/** Shape of a clip in frames and pixels. */
export interface ClipShape {
  readonly frames: number;
  readonly width: number;
  readonly height: number;
}

/** For each output pixel, which input pixels it averages, and how much of each. */
function boxTaps(from: number, to: number): { start: number; weights: Float32Array }[] {
  const step = from / to;
  return Array.from({ length: to }, (_, i) => {
    const [begin, end] = [i * step, (i + 1) * step];
    const start = Math.floor(begin + 1e-9);
    const stop = Math.min(from, Math.ceil(end - 1e-9));
    const weights = new Float32Array(stop - start);
    for (let j = start; j < stop; j++) weights[j - start] = (Math.min(end, j + 1) - Math.max(begin, j)) / step;
    return { start, weights };
  });
}

/** Averages an 8-bit frame [H,W,3] down to another size. */
export function shrink(
  frame: Uint8Array,
  from: { width: number; height: number },
  width: number,
  height: number,
): Float32Array {
  const across = boxTaps(from.width, width);
  const down = boxTaps(from.height, height);
  const rows = new Float32Array(from.height * width * 3);
  for (let y = 0; y < from.height; y++) {
    for (let x = 0; x < width; x++) {
      const { start, weights } = across[x]!;
      const to = (y * width + x) * 3;
      for (let j = 0; j < weights.length; j++) {
        const at = (y * from.width + start + j) * 3;
        const w = weights[j]!;
        rows[to] = rows[to]! + w * frame[at]!;
        rows[to + 1] = rows[to + 1]! + w * frame[at + 1]!;
        rows[to + 2] = rows[to + 2]! + w * frame[at + 2]!;
      }
    }
  }
  const rgb = new Float32Array(height * width * 3);
  for (let y = 0; y < height; y++) {
    const { start, weights } = down[y]!;
    for (let j = 0; j < weights.length; j++) {
      const w = weights[j]!;
      const source = (start + j) * width * 3;
      const to = y * width * 3;
      for (let i = 0; i < width * 3; i++) rgb[to + i] = rgb[to + i]! + w * rows[source + i]!;
    }
  }
  return rgb;
}

/** Small pictures of the wanted frames of a clip [T,H,W,3], their short side at most the given one, with a shared background. */
export function smallPictures(
  clip: Uint8Array,
  shape: ClipShape,
  wanted: readonly number[],
  shortSide: number,
): readonly Picture[] {
  const scale = Math.min(1, shortSide / Math.min(shape.width, shape.height));
  const width = Math.max(1, Math.round(shape.width * scale));
  const height = Math.max(1, Math.round(shape.height * scale));
  const frameBytes = shape.width * shape.height * 3;
  const reduced = (f: number): Float32Array =>
    shrink(clip.subarray(f * frameBytes, (f + 1) * frameBytes), shape, width, height);
  const frames = wanted.map(reduced);
  const seen = [0, 0.25, 0.5, 0.75, 1].map((at) => Math.round(at * (shape.frames - 1)));
  const spread = [...new Set(seen)].map((f) => frames[wanted.indexOf(f)] ?? reduced(f));
  const thirds = spread.length === 5 ? [spread[0]!, spread[2]!, spread[4]!] : spread;
  const background = rowBackground(thirds, width, height);
  const weights = changeWeights(spread, width, height);
  return frames.map((rgb) => ({ width, height, rgb, background, weights }));
}
