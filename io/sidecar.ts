// The record beside a clip: clip.mp4 has clip.json, which tells how it was made, so that it can be made again.
// Plain JSON of any content; who reads it checks what it needs.

import { readFile } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { InvalidRequestError } from '../graph/errors.ts';
import type { OutputOptions } from './atomic.ts';
import { isRecord, writeJsonFile } from './json.ts';

/** The path of a clip's record: the ending becomes .json; for a folder or a pattern of pictures it stands beside them. */
export function sidecarPath(clip: string): string {
  const name = basename(resolve(clip));
  const stem = basename(name, extname(name)).replace(/[-_. ]*%(?:0\d{1,2})?d/, '');
  return join(dirname(resolve(clip)), `${stem === '' ? 'clip' : stem}.json`);
}

/** Writes a clip's record, whole or not at all, and returns its path. @throws InvalidRequestError when one exists, unless `overwrite` */
export async function writeSidecar(
  clip: string,
  record: Readonly<Record<string, unknown>>,
  options: OutputOptions = {},
): Promise<string> {
  const path = sidecarPath(clip);
  await writeJsonFile(path, record, options);
  return path;
}

/** Reads a record; `path` is that of the .json file itself. @throws InvalidRequestError when it is missing or holds no JSON object */
export async function readSidecar(path: string): Promise<Readonly<Record<string, unknown>>> {
  let record: unknown;
  try {
    record = JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    const why = cause instanceof SyntaxError ? 'it is no valid JSON.' : 'there is no such file, or it may not be read.';
    throw new InvalidRequestError(`cannot read ${path}: ${why} Give the .json file that was written beside a clip.`, {
      cause,
    });
  }
  if (isRecord(record)) return record;
  throw new InvalidRequestError(
    `cannot read ${path}: it holds no JSON object. Give the .json file that was written beside a clip.`,
  );
}
