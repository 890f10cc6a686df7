// JSON files: read with a limit and errors that name the file, written whole or not at all. Also finds keys that stand
// twice in one object, which JSON.parse hides (it keeps the last), so that two programs may read the same file differently.

import { readFile, realpath, stat, writeFile } from 'node:fs/promises';
import { ModelFileError } from '../graph/errors.ts';
import { type OutputOptions, writeBeside } from './atomic.ts';

const QUOTE = 0x22;
const COLON = 0x3a;
const BACKSLASH = 0x5c;

/**
 * Reads a JSON file of a model (config, index, tokenizer). What it holds is unknown: check it where it is used.
 * @throws ModelFileError when it is missing, larger than `maxBytes` (100 MB) or no JSON
 */
export async function readJsonFile(path: string, maxBytes = 100_000_000): Promise<unknown> {
  const refuse = (problem: string, cause?: unknown): never => {
    throw new ModelFileError(`${path}: ${problem}`, { cause });
  };
  let text = '';
  try {
    const { size } = await stat(await realpath(path));
    if (size > maxBytes) refuse(`it has ${size} bytes; ${maxBytes} is the limit. Is it the right file?`);
    text = await readFile(path, 'utf8');
  } catch (cause) {
    if (cause instanceof ModelFileError) throw cause;
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    refuse(
      missing ? 'there is no such file. Download the model again.' : `it cannot be read (${String(cause)}).`,
      cause,
    );
  }
  try {
    return JSON.parse(text.replace(/^\ufeff/, ''));
  } catch (cause) {
    if (text.startsWith('version https://git-lfs'))
      refuse('this is only a Git LFS pointer. Run `git lfs pull` in its folder.');
    return refuse('it is no valid JSON. It is damaged or was edited wrongly; download it again.', cause);
  }
}

/** Writes a value as indented JSON, whole or not at all. @throws InvalidRequestError when the file exists, unless `overwrite` */
export async function writeJsonFile(path: string, value: unknown, options: OutputOptions = {}): Promise<void> {
  await writeBeside(path, options, (temporary) => writeFile(temporary, `${JSON.stringify(value, null, 2)}\n`));
}

/** A JSON object, as opposed to a list, a text or null. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The first key that stands twice within one object of a valid JSON text, or undefined. */
export function duplicateKey(json: string): string | undefined {
  const keysOfOpenObjects: (Set<string> | undefined)[] = [];
  for (let at = 0; at < json.length; at++) {
    const char = json.charCodeAt(at);
    if (char === QUOTE) {
      const start = at;
      at = closingQuote(json, start);
      if (json.charCodeAt(skipSpace(json, at + 1)) !== COLON) continue;
      const key = JSON.parse(json.slice(start, at + 1)) as string;
      const keys = keysOfOpenObjects.at(-1);
      if (keys?.has(key)) return key;
      keys?.add(key);
    } else if (char === 0x7b || char === 0x5b) {
      keysOfOpenObjects.push(char === 0x7b ? new Set() : undefined); // '{' or '['
    } else if (char === 0x7d || char === 0x5d) {
      keysOfOpenObjects.pop(); // '}' or ']'
    }
  }
  return undefined;
}

/** Whether lists and objects in a JSON text, valid or not, stand in each other more than `levels` deep. */
export function nestsDeeper(json: string, levels: number): boolean {
  let depth = 0;
  for (let at = 0; at < json.length; at++) {
    const char = json.charCodeAt(at);
    if (char === QUOTE) at = closingQuote(json, at);
    else if (char === 0x7b || char === 0x5b) depth++;
    else if (char === 0x7d || char === 0x5d) depth--;
    if (depth > levels) return true;
  }
  return false;
}

function closingQuote(json: string, open: number): number {
  let at = open + 1;
  while (at < json.length && json.charCodeAt(at) !== QUOTE) at += json.charCodeAt(at) === BACKSLASH ? 2 : 1;
  return at;
}

function skipSpace(json: string, from: number): number {
  let at = from;
  while (at < json.length && json.charCodeAt(at) <= 0x20) at++;
  return at;
}
