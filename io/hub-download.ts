// One file from the hub into the cache's blobs. What arrived before a connection was cut, or before the process was killed,
// is kept as <checksum>.incomplete and the rest is asked for by a range; a file appears under its checksum only when its bytes
// hash to it. All writes have positions, so two programs that fetch the same file write the same bytes to the same places.
import { createHash, type Hash } from 'node:crypto';
import { mkdir, open, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { JobFailedError, TesseraError } from '../graph/errors.ts';
import { outputError } from './atomic.ts';
import { fileUrl, type Hub, type HubFile, hubFetch, reasonOf, refusal } from './hub.ts';
import { repositoryFolder } from './hub-cache.ts';

export interface DownloadOptions {
  /** Called as bytes arrive, with how many of the file are there; again with fewer when it begins anew. */
  readonly onBytes?: (done: number) => void;
  readonly signal?: AbortSignal | undefined;
  /** Tries in a row that may bring nothing before it is given up (5). */
  readonly tries?: number;
  /** Before the second try; doubles with each (1000). */
  readonly pauseMs?: number;
  /** A connection that brings nothing for so long counts as cut (60000). */
  readonly stallMs?: number;
}

/** The place of a file's bytes, and which file at which commit. */
export interface Download {
  readonly hub: Hub;
  readonly id: string;
  readonly commit: string;
  readonly file: HubFile;
  readonly cacheFolder: string;
}

const READ_BYTES = 8 << 20;

export function blobPath(cacheFolder: string, id: string, { checksum }: HubFile): string {
  return join(repositoryFolder(cacheFolder, id), 'blobs', checksum.hex);
}

/** Bytes of a file that need not be downloaded: all when it is there, else what an earlier try left. */
export async function bytesThere(cacheFolder: string, id: string, file: HubFile): Promise<number> {
  const path = blobPath(cacheFolder, id, file);
  const size = (name: string): Promise<number> => stat(name).then((found) => found.size, () => -1); // prettier-ignore
  if ((await size(path)) === file.sizeBytes) return file.sizeBytes;
  return Math.max(0, Math.min(file.sizeBytes, await size(`${path}.incomplete`)));
}

/**
 * Brings a file into the cache if it is not there.
 * @returns its path among the blobs
 * @throws InvalidRequestError when the hub refuses it, JobFailedError when it cannot be had whole
 */
export async function downloadFile(download: Download, options: DownloadOptions = {}): Promise<string> {
  const { cacheFolder, id, file } = download;
  const path = blobPath(cacheFolder, id, file);
  const there = await stat(path).then((found) => found.size, () => -1); // prettier-ignore
  if (there === file.sizeBytes) {
    options.onBytes?.(there);
    return path;
  }
  const partial = `${path}.incomplete`;
  try {
    await mkdir(dirname(path), { recursive: true });
    // Bytes that an earlier try left may be damaged: a wrong checksum is believed only of a file that was fetched at once.
    const resumed = (await bytesThere(cacheFolder, id, file)) > 0;
    if (!(await fetchWhole(download, partial, options))) {
      await rm(partial, { force: true });
      if (!resumed || !(await fetchWhole(download, partial, options))) {
        await rm(partial, { force: true });
        throw damaged(download);
      }
    }
    await rename(partial, path).catch(async (error: unknown) => {
      // Another program that fetched the same file may have finished it.
      if (!(await stat(path).then((found) => found.size === file.sizeBytes, () => false))) throw error; // prettier-ignore
    });
    return path;
  } catch (error) {
    if (options.signal?.aborted === true) throw options.signal.reason;
    throw isFull(error) ? diskFull(download, error) : outputError(error, path);
  }
}

function diskFull({ file, id, cacheFolder }: Download, cause: unknown): JobFailedError {
  return new JobFailedError(
    `${file.path} of ${id}: the disk of ${cacheFolder} is full. Free some space; what arrived is kept, and the same command goes on from there. Or set HF_HUB_CACHE to a folder on another disk.`,
    { cause, code: 'DISK_FULL' },
  );
}

function damaged({ file, hub, id }: Download): JobFailedError {
  return new JobFailedError(
    `${file.path} of ${id}: what ${hub.endpoint} sent does not have the ${file.checksum.kind} ${file.checksum.hex} that it promised. It was removed; try again, or another mirror.`,
    { code: 'CHECKSUM' },
  );
}

/** Fetches until all bytes are there, over as many connections as it takes. @returns whether they hash to the checksum */
async function fetchWhole(download: Download, partial: string, options: DownloadOptions): Promise<boolean> {
  const { file } = download;
  const { tries = 5, pauseMs = 1000, onBytes } = options;
  const target = await open(partial, 'a').then((made) => made.close()).then(() => open(partial, 'r+')); // prettier-ignore
  try {
    const hash = startHash(file);
    let done = await hashExisting(target, file, hash, options.signal);
    let failures = 0;
    onBytes?.(done);
    while (done < file.sizeBytes) {
      const before = done;
      const append = async (bytes: Uint8Array): Promise<void> => {
        await writeAll(target, bytes, done);
        hash.update(bytes);
        done += bytes.length;
        onBytes?.(done);
      };
      const problem = await fetchRest(download, before, append, options);
      if (done >= file.sizeBytes) break;
      failures = done > before ? 1 : failures + 1;
      if (failures >= tries) throw gaveUp(download, done, problem);
      await pause(pauseMs * 2 ** (failures - 1), undefined, { signal: options.signal });
    }
    await target.truncate(file.sizeBytes);
    await target.sync();
    return hash.digest('hex') === file.checksum.hex;
  } finally {
    await target.close();
  }
}

function gaveUp({ file, hub, id }: Download, done: number, problem: string): JobFailedError {
  return new JobFailedError(
    `${file.path} of ${id}: ${hub.endpoint} broke off at byte ${done} of ${file.sizeBytes} (${problem}). What arrived is kept; the same command goes on from there.`,
    { code: 'DOWNLOAD' },
  );
}

/** A disk that is nearly full takes a part of what is written, and says only at the next write that it is full. */
async function writeAll(target: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    at += (await target.write(bytes, at, bytes.length - at, position + at)).bytesWritten;
  }
}

/** Git hashes a file behind a header with its length. */
function startHash({ checksum, sizeBytes }: HubFile): Hash {
  return checksum.kind === 'sha256' ? createHash('sha256') : createHash('sha1').update(`blob ${sizeBytes}\0`);
}

async function hashExisting(
  target: FileHandle,
  file: HubFile,
  hash: Hash,
  signal: AbortSignal | undefined,
): Promise<number> {
  const size = Math.min((await target.stat()).size, file.sizeBytes);
  const piece = new Uint8Array(Math.min(size, READ_BYTES));
  let at = 0;
  while (at < size) {
    signal?.throwIfAborted();
    const { bytesRead } = await target.read(piece, 0, Math.min(piece.length, size - at), at);
    if (bytesRead === 0) break;
    hash.update(piece.subarray(0, bytesRead));
    at += bytesRead;
  }
  return at;
}

/** One connection. @returns why it ended, for the last message; a refusal throws */
async function fetchRest(
  { hub, id, commit, file }: Download,
  from: number,
  append: (bytes: Uint8Array) => Promise<void>,
  { signal, stallMs = 60_000 }: DownloadOptions,
): Promise<string> {
  const stalled = new AbortController();
  const ends = signal === undefined ? stalled.signal : AbortSignal.any([signal, stalled.signal]);
  const timer = setTimeout(() => stalled.abort(new Error(`nothing came for ${stallMs / 1000} s`)), stallMs);
  try {
    const headers: Record<string, string> = {
      'accept-encoding': 'identity',
      ...(from > 0 && { range: `bytes=${from}-` }),
    };
    const response = await hubFetch(hub)(fileUrl(hub, id, commit, file.path), { headers, signal: ends });
    if (!response.ok || response.body === null) {
      await response.body?.cancel();
      if (response.status === 429 || response.status >= 500) return `status ${response.status}`;
      throw refusal(response.status, hub, { id, revision: commit });
    }
    let skip = firstByte(response, from);
    let left = file.sizeBytes - from;
    for await (const piece of response.body as unknown as AsyncIterable<Uint8Array>) {
      timer.refresh();
      const wanted = piece.subarray(Math.min(skip, piece.length)).subarray(0, left);
      skip -= Math.min(skip, piece.length);
      left -= wanted.length;
      if (wanted.length > 0) await append(wanted);
      if (left === 0) break; // more than was promised is not read
    }
    return 'the connection was closed';
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof TesseraError || isOfDisk(error)) throw error;
    return reasonOf(stalled.signal.aborted ? stalled.signal.reason : error);
  } finally {
    clearTimeout(timer);
  }
}

/** Bytes at the start of the answer that are there already: all of them when the server does not know ranges. */
function firstByte(response: Response, from: number): number {
  if (response.status !== 206) return from;
  const start = Number(/^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1] ?? Number.NaN);
  if (!(start <= from)) throw new Error(`the server sent another range than bytes ${from}-`);
  return from - start;
}

const hasCode = (error: unknown, codes: readonly string[]): boolean =>
  error instanceof Error && codes.includes((error as NodeJS.ErrnoException).code ?? '');
const isFull = (error: unknown): boolean => hasCode(error, ['ENOSPC', 'EDQUOT']);
const isOfDisk = (error: unknown): boolean => isFull(error) || hasCode(error, ['EIO', 'EACCES', 'EROFS']);
