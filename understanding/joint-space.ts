// A space in which pictures lie near the sentences that fit them: nano's CLIP towers, or any CLIP or SigLIP of the hub. What
// search looks for meaning with. Vectors have length 1, so that their products are cosines.
import type { Moment } from './captioner.ts';

export interface JointSpace {
  /** Names the model and tells it from any other; vectors of two models are never compared. */
  readonly name: string;
  /** Length of a vector. */
  readonly width: number;
  /** Pictures may be scaled down to fit into a square of so many pixels. */
  readonly longestSide: number;
  /** One vector for a moment of a video. */
  ofMoment(moment: Pick<Moment, 'samples'>, signal?: AbortSignal): Promise<Float32Array>;
  ofText(text: string): Promise<Float32Array>;
  /** Words that it was never taught, each once. */
  unknownWords(text: string): readonly string[];
  close(): Promise<void>;
}

/** The weighted mean of rows [weights.length,width], at length 1. */
export function meanDirection(rows: Float32Array, weights: readonly number[]): Float32Array {
  const width = rows.length / weights.length;
  const mean = new Float32Array(width);
  weights.forEach((weight, row) => {
    const values = rows.subarray(row * width, (row + 1) * width);
    const length = Math.hypot(...values) || 1;
    values.forEach((value, i) => (mean[i]! += (weight * value) / length));
  });
  const length = Math.hypot(...mean) || 1;
  return mean.map((value) => value / length);
}
