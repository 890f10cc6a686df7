// Still pictures through sharp: loaded upright, in sRGB, without transparency, fitted to a size; saved as PNG.
// Frames of one picture, so that a picture goes wherever a clip of one frame goes.

import { readFile, writeFile } from 'node:fs/promises';
import sharp, { type Sharp } from 'sharp';
import { InvalidRequestError } from '../graph/errors.ts';
import { type OutputOptions, writeBeside } from './atomic.ts';
import { type Frames, framesOf } from './frames.ts';
import { encodePng } from './png-sequence.ts';

export interface PictureOptions {
  /** Size in pixels; with only one of both the other follows from the picture's aspect. Default: as it is. */
  readonly width?: number;
  readonly height?: number;
  /** How a picture of another aspect fills the size: cut (default), with bars, or distorted. */
  readonly fit?: 'cover' | 'contain' | 'stretch';
  /** Behind transparent parts, and of the bars: [red, green, blue], 0..255; default black. */
  readonly background?: readonly [number, number, number];
  /** How pixels are interpolated; default lanczos3. */
  readonly kernel?: 'cubic' | 'lanczos3';
}

const sharpFit = { cover: 'cover', contain: 'contain', stretch: 'fill' } as const;
const LARGEST_SIDE = 16_384;

/**
 * Loads a picture from a file or from its bytes (PNG, JPEG, WebP, AVIF, GIF, TIFF, SVG; of an animation the first frame).
 * The camera's orientation is applied, the colour profile is turned into sRGB.
 * @returns one frame [1,H,W,3]
 * @throws InvalidRequestError when it is missing, no picture, damaged, or the size makes no sense
 */
export async function loadPicture(source: string | Uint8Array, options: PictureOptions = {}): Promise<Frames> {
  const { width, height, fit = 'cover', kernel = 'lanczos3' } = options;
  for (const [name, size] of Object.entries({ width, height })) {
    if (size !== undefined && !(Number.isInteger(size) && size >= 1 && size <= LARGEST_SIDE)) {
      throw new InvalidRequestError(`${name} (=${size}) must be a whole number from 1 to ${LARGEST_SIDE}.`);
    }
  }
  const [r, g, b] = options.background ?? [0, 0, 0];
  try {
    // Read here, as sharp remembers files by name and would miss that one was replaced.
    const bytes = typeof source === 'string' ? await readFile(source) : source;
    let picture: Sharp = sharp(bytes, { failOn: 'error' })
      .autoOrient()
      .toColourspace('srgb')
      .flatten({ background: { r, g, b } });
    if (width !== undefined || height !== undefined) {
      picture = picture.resize({ width, height, fit: sharpFit[fit], background: { r, g, b }, kernel });
    }
    const { data, info } = await picture.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
    return framesOf(new Uint8Array(data.buffer, data.byteOffset, data.length), 1, info.height, info.width);
  } catch (cause) {
    throw unreadablePicture(source, cause);
  }
}

/** Saves the first frame as a PNG file, whole or not at all; `comment` is ASCII text kept in it. @throws InvalidRequestError */
export async function savePicture(
  path: string,
  picture: Frames,
  options: OutputOptions & { readonly comment?: string } = {},
): Promise<void> {
  const png = await encodePng(
    { ...picture, frames: 1, data: picture.data.subarray(0, picture.width * picture.height * 3) },
    options.comment,
  );
  await writeBeside(path, options, (temporary) => writeFile(temporary, png));
}

function unreadablePicture(source: string | Uint8Array, cause: unknown): InvalidRequestError {
  const name = typeof source === 'string' ? source : 'the picture';
  const words = cause instanceof Error ? cause.message : String(cause);
  let why = `it is damaged or too large (${words.split('\n')[0]}).`;
  if (/unsupported image format|empty/i.test(words))
    why = 'it is no picture in a format that is known (PNG, JPEG, WebP, AVIF, GIF, TIFF).';
  if (/^E[A-Z]+:/.test(words))
    why = /^ENOENT/.test(words) ? 'there is no such file.' : 'it is a folder, or it may not be read.';
  return new InvalidRequestError(`cannot read ${name}: ${why}`, { cause });
}
