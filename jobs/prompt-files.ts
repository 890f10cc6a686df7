// Pictures and videos that say what a clip is to show, beside its first picture (first-picture.ts): pinned by their checksums
// when a request is accepted, so that a job that waits, or is rendered again from its record, shows them or nothing.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { InvalidRequestError } from '../graph/errors.ts';
import type { ParsedRequest } from './request.ts';

/** Fields that name one file, and the field that holds its checksum. */
const single = {
  last: 'lastSha256',
  like: 'likeSha256',
  control: 'controlSha256',
  mask: 'maskSha256',
  extend: 'extendSha256',
  restyle: 'restyleSha256',
} as const;
/** Fields that name several. */
const lists = { reference: 'referenceSha256', between: 'betweenSha256' } as const;
export type PromptFile = keyof typeof single;

/** Fields of paths: where a file lies changes no clip, what is in it does. A decoder is part of the model's fingerprint. */
const pathFields = ['image', 'decoder', ...Object.keys(lists), ...Object.keys(single)];

/** The request with whole paths and checksums. @throws InvalidRequestError when a file is not there, or not as it was */
export async function withPinnedFiles(request: ParsedRequest): Promise<ParsedRequest> {
  const pins: Record<string, unknown> = {};
  for (const [field, sum] of Object.entries(single) as [PromptFile, (typeof single)[PromptFile]][]) {
    const named = request[field];
    if (named === undefined) continue;
    pins[field] = resolve(named);
    pins[sum] = await checked(field, resolve(named), request[sum]);
  }
  for (const [field, sum] of Object.entries(lists) as [keyof typeof lists, (typeof lists)[keyof typeof lists]][]) {
    const paths = request[field]?.map((path) => resolve(path));
    if (paths === undefined) continue;
    pins[field] = paths;
    pins[sum] = await Promise.all(paths.map((path, i) => checked(field, path, request[sum]?.[i])));
  }
  return { ...request, ...pins };
}

/** Bytes of a pinned file. @throws InvalidRequestError when it is not there as it was */
export async function readPinned(field: string, path: string, sha256: string | undefined): Promise<Buffer> {
  await checked(field, path, sha256);
  return readFile(path);
}

/** A record of choices without the paths of files. */
export function withoutPaths<T extends object>(render: T): Partial<T> {
  return Object.fromEntries(Object.entries(render).filter(([field]) => !pathFields.includes(field))) as Partial<T>;
}

/** The checksum of a file, which must be the expected one where there is one. */
export async function checked(field: string, path: string, expected: string | undefined): Promise<string> {
  const hash = createHash('sha256');
  try {
    await pipeline(createReadStream(path), hash);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'there is no such file.' : message;
    throw new InvalidRequestError(`${field} (=${path}) cannot be read: ${why}`, { cause });
  }
  const sha256 = hash.digest('hex');
  if (expected === undefined || expected === sha256) return sha256;
  throw new InvalidRequestError(`${field} (=${path}) is another file than the one that was asked for.`);
}
