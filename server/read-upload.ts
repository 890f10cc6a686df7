// A form with a file, taken as it comes: the file goes to the disk piece by piece, whatever its size, and is never in memory.
import { Busboy } from '@fastify/busboy';
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { invalidFields, Problem, unavailable } from './problems.ts';

export interface Upload {
  /** As they were sent; those that were sent twice are lists. */
  readonly fields: ReadonlyMap<string, string | readonly string[]>;
  readonly file: { readonly path: string; readonly name: string; readonly sha256: string } | undefined;
}

const MOST_FIELDS = 32;
const MOST_FIELD_BYTES = 16 * 1024;
const LONGEST_NAME = 200;

/**
 * Reads a multipart form whose file, in the field `file`, goes into `folder` as `film` with its own ending.
 * @throws Problem 400, 413, 422, 503
 */
export async function readUpload(request: Request, folder: string, mostBytes: number): Promise<Upload> {
  const type = request.headers.get('content-type') ?? '';
  const fields = new Map<string, string | readonly string[]>();
  const saving: Promise<Upload['file']>[] = [];
  const opened: Readable[] = [];
  let isTooLarge = Number(request.headers.get('content-length') ?? 0) > mostBytes + 2 ** 20;
  const parser = isTooLarge ? undefined : parserOf(type, mostBytes);
  parser?.on('field', (name, value) => {
    const before = fields.get(name);
    fields.set(name, before === undefined ? value : [before, value].flat());
  });
  parser?.on('file', (field, stream, filename) => {
    if (field !== 'file') {
      stream.resume();
      fields.set(field, filename);
      return;
    }
    opened.push(stream);
    stream.on('limit', () => (isTooLarge = true));
    saving.push(save(stream, folder, filename));
    saving.at(-1)!.catch((error: Error) => parser.destroy(error));
  });
  try {
    if (parser !== undefined && request.body !== null) await pipeline(Readable.fromWeb(request.body), parser);
    const [file] = await Promise.all(saving);
    if (!isTooLarge) return { fields, file };
  } catch (error) {
    for (const stream of opened) stream.destroy(); // a parser whose body broke off never ends its files
    await Promise.allSettled(saving);
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC')
      throw unavailable('There is no room for the file on the disk of the server. Ask again later.');
    const message = 'The body is no valid form, or it was broken off. Send it again as multipart/form-data.';
    throw new Problem(400, message, { code: 'unreadable_body' });
  }
  const message = `The file has more than ${mostBytes} bytes, which is as much as is taken.`;
  throw new Problem(413, message, { code: 'body_too_large' });
}

function parserOf(type: string, mostBytes: number) {
  const limits = { files: 1, fields: MOST_FIELDS, fieldSize: MOST_FIELD_BYTES, fileSize: mostBytes };
  try {
    return new Busboy({ headers: { 'content-type': type }, limits });
  } catch {
    throw new Problem(400, 'The body is no valid form: its Content-Type names no boundary.', {
      code: 'unreadable_body',
    });
  }
}

async function save(stream: Readable, folder: string, filename: string | undefined): Promise<Upload['file']> {
  const name = basename((filename ?? '').replaceAll('\\', '/')).slice(-LONGEST_NAME) || 'film';
  const ending = /^\.[a-z0-9]{1,5}$/.exec(extname(name).toLowerCase())?.[0] ?? '';
  const path = join(folder, `film${ending}`);
  const hash = createHash('sha256');
  const measure = new Transform({
    transform: (bytes: Buffer, _encoding, done) => {
      hash.update(bytes);
      done(undefined, bytes);
    },
  });
  await pipeline(stream, measure, createWriteStream(path));
  return { path, name, sha256: hash.digest('hex') };
}

/** @throws Problem 422 */
export const missingFile = (): Problem =>
  invalidFields([{ param: 'file', message: 'is missing: send the film as the file of a form, or "video" with the id of one that was made here' }]); // prettier-ignore
