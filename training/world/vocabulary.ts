// The closed sets that the world is made of: nouns, styles, places, motions, cameras, weather, plain colours.
// Nouns come from nouns.json (icon per emoji set, how it moves, which way it faces, mean colour and box per style).
// Knows nothing of pixels or of time.
import nounRecords from './nouns.json' with { type: 'json' };

export const STYLES = ['cartoon', 'flat', '3d'] as const;
export type Style = (typeof STYLES)[number];

export const MOTIONS = [
  'still',
  'left',
  'right',
  'rise',
  'fall',
  'bounce',
  'spin',
  'grow',
  'shrink',
  'circle',
  'sway',
  'jump',
  'zigzag',
] as const;
export type Motion = (typeof MOTIONS)[number];

export const PLACES = [
  'meadow',
  'beach',
  'desert',
  'snow',
  'forest',
  'night',
  'sunset',
  'ocean',
  'underwater',
  'city',
  'space',
  'sky',
  'plain',
] as const;
export type Place = (typeof PLACES)[number];

export const CAMERAS = ['static', 'pan left', 'pan right', 'zoom in', 'zoom out'] as const;
export type Camera = (typeof CAMERAS)[number];

export type Weather = 'none' | 'rain' | 'snow';
export type Relation = 'left of' | 'right of' | 'above' | 'below';
export type Mode = 'walk' | 'fly' | 'swim' | 'thing' | 'drive' | 'sail';
export type Rgb = readonly [number, number, number];

/** One thing that can act. Boxes are [width, height] of the trimmed sprite, the longer side being 1. */
export interface Noun {
  readonly name: string;
  readonly category: string;
  readonly article: 'a' | 'an' | 'the' | 'some';
  readonly plural: boolean;
  readonly synonyms: readonly string[];
  readonly hypernyms: readonly string[];
  readonly mode: Mode;
  readonly facing: 'left' | 'right' | 'front';
  readonly icons: Readonly<Record<Style, string>>;
  readonly colours: Readonly<Record<Style, Rgb>>;
  readonly boxes: Readonly<Record<Style, readonly [number, number]>>;
}

export const NOUNS = nounRecords as unknown as readonly Noun[];
export const NOUN_NAMES: readonly string[] = NOUNS.map((noun) => noun.name);

const byName = new Map(NOUNS.map((noun) => [noun.name, noun]));

/** The noun's record. Throws a RangeError for a name outside the vocabulary. */
export function nounOf(name: string): Noun {
  const noun = byName.get(name);
  if (noun === undefined) throw new RangeError(`'${name}' is not one of the ${NOUNS.length} nouns of the world.`);
  return noun;
}

/** Makes a thing of pictures that somebody brought one that scenes can have, in place of an earlier one of its name. @throws RangeError for a name of the world's own */
export function addNoun(noun: Noun): void {
  if (NOUN_NAMES.includes(noun.name)) throw new RangeError(`'${noun.name}' is a noun of the world already.`);
  byName.set(noun.name, noun);
}

/** Colours of the place called 'plain'. */
export const PLAIN_COLOURS = {
  red: [214, 66, 66],
  orange: [245, 147, 51],
  yellow: [250, 214, 92],
  green: [92, 176, 98],
  blue: [74, 128, 217],
  purple: [145, 96, 190],
  pink: [247, 168, 196],
  grey: [150, 152, 158],
  white: [246, 246, 246],
  black: [28, 28, 34],
} as const satisfies Record<string, Rgb>;
export type PlainColour = keyof typeof PLAIN_COLOURS;
export const PLAIN_COLOUR_NAMES = Object.keys(PLAIN_COLOURS) as readonly PlainColour[];

/**
 * What a scene must know of a place: where feet stand (fraction of the height, 0 where there is no ground), whether
 * it can rain or snow there, and the colours that an actor would vanish into.
 */
export interface PlaceFacts {
  readonly ground: number;
  readonly weather: boolean;
  readonly colours: readonly Rgb[];
}

export const PLACE_FACTS = {
  meadow: { ground: 0.84, weather: true, colours: [[112, 186, 72]] },
  beach: { ground: 0.84, weather: true, colours: [[240, 215, 155]] },
  desert: { ground: 0.84, weather: true, colours: [[226, 160, 90]] },
  snow: { ground: 0.84, weather: true, colours: [[226, 234, 244]] },
  forest: { ground: 0.84, weather: true, colours: [[96, 150, 80]] },
  night: { ground: 0.84, weather: true, colours: [[30, 36, 84]] },
  sunset: {
    ground: 0.84,
    weather: true,
    colours: [
      [240, 130, 90],
      [80, 38, 90],
    ],
  },
  ocean: { ground: 0, weather: true, colours: [[50, 130, 195]] },
  underwater: { ground: 0, weather: false, colours: [[26, 105, 165]] },
  city: { ground: 0.86, weather: true, colours: [[118, 112, 130]] },
  space: { ground: 0, weather: false, colours: [[14, 10, 34]] },
  sky: { ground: 0, weather: true, colours: [[130, 190, 245]] },
  plain: { ground: 0, weather: false, colours: [] },
} as const satisfies Record<Place, PlaceFacts>;

/** True if the noun, in this style, would be hard to see in the place: its mean colour is near one of the place's. */
export function clashes(noun: Noun, style: Style, place: Place, colour: PlainColour): boolean {
  const backgrounds: readonly Rgb[] = place === 'plain' ? [PLAIN_COLOURS[colour]] : PLACE_FACTS[place].colours;
  const mean = noun.colours[style];
  return backgrounds.some((rgb) => Math.hypot(mean[0] - rgb[0], mean[1] - rgb[1], mean[2] - rgb[2]) < 62);
}
