// Which copies of films with captions in them are ours, and hold these very words. A copy is too large to be compared, so a note in
// the cache tells its size and date; it is named by all that the copy follows from. Noted before the copy appears, so that a process
// that is killed never leaves one that is nobody's.
import { createHash } from 'node:crypto';
import { mkdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isRecord, readJsonFile, writeJsonFile } from '../io/json.ts';

export interface Copy {
  readonly kind: 'mux' | 'burn';
  readonly path: string;
  readonly video: string;
  /** Its words, as they are put in. */
  readonly srt: string;
}

/** Whether the copy stands there as it was written. */
export async function isNoted(cacheFolder: string, copy: Copy): Promise<boolean> {
  const found = await stat(copy.path).catch(() => undefined);
  if (found === undefined) return false;
  const note = await readJsonFile(await notePath(cacheFolder, copy)).catch(() => undefined);
  return isRecord(note) && note['sizeBytes'] === found.size && note['mtimeMs'] === found.mtimeMs;
}

/** Noting never fails a copy: one without a note would be in the way. @param file where it is while it has no name yet */
export async function noteCopy(cacheFolder: string, copy: Copy, file: string): Promise<void> {
  const { size, mtimeMs } = await stat(file);
  const path = await notePath(cacheFolder, copy);
  await mkdir(dirname(path), { recursive: true })
    .then(() => writeJsonFile(path, { sizeBytes: size, mtimeMs }, { overwrite: true }))
    .catch(() => undefined);
}

/** Beside the moments of films, with which notes are forgotten. A film counts as the same while its size and date are. */
async function notePath(cacheFolder: string, { kind, path, video, srt }: Copy): Promise<string> {
  const { size, mtimeMs } = await stat(video);
  const key = createHash('sha256').update(JSON.stringify(['copy 1', video, size, mtimeMs, kind, path, srt]));
  return join(cacheFolder, 'captions', `${key.digest('hex').slice(0, 24)}.copy.json`);
}
