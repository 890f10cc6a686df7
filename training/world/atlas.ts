// Sprites and backdrops as mip-mapped pixels, rasterised once by sharp from the emoji packages and the SVG drawings.
// Sprites are premultiplied RGBA, trimmed, the longer side filling the square but for a clear border.
// Knows nothing of scenes. Licences of the emoji sets: LICENSES.md.
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { BACKDROP_HEIGHT, BACKDROP_VARIANTS, BACKDROP_WIDTH, backdropSvg, DRAWN_PLACES } from './backdrops.ts';
import { NOUN_NAMES, nounOf, type Place, type Style } from './vocabulary.ts';

/** One level of a mip map: channels interleaved, row by row. */
export interface Level {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** Levels from the largest to the smallest, each half the one before. */
export type Mip = readonly Level[];

export interface Atlas {
  /** Mip map [S,S,4] of a noun in a style; throws a RangeError if it was not loaded. */
  sprite(noun: string, style: Style): Mip;
  /** Mip map [H,W,3] of a variant of a place. */
  backdrop(place: Exclude<Place, 'plain'>, variant: number): Mip;
}

/** Side of a sprite's top level, and of the part of it that the trimmed emoji fills. */
export const SPRITE_SIZE = 192;
export const SPRITE_FILL = 176;

const require = createRequire(import.meta.url);

interface IconSet {
  readonly width: number;
  readonly height: number;
  readonly icons: Readonly<Record<string, { body: string; width?: number; height?: number } | undefined>>;
}

const ICON_PACKAGES = { cartoon: '@iconify-json/noto', flat: '@iconify-json/fluent-emoji-flat' } as const;
const iconSets = new Map<string, IconSet>();

function iconSet(name: string): IconSet {
  let set = iconSets.get(name);
  if (set === undefined) {
    set = JSON.parse(readFileSync(require.resolve(`${name}/icons.json`), 'utf8')) as IconSet;
    iconSets.set(name, set);
  }
  return set;
}

/** The emoji's picture as sharp can read it: an SVG or a WebP file. */
async function iconBytes(icon: string, style: Style): Promise<Buffer> {
  if (style === '3d') {
    const root = dirname(require.resolve('@lobehub/fluent-emoji-3d/package.json'));
    return readFile(join(root, 'assets', `${icon}.webp`));
  }
  const set = iconSet(ICON_PACKAGES[style]);
  const found = set.icons[icon];
  if (found === undefined)
    throw new RangeError(`${ICON_PACKAGES[style]} has no icon '${icon}'. Install the version in package.json.`);
  const view = `0 0 ${found.width ?? set.width} ${found.height ?? set.height}`;
  return Buffer.from(
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="${view}" width="256" height="256">${found.body}</svg>`,
  );
}

/** Halves a picture by averaging 2x2 blocks. */
function halve(level: Level, channels: number): Level {
  const width = level.width >> 1;
  const height = level.height >> 1;
  const data = new Uint8Array(width * height * channels);
  const row = level.width * channels;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < channels; c++) {
        const at = 2 * y * row + 2 * x * channels + c;
        const sum =
          level.data[at]! + level.data[at + channels]! + level.data[at + row]! + level.data[at + row + channels]!;
        data[(y * width + x) * channels + c] = (sum + 2) >> 2;
      }
    }
  }
  return { width, height, data };
}

/** All levels down to a smallest side. */
function mipOf(top: Level, channels: number, smallest: number): Mip {
  const levels = [top];
  while (Math.min(levels.at(-1)!.width, levels.at(-1)!.height) >= 2 * smallest)
    levels.push(halve(levels.at(-1)!, channels));
  return levels;
}

function premultiply(rgba: Uint8Array): Uint8Array {
  const data = new Uint8Array(rgba);
  for (let i = 0; i < data.length; i += 4) {
    const alpha = data[i + 3]! / 255;
    for (let c = 0; c < 3; c++) data[i + c] = Math.round(data[i + c]! * alpha);
  }
  return data;
}

const rasterise = async (noun: string, style: Style): Promise<Mip> =>
  spriteOf(await iconBytes(nounOf(noun).icons[style], style));

/** The picture trimmed to its visible box, premultiplied, centred in a square. @param bytes a file that sharp reads */
export async function spriteOf(bytes: Buffer): Promise<Mip> {
  const picture = sharp(bytes).ensureAlpha();
  const trimmed = await picture
    .trim({ background: { r: 0, g: 0, b: 0, alpha: 0 }, threshold: 8 })
    .png()
    .toBuffer();
  const clear = { r: 0, g: 0, b: 0, alpha: 0 };
  const fitted = sharp(trimmed).resize(SPRITE_FILL, SPRITE_FILL, {
    fit: 'contain',
    background: clear,
    kernel: 'cubic',
  });
  const border = (SPRITE_SIZE - SPRITE_FILL) / 2;
  const { data } = await fitted
    .extend({ top: border, bottom: border, left: border, right: border, background: clear })
    .raw()
    .toBuffer({ resolveWithObject: true });
  return mipOf({ width: SPRITE_SIZE, height: SPRITE_SIZE, data: premultiply(data) }, 4, 12);
}

async function rasteriseBackdrop(place: Exclude<Place, 'plain'>, variant: number): Promise<Mip> {
  const data = await sharp(Buffer.from(backdropSvg(place, variant)))
    .flatten()
    .removeAlpha()
    .raw()
    .toBuffer();
  return mipOf({ width: BACKDROP_WIDTH, height: BACKDROP_HEIGHT, data: new Uint8Array(data) }, 3, 24);
}

const cache = new Map<string, Promise<Mip>>();

function cached(key: string, make: () => Promise<Mip>): Promise<Mip> {
  let mip = cache.get(key);
  if (mip === undefined) {
    mip = make();
    cache.set(key, mip);
  }
  return mip;
}

/** Rasterises the sprites of nouns in styles and all backdrops; what this process already has is not made again. */
export async function loadAtlas(styles: readonly Style[], nouns: readonly string[] = NOUN_NAMES): Promise<Atlas> {
  const wanted = new Map<string, Promise<Mip>>();
  for (const style of styles) {
    for (const noun of nouns)
      wanted.set(
        `${noun}|${style}`,
        cached(`${noun}|${style}`, () => rasterise(noun, style)),
      );
  }
  for (const place of DRAWN_PLACES) {
    for (let variant = 0; variant < BACKDROP_VARIANTS; variant++) {
      wanted.set(
        `${place}#${variant}`,
        cached(`${place}#${variant}`, () => rasteriseBackdrop(place, variant)),
      );
    }
  }
  const mips = new Map<string, Mip>();
  for (const [key, mip] of wanted) mips.set(key, await mip);
  const get = (key: string): Mip => {
    const mip = mips.get(key);
    if (mip === undefined) throw new RangeError(`'${key}' is not in this atlas. Pass its noun and style to loadAtlas.`);
    return mip;
  };
  return { sprite: (noun, style) => get(`${noun}|${style}`), backdrop: (place, variant) => get(`${place}#${variant}`) };
}
