// The picture that a clip starts from: pinned by its checksum when a request is accepted, so that a job that waits, or is
// rendered again from its record, starts from that picture or not at all.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { InvalidRequestError } from '../graph/errors.ts';
import type { Frames } from '../io/frames.ts';
import { loadPicture } from '../io/pictures.ts';
import { withPinnedFiles } from './prompt-files.ts';
import type { ParsedRequest } from './request.ts';
import type { Render } from './resolve-request.ts';

/** The request with its picture's full path and checksum. @throws InvalidRequestError when there is no such picture */
export async function withPinnedPicture(request: ParsedRequest): Promise<ParsedRequest> {
  const { image, imageSha256, fit } = request;
  const pinned = await withPinnedFiles(request);
  if (image === undefined) {
    if (
      fit !== undefined &&
      ![
        request.control,
        request.last,
        request.like,
        request.reference,
        request.extend,
        request.between,
        request.restyle,
      ].some(Boolean)
    )
      throw new InvalidRequestError(`fit (=${fit}) says how image fills the clip, and there is no image.`);
    return pinned;
  }
  const path = resolve(image);
  const bytes = await readPicture(path);
  await loadPicture(bytes).catch((cause: unknown) => refuse(path, cause));
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  if (imageSha256 !== undefined && imageSha256 !== sha256) throw anotherPicture(path);
  return { ...pinned, image: path, imageSha256: sha256 };
}

/** The first frame of a render that starts from a picture. @throws InvalidRequestError when it is not there as it was */
export async function firstPicture({ image, imageSha256, width, height, fit }: Render): Promise<Frames | undefined> {
  if (image === undefined) return undefined;
  const bytes = await readPicture(image);
  if (createHash('sha256').update(bytes).digest('hex') !== imageSha256) throw anotherPicture(image);
  return loadPicture(bytes, { width, height, ...(fit && { fit }) });
}

async function readPicture(path: string): Promise<Buffer> {
  return readFile(path).catch((cause: unknown) => refuse(path, cause));
}

function refuse(path: string, cause: unknown): never {
  const { code, message } = cause as NodeJS.ErrnoException;
  const why = code === 'ENOENT' ? 'there is no such file.' : message.replace(/^cannot read the picture: /, '');
  throw new InvalidRequestError(`image (=${path}) cannot be read: ${why}`, { cause });
}

const anotherPicture = (path: string): InvalidRequestError =>
  new InvalidRequestError(`image (=${path}) is another picture than the one that was asked for.`);
