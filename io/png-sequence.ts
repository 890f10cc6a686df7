// Numbered PNG files: into a folder (0001.png, 0002.png, ...) or by a pattern such as shot-%03d.png.
// They are made in a hidden folder beside and moved when all are there.

import { lstat, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import sharp from 'sharp';
import { type OutputOptions, outputError, refuseExisting } from './atomic.ts';
import { type Frames, sliceFrames } from './frames.ts';
import { pngWithComment } from './picture-comments.ts';
import { temporaryBeside } from './temporary.ts';
import { numberPattern, severalFrames } from './video-formats.ts';

export interface PngSequenceOptions extends OutputOptions {
  /** ASCII text for each file's `Comment`. */
  readonly comment: string | undefined;
  readonly signal?: AbortSignal;
  /** Awaited when all files are in a folder and only lack their place. */
  readonly isWhole: (folder: string, sizeBytes: number) => Promise<void>;
}

/** The PNG file of one frame. */
export async function encodePng({ width, height, data }: Frames, comment?: string): Promise<Buffer> {
  const png = await sharp(data, { raw: { width, height, channels: 3 } })
    .png({ compressionLevel: 7 })
    .toBuffer();
  return comment === undefined ? png : pngWithComment(png, comment);
}

/**
 * Writes every frame of the stream. An existing folder is filled; files in it that would be replaced are an
 * InvalidRequestError, unless `overwrite`.
 */
export async function writePngSequence(
  path: string,
  stream: AsyncIterable<Frames>,
  options: PngSequenceOptions,
): Promise<void> {
  const target = placeOf(path);
  const temporary = temporaryBeside(path);
  try {
    await mkdir(temporary);
    let count = 0;
    let sizeBytes = 0;
    for await (const chunk of stream) {
      for (let i = 0; i < chunk.frames; i++) {
        options.signal?.throwIfAborted();
        const png = await encodePng(sliceFrames(chunk, i, i + 1), options.comment);
        await writeFile(join(temporary, target.name(++count)), png, { flag: 'wx' });
        sizeBytes += png.length;
      }
    }
    await options.isWhole(temporary, sizeBytes);
    await publishFolder(temporary, target, options);
  } catch (error) {
    throw outputError(error, path);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** The first file of a sequence. */
export function firstPng(path: string): string {
  const { folder, name } = placeOf(path);
  return join(folder, name(1));
}

interface Place {
  readonly folder: string;
  /** Of the n-th picture, counted from 1. */
  readonly name: (n: number) => string;
  /** Otherwise there is one picture only. */
  readonly isNumbered: boolean;
}

function placeOf(path: string): Place {
  const file = basename(path);
  const pattern = numberPattern(path);
  const numbered = (n: number, digits: number): string => String(n).padStart(digits, '0');
  if (pattern !== undefined) {
    const { text, digits } = pattern;
    const name = (n: number): string => file.replace(text, () => numbered(n, digits));
    return { folder: dirname(resolve(path)), name, isNumbered: true };
  }
  if (extname(path).toLowerCase() !== '.png')
    return { folder: resolve(path), name: (n) => `${numbered(n, 4)}.png`, isNumbered: true };
  return {
    folder: dirname(resolve(path)),
    isNumbered: false,
    name: (n) => {
      if (n > 1) throw severalFrames(path);
      return file;
    },
  };
}

/**
 * In a folder that is there the first picture comes last: where it is, all are. Where it replaces that of a longer clip, the end of
 * that one goes before.
 */
async function publishFolder(temporary: string, place: Place, options: OutputOptions): Promise<void> {
  const { folder, name, isNumbered } = place;
  if (!(await isThere(folder))) return rename(temporary, folder);
  const names = await readdir(temporary);
  for (const one of names) await refuseExisting(join(folder, one), options);
  if (isNumbered && (await isThere(join(folder, name(1))))) await removeFrom(names.length + 1, place);
  for (let n = names.length; n > 0; n--) await rename(join(temporary, name(n)), join(folder, name(n)));
}

/** Removes the pictures from this number to the last before a gap, the last first: a stop leaves no gap. */
async function removeFrom(number: number, { folder, name }: Place): Promise<void> {
  let end = number;
  while (await isThere(join(folder, name(end)))) end++;
  while (end-- > number) await rm(join(folder, name(end)));
}

const isThere = (path: string): Promise<boolean> => lstat(path).then(() => true, () => false); // prettier-ignore
