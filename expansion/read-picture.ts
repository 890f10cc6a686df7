// What a picture shows, in the lexicon's words and without a network of its own (Radford et al. 2021, section 3.1): of captions that say a
// thing and a place, those that lie nearest to it in the space of a model's two towers. Motions and styles are not read.
import { type Frames, framesOf } from '../io/frames.ts';
import { resizePicture } from '../io/resize-picture.ts';
import type { JointSpace } from '../understanding/joint-space.ts';
import { meaningsOf, synonymsOf, withArticle } from './lexicon.ts';

/** The nearest of what the lexicon has, in its own words; no place where there is only a plain background. */
export interface Likeness {
  readonly thing: string;
  readonly place?: string;
}

/** A vocabulary that the text tower knows. */
export interface ReadableWords {
  readonly things: readonly string[];
  /** Each with its words in a sentence: "on a snowy field". */
  readonly places: ReadonlyMap<string, string>;
  /** Words for plain backgrounds, each of another colour. */
  readonly backgrounds: readonly string[];
}

/** @param isKnown whether a text tower was taught all words of a text */
export function readableWords(isKnown: (text: string) => boolean): ReadableWords {
  const wordsFor = (place: string): readonly string[] =>
    synonymsOf('place', place).filter((words) => words.includes(' ') && isKnown(words));
  const places = meaningsOf('place').filter((place) => place !== 'plain' && wordsFor(place).length > 0);
  return {
    things: meaningsOf('thing').filter(isKnown),
    places: new Map(places.map((place) => [place, wordsFor(place)[0]!])),
    backgrounds: wordsFor('plain').filter((words) => /^on an? [a-z]+ background$/.test(words)),
  };
}

/** Stand for any thing while a place is looked for: one that walks, one that drives, one that flies. */
const ANY_THING = ['dog', 'car', 'balloon'];

/** Parts of the frame that a thing before a plain background is looked at in, as it fills some pictures and others not. */
const SIZES = [1, 0.8, 0.65, 0.5];

/** First where, over several things, then what, in that place: each by the nearest caption. Pictures are square. */
export async function readPicture(picture: Frames, space: JointSpace, words: ReadableWords): Promise<Likeness> {
  const look = (view: Frames): Promise<Float32Array> =>
    space.ofMoment({ samples: [{ seconds: 0, shot: 0, picture: view }] });
  const seen = await look(picture);
  const captionOf = (thing: string, where: string): string => `${withArticle(thing)} stands still ${where}.`;
  const wheres = [...words.places, ...words.backgrounds.map((said) => [undefined, said] as const)];
  const known = ANY_THING.filter((thing) => words.things.includes(thing));
  const [place, where] = await nearest(wheres, async ([, said]) => {
    const captions = (known.length > 0 ? known : words.things).map((thing) => captionOf(thing, said));
    return sumOf(captions, async (caption) => cosine(seen, await space.ofText(caption)));
  });
  const views =
    place === undefined ? await Promise.all(SIZES.map((part) => inMiddle(picture, part).then(look))) : [seen];
  const thing = await nearest(words.things, async (one) => {
    const said = await space.ofText(captionOf(one, where));
    return views.reduce((sum, view) => sum + cosine(view, said), 0);
  });
  return { thing, ...(place !== undefined && { place }) };
}

/** The picture smaller, on the colour of its corner. */
async function inMiddle(picture: Frames, part: number): Promise<Frames> {
  const { width: edge, data } = picture;
  const side = Math.round(edge * part);
  const small = await resizePicture(picture, side, side);
  const canvas = new Uint8Array(edge * edge * 3).map((_, i) => data[i % 3]!);
  const from = (edge - side) >> 1;
  for (let y = 0; y < side; y++) {
    canvas.set(small.data.subarray(3 * y * side, 3 * (y + 1) * side), 3 * ((from + y) * edge + from));
  }
  return framesOf(canvas, 1, edge, edge);
}

/** Of vectors of length 1. */
const cosine = (a: Float32Array, b: Float32Array): number => a.reduce((sum, value, i) => sum + value * b[i]!, 0);

async function sumOf<T>(all: readonly T[], value: (one: T) => Promise<number>): Promise<number> {
  let sum = 0;
  for (const one of all) sum += await value(one);
  return sum;
}

async function nearest<T>([first, ...rest]: readonly T[], nearness: (one: T) => Promise<number>): Promise<T> {
  if (first === undefined) throw new RangeError('There is nothing to be near to.');
  let best: { one: T; value: number } = { one: first, value: await nearness(first) };
  for (const one of rest) {
    const value = await nearness(one);
    if (value > best.value) best = { one, value };
  }
  return best.one;
}
