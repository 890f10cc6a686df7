// What clips are compared with: every candidate sprite at several scales, and colour histograms of every place.
// Made once from the world's own atlas. Knows nothing of the clips.
import type { Atlas, Mip } from '../world/atlas.ts';
import { renderScene } from '../world/render.ts';
import { fullWorld, sampleScene } from '../world/scene.ts';
import { nounOf, PLACES, PLAIN_COLOUR_NAMES, type Place, type PlainColour, type Style } from '../world/vocabulary.ts';
import { makeTemplate, type Template } from './dense.ts';
import { bandHistogram } from './histogram.ts';

/** One sprite that may be in a picture. */
export interface Suspect {
  readonly noun: string;
  readonly style: Style;
  readonly mirrored: boolean;
  readonly mip: Mip;
  readonly box: readonly [number, number];
  /** At the scales of DENSE_SIZES, for pictures whose short side is DENSE_SIDE. */
  readonly templates: readonly Template[];
}

/** A place (with its colour, where plain) and what it looks like. */
export interface PlaceReference {
  readonly place: Place;
  readonly colour: PlainColour;
  readonly histogram: Float32Array;
}

export interface References {
  readonly suspects: readonly Suspect[];
  readonly places: readonly PlaceReference[];
}

/** Short side of the pictures that are searched exhaustively. */
export const DENSE_SIDE = 20;
/** Longer sides of the sprites searched for, fractions of the short side. */
export const DENSE_SIZES = [0.15, 0.2, 0.27, 0.36, 0.48, 0.64, 0.85] as const;

function suspectsOf(atlas: Atlas, noun: string, style: Style): readonly Suspect[] {
  const { facing, boxes } = nounOf(noun);
  const mip = atlas.sprite(noun, style);
  const box = boxes[style];
  const sides = facing === 'front' ? [false] : [false, true];
  return sides.map((mirrored) => {
    const templates = DENSE_SIZES.map((size) =>
      makeTemplate(mip, box, { size: size * DENSE_SIDE, angle: 0, mirrored }),
    );
    return { noun, style, mirrored, mip, box, templates };
  });
}

const SIDE = 48;
const VIEWS = 24;

/** Histograms of views of a place without anyone in it. */
function placeReferences(atlas: Atlas, place: Place): readonly PlaceReference[] {
  const options = { ...fullWorld, places: [place], twoActors: 0, cameraMoves: 0, weather: 0 };
  const views = Array.from({ length: place === 'plain' ? PLAIN_COLOUR_NAMES.length : VIEWS }, (_, i) => {
    const scene = sampleScene(9000 + i, options);
    const colour = place === 'plain' ? PLAIN_COLOUR_NAMES[i]! : scene.colour;
    return { ...scene, colour, actors: [] };
  });
  return views.map((scene) => {
    const rgb = renderScene(scene, atlas, { frames: 1, width: SIDE, height: SIDE });
    return { place, colour: scene.colour, histogram: bandHistogram(rgb, SIDE, SIDE) };
  });
}

/** Prepares the candidates: the nouns in the styles, all of which the atlas must hold. */
export function makeReferences(atlas: Atlas, styles: readonly Style[], nouns: readonly string[]): References {
  const suspects = nouns.flatMap((noun) => styles.flatMap((style) => suspectsOf(atlas, noun, style)));
  return { suspects, places: PLACES.flatMap((place) => placeReferences(atlas, place)) };
}
