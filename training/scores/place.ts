// Which place a clip shows: colour histograms of three bands, actors left out, against views of every place.
// Knows nothing of motion.
import type { Place, PlainColour } from '../world/vocabulary.ts';
import { bandHistogram, histogramDistance } from './histogram.ts';
import { smallPictures, type ClipShape } from './picture.ts';
import { restFrames } from './identify.ts';
import type { PlaceReference } from './references.ts';

/** A disc to leave out of a frame: middle in fractions of width and height, radius in short sides. */
export interface Disc {
  readonly x: number;
  readonly y: number;
  readonly radius: number;
}

/** Whether one of the discs hides a point of a picture, in pixels. */
export function isHidden(discs: readonly Disc[], x: number, y: number, { width, height }: Area): boolean {
  const short = Math.min(width, height);
  return discs.some((disc) => Math.hypot(x - disc.x * width, y - disc.y * height) < disc.radius * short);
}

interface Area {
  readonly width: number;
  readonly height: number;
}

const PLACE_SIDE = 48;

/** The nearest place, with the colour where it is plain. `actors` holds discs for each of the rest frames. */
export function classifyPlace(
  clip: Uint8Array,
  shape: ClipShape,
  references: readonly PlaceReference[],
  actors: readonly (readonly Disc[])[],
): { place: Place; colour: PlainColour } {
  const pictures = smallPictures(clip, shape, restFrames(shape.frames), PLACE_SIDE);
  const histograms = pictures.map(({ width, height, rgb }, i) => {
    const hidden = (x: number, y: number): boolean => isHidden(actors[i] ?? [], x + 0.5, y + 0.5, { width, height });
    return bandHistogram(rgb, width, height, hidden);
  });
  const distance = (reference: PlaceReference): number =>
    histograms.reduce((sum, histogram) => sum + histogramDistance(histogram, reference.histogram), 0);
  let [best, least] = [references[0]!, Infinity];
  for (const reference of references) {
    const d = distance(reference);
    if (d < least) [best, least] = [reference, d];
  }
  return { place: best.place, colour: best.colour };
}
