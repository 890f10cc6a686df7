// A thing that somebody brings in pictures, as the world can show it: a sprite and a noun for each picture, so that it moves
// in any place though only stills were given, and a word that the text tower knows in place of its name.
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { NewWord } from '../conditioning/new-words.ts';
import { InvalidRequestError } from '../graph/errors.ts';
import type { JointSpace } from '../understanding/joint-space.ts';
import { type CutBy, type CutOut, cutOut } from './cut-out.ts';
import { sceneSamples } from './evaluate-captioner.ts';
import { type Atlas, type Mip, spriteOf } from './world/atlas.ts';
import { caption } from './world/captions.ts';
import { fullWorld, sampleScene, type WorldOptions } from './world/scene.ts';
import { addNoun, type Noun, NOUNS } from './world/vocabulary.ts';

export const PICTURES = { least: 3, most: 10 } as const;

const endings = /\.(png|jpe?g|webp|gif|avif|tiff?|svg)$/i;

/** Pictures as the world shows them. */
export interface Sprites {
  /** One noun of the world for each picture. */
  readonly nouns: readonly string[];
  /** The world's atlas with the sprites of the pictures. */
  readonly atlas: Atlas;
  /** How each picture became a sprite, by its file's name. */
  readonly cuts: Readonly<Record<string, CutBy>>;
  /** Tells pictures and name from others. */
  readonly sha256: string;
}

export type Concept = Sprites & NewWord;

/** A caption of such sprites in the words that people use: their nouns end in a number, the thing's name does not. */
export const sayingName = (text: string, name: string): string => text.replace(new RegExp(`${name} \\d+`, 'giu'), name);

/** A name in lower case with single spaces. @throws InvalidRequestError for one that prompts could not say or mean otherwise */
export function conceptName(text: string): string {
  const name = text
    .trim()
    .toLowerCase()
    .replaceAll(/[\s_-]+/g, ' ');
  const refuse = (why: string): never => {
    throw new InvalidRequestError(`name (=${text}) ${why}`);
  };
  if (!/^[\p{L}\p{N}]+( [\p{L}\p{N}]+)*$/u.test(name) || name.length > 40)
    refuse('must be words of letters and digits, of at most 40 characters in all, as "my mascot".');
  const taken = NOUNS.find((noun) => [noun.name, ...noun.synonyms, ...noun.hypernyms].includes(name));
  if (taken !== undefined) refuse(`is a word for things of the world already (${taken.name}). Give it another, as "my ${name}".`); // prettier-ignore
  return name;
}

/** Reads a folder's pictures. @throws InvalidRequestError telling every picture that is broken, or that there are too few or too many */
export async function readSprites(folder: string, name: string, world: Atlas): Promise<Sprites> {
  const files = await pictureFiles(folder);
  const problems: string[] = [];
  const hash = createHash('sha256').update(name);
  const cuts: [string, CutOut][] = [];
  for (const file of files) {
    const bytes = await readFile(join(folder, file));
    hash.update(createHash('sha256').update(bytes).digest());
    await cutOut(bytes).then(
      (cut) => cuts.push([file, cut]),
      (error: Error) => problems.push(`${file} (${error.message})`),
    );
  }
  if (problems.length > 0)
    throw new InvalidRequestError(
      `images (=${folder}): these cannot be read as pictures: ${problems.join(', ')}. Mend or remove them.`,
    );
  const sprites = new Map<string, Mip>();
  for (const [i, [, { png }]] of cuts.entries()) sprites.set(`${name} ${i + 1}`, await spriteOf(png));
  const nouns = [...sprites.keys()];
  const records = new Map(nouns.map((noun, i) => [noun, recordOf(noun, cuts[i]![1])]));
  const atlas: Atlas = {
    sprite: (noun, style) => sprites.get(noun) ?? world.sprite(noun, style),
    backdrop: (place, variant) => world.backdrop(place, variant),
  };
  for (const record of records.values()) addNoun(record);
  const ways = cuts.map(([file, { cutBy }]) => [file, cutBy] as const);
  return { nouns, atlas, cuts: Object.fromEntries(ways), sha256: hash.digest('hex') };
}

/** A folder's pictures with the word that stands for their name. @throws as readSprites */
export async function readConcept(folder: string, name: string, world: Atlas, space: JointSpace): Promise<Concept> {
  const sprites = await readSprites(folder, name, world);
  return { ...sprites, name, means: await nearestWord(sprites, space) };
}

async function pictureFiles(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder).catch((cause: NodeJS.ErrnoException) => {
    throw new InvalidRequestError(`images (=${folder}) is no folder that can be read (${cause.code}).`, { cause });
  });
  const files = entries.filter((file) => endings.test(file) && !file.startsWith('.')).sort();
  const { least, most } = PICTURES;
  if (files.length >= least && files.length <= most) return files;
  const has = files.length === 0 ? 'no pictures' : `${files.length} pictures`;
  throw new InvalidRequestError(
    `images (=${folder}) has ${has}; a new thing is learned from ${least} to ${most} (.png, .jpg, .webp, .gif, .avif, .tiff, .svg).`,
  );
}

/** It looks the same in every style, as nobody said how else. */
function recordOf(name: string, { width, height, colour }: CutOut): Noun {
  const side = Math.max(width, height);
  const all = <T>(value: T) => ({ cartoon: value, flat: value, '3d': value });
  return {
    name,
    category: 'concept',
    article: 'a',
    plural: false,
    synonyms: [],
    hypernyms: [name],
    mode: 'walk',
    facing: 'front',
    icons: all(name),
    colours: all(colour),
    boxes: all([width / side, height / side] as const),
  };
}

/** Nouns that the name of a new thing may be said as: walking ones, one of each. */
export const standIns: readonly string[] = NOUNS.filter(
  ({ name, mode, article, plural }) => mode === 'walk' && !plural && /^an?$/.test(article) && /^[a-z]+$/.test(name),
).map(({ name }) => name);

const still: WorldOptions = { ...fullWorld, styles: ['cartoon'], motions: ['still'], positionJitter: 0, twoActors: 0, cameraMoves: 0, weather: 0, sizeRange: [0.5, 0.56] }; // prettier-ignore

/** The noun whose captions lie nearest to the pictures in the space of nano's two towers. */
async function nearestWord({ nouns, atlas }: Sprites, space: JointSpace): Promise<string> {
  const scores = new Map(standIns.map((noun) => [noun, 0]));
  for (const [i, noun] of nouns.entries()) {
    const scene = sampleScene(i, { ...still, nouns: [noun] });
    const seen = await space.ofMoment({ samples: sceneSamples(scene, atlas, space.longestSide) });
    for (const [standIn, score] of scores) {
      const renamed = { ...scene, actors: scene.actors.map((actor) => ({ ...actor, noun: standIn })) };
      const said = await space.ofText(caption(renamed, i, 'plain'));
      scores.set(standIn, score + said.reduce((sum, value, j) => sum + value * seen[j]!, 0));
    }
  }
  return [...scores].reduce((best, one) => (one[1] > best[1] ? one : best))[0];
}
