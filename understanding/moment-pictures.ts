// A moment of a video as pictures of one size, for models that were taught on pictures: the whole of its middle, and four of its
// times at half the size, two by two, which is what motion looks like to such a model. nano's towers are taught on both.
import type { Frames } from '../io/frames.ts';
import { framesOf } from '../io/frames.ts';
import { resizePicture } from '../io/resize-picture.ts';
import type { Moment, Sample } from './captioner.ts';

/** Where in a moment the four pictures are taken, and the fifth, whole one. */
export const MOMENT_TIMES = [1 / 8, 3 / 8, 5 / 8, 7 / 8] as const;

/** The sample that is nearest to a part of the moment's length. */
export function sampleAt({ samples }: Pick<Moment, 'samples'>, part: number): Sample {
  const [first, last] = [samples[0]!.seconds, samples.at(-1)!.seconds];
  const wanted = first + part * (last - first);
  return samples.reduce((best, one) => (Math.abs(one.seconds - wanted) < Math.abs(best.seconds - wanted) ? one : best));
}

/** Four pictures [edge/2]² as one [edge]², row by row. */
export function fourInOne(pictures: readonly Uint8Array[], edge: number): Uint8Array {
  const half = edge / 2;
  const all = new Uint8Array(edge * edge * 3);
  pictures.slice(0, 4).forEach((picture, i) => {
    const corner = Math.floor(i / 2) * half * edge + (i % 2) * half;
    for (let y = 0; y < half; y++) all.set(picture.subarray(y * half * 3, (y + 1) * half * 3), (corner + y * edge) * 3);
  });
  return all;
}

/** The four in one. */
export async function motionPicture(moment: Pick<Moment, 'samples'>, edge: number): Promise<Frames> {
  const half = edge / 2;
  const four = await Promise.all(
    MOMENT_TIMES.map(async (part) => (await resizePicture(sampleAt(moment, part).picture, half, half)).data),
  );
  return framesOf(fourInOne(four, edge), 1, edge, edge);
}

/** The whole picture at a part of the moment's length. */
export const wholePicture = (moment: Pick<Moment, 'samples'>, part: number, edge: number): Promise<Frames> =>
  resizePicture(sampleAt(moment, part).picture, edge, edge);
