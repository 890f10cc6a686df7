// How much a clip changes from frame to frame, and whether a seam stands out of that. Knows nothing of what is shown.
import type { Frames } from '../../io/frames.ts';

/** Root mean square of the difference between each frame and the next, in levels of 255: one fewer than there are frames. */
export function changes({ data, frames }: Frames): readonly number[] {
  const length = data.length / frames;
  return Array.from({ length: frames - 1 }, (_, f) => {
    let sum = 0;
    for (let i = f * length; i < (f + 1) * length; i++) sum += (data[i + length]! - data[i]!) ** 2;
    return Math.sqrt(sum / length);
  });
}

/** The largest change at the seams, in parts of the largest change anywhere else. */
export function seamRatio(of: readonly number[], seams: readonly number[]): number {
  const [at, elsewhere] = [true, false].map((isSeam) => of.filter((_, f) => seams.includes(f) === isSeam));
  return Math.max(...at!) / Math.max(...elsewhere!);
}
