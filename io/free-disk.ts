// How much a disk still takes.
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Bytes that are free on the disk that the folder is on, or will be. */
export async function freeDiskBytes(folder: string): Promise<number> {
  const found = await statfs(folder).catch(() => undefined);
  if (found !== undefined) return found.bavail * found.bsize;
  return folder === dirname(folder) ? Infinity : freeDiskBytes(dirname(folder));
}
