// Temporary files beside the outputs that they become. The name tells whose it is, .tessera-<output>-<process>-<random>,
// so that what a killed process left behind is found and removed by whoever makes the same output next.
import { createHash, randomBytes } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, extname, join, resolve } from 'node:path';

/** A fresh path in the output's own folder, with its ending. */
export function temporaryBeside(path: string): string {
  const name = `${ownerOf(path)}${process.pid}-${randomBytes(6).toString('hex')}`;
  return join(dirname(resolve(path)), `${name}${extname(path)}`);
}

/** Removes what processes of this machine that are no more left of this output and of its record. */
export async function removeLeftovers(path: string): Promise<void> {
  const folder = dirname(resolve(path));
  const owner = ownerOf(path);
  const names = await readdir(folder).catch(() => []);
  for (const name of names) {
    if (!name.startsWith(owner)) continue;
    const pid = /^\d+/.exec(name.slice(owner.length))?.[0];
    if (pid !== undefined && !isAlive(Number(pid))) await rm(join(folder, name), { recursive: true, force: true });
  }
}

/** The same for clip.mp4 and clip.json. Folders may be shared by machines, whose process numbers mean nothing here. */
function ownerOf(path: string): string {
  const key = `${hostname()}/${basename(path, extname(path))}`;
  return `.tessera-${createHash('sha256').update(key).digest('hex').slice(0, 12)}-`;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
