// How the camera moved: the similarity that best lays the last frame's background over the first one's, actors left out.
// Knows nothing of what is shown.
import type { Camera } from '../world/vocabulary.ts';
import { smallPictures, type ClipShape, type Picture } from './picture.ts';
import { restFrames } from './identify.ts';
import { type Disc, isHidden } from './place.ts';

const SIDE = 40;
/** Of the picture, from the first frame to the last. */
const SCALES = [1 / 1.45, 1 / 1.3, 1 / 1.15, 1, 1.15, 1.3, 1.45];
/** Fractions of the width, the frame's middle against where it was. */
const SHIFTS = Array.from({ length: 25 }, (_, i) => (i - 12) / 40);
const LIFTS = Array.from({ length: 9 }, (_, i) => (i - 4) / 40);
/** A zoom or a pan starts here. */
const ZOOMED = 1.12;
const PANNED = 0.1;
/** Share of the pixels that must be compared. */
const ENOUGH = 0.3;
/** A camera that moves must leave at most this share of the difference that one at rest leaves. */
const PRICE = 0.9;

interface Laid {
  readonly scale: number;
  readonly shift: number;
  readonly error: number;
}

/** The camera's movement, undefined for a single frame. `actors` holds discs for the first and the last frame. */
export function classifyCamera(
  clip: Uint8Array,
  shape: ClipShape,
  actors: readonly (readonly Disc[])[],
): Camera | undefined {
  if (shape.frames < 2) return undefined;
  const [first, last] = smallPictures(clip, shape, restFrames(shape.frames), SIDE) as [Picture, Picture];
  const [firstSeen, lastSeen] = [first, last].map((picture, i) => background(picture, actors[i] ?? [])) as [
    readonly boolean[],
    readonly boolean[],
  ];
  const pair = { first, last, firstSeen, lastSeen };
  const still = errorOf(pair, 1, 0, 0);
  let best: Laid = { scale: 1, shift: 0, error: PRICE * still };
  for (const scale of SCALES)
    for (const shift of SHIFTS)
      for (const lift of LIFTS) {
        const error = errorOf(pair, scale, shift, lift);
        if (error < best.error) best = { scale, shift, error };
      }
  if (best.scale > ZOOMED) return 'zoom in';
  if (best.scale < 1 / ZOOMED) return 'zoom out';
  if (best.shift > PANNED) return 'pan left';
  return best.shift < -PANNED ? 'pan right' : 'static';
}

/** Which pixels no actor hides. */
const background = ({ width, height }: Picture, discs: readonly Disc[]): readonly boolean[] =>
  Array.from(
    { length: width * height },
    (_, i) => !isHidden(discs, (i % width) + 0.5, Math.floor(i / width) + 0.5, { width, height }),
  );

interface Pair {
  readonly first: Picture;
  readonly last: Picture;
  readonly firstSeen: readonly boolean[];
  readonly lastSeen: readonly boolean[];
}

/** Mean difference of the backgrounds where the last frame's is the first one's scaled and shifted. */
function errorOf({ first, last, firstSeen, lastSeen }: Pair, scale: number, shift: number, lift: number): number {
  const { width, height } = first;
  let [sum, count] = [0, 0];
  for (let y = 0; y < height; y++) {
    const fromY = Math.floor((y + 0.5 - height / 2 - lift * height) / scale + height / 2);
    if (fromY < 0 || fromY >= height) continue;
    for (let x = 0; x < width; x++) {
      const fromX = Math.floor((x + 0.5 - width / 2 - shift * width) / scale + width / 2);
      if (fromX < 0 || fromX >= width) continue;
      const [a, b] = [fromY * width + fromX, y * width + x];
      if (!firstSeen[a] || !lastSeen[b]) continue;
      count++;
      for (let c = 0; c < 3; c++) sum += Math.abs(first.rgb[3 * a + c]! - last.rgb[3 * b + c]!);
    }
  }
  return count < ENOUGH * width * height ? Infinity : sum / count;
}
