// A folder that files are dropped into. A file is taken by moving it to processing/, and ends in done/ or failed/, so what
// becomes of it can be seen and survives any stop; two watchers cannot take the same file. Knows nothing of what files hold.
import { mkdir, readdir, rename, rmdir, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, extname, join, relative, sep } from 'node:path';

const stations = ['processing', 'done', 'failed'] as const;
export type Station = (typeof stations)[number];

/** Names that programs give to files that are not whole yet, and what systems leave in folders. */
const unfinished =
  /(^[.~])|(~$)|\.(part|partial|crdownload|download|tmp|temp|swp|filepart)$|^(thumbs\.db|desktop\.ini)$/i;

export class DropFolder {
  readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  pathIn(station: Station, name: string): string {
    return join(this.root, station, name);
  }

  /** Makes the three folders. @throws when the root is missing: a mount that is away is not to be written under */
  async prepare(): Promise<void> {
    await stat(this.root);
    for (const station of stations) await mkdir(join(this.root, station), { recursive: true });
  }

  isThere(): Promise<boolean> {
    return isThere(this.root);
  }

  /** The name of a dropped file below the root, or undefined for a path that is none. */
  nameOf(path: string): string | undefined {
    const name = relative(this.root, path);
    const parts = name.split(sep);
    if (name === '' || parts[0] === '..' || stations.some((station) => station === parts[0])) return undefined;
    return parts.some((part) => unfinished.test(part)) ? undefined : name;
  }

  /**
   * Moves a dropped file to processing/ under its name, or that with a number where a file of its name is known already, or one of
   * those that will be named after it. @param results names of files that come of a file of this name
   * @returns the name, or undefined when the file is gone: removed, renamed, or taken by another watcher
   */
  async take(
    name: string,
    as = name,
    results: (name: string) => readonly string[] = () => [],
  ): Promise<string | undefined> {
    const free = await this.#freeName(as, results);
    const target = this.pathIn('processing', free);
    await mkdir(dirname(target), { recursive: true });
    return rename(join(this.root, name), target).then(() => free, ifGone); // prettier-ignore
  }

  /** Names of the files beside a dropped one, also of those that still grow. */
  async beside(name: string): Promise<readonly string[]> {
    const folder = dirname(name);
    const entries = await readdir(join(this.root, folder), { withFileTypes: true }).catch(() => []);
    return entries.filter((entry) => entry.isFile()).map((entry) => join(folder, entry.name));
  }

  /** Moves a file on, with a note beside it if there is something to say. It may have been removed meanwhile. */
  async finish(name: string, station: 'done' | 'failed', note?: string): Promise<void> {
    const target = this.pathIn(station, name);
    await mkdir(dirname(target), { recursive: true });
    if (note !== undefined) await writeFile(notePath(target), `${note}\n`);
    await rename(this.pathIn('processing', name), target).catch(ifGone);
    for (let parent = dirname(name); parent !== '.'; parent = dirname(parent)) {
      await rmdir(this.pathIn('processing', parent)).catch(() => undefined); // others may be in it
    }
  }

  /** What was taken and has not ended: after a restart, the work that is left. */
  async taken(): Promise<readonly string[]> {
    const folder = join(this.root, 'processing');
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
      .sort();
  }

  async #freeName(name: string, results: (name: string) => readonly string[]): Promise<string> {
    const ending = extname(name);
    for (let number = 1; ; number++) {
      const free = number === 1 ? name : `${name.slice(0, name.length - ending.length)} (${number})${ending}`;
      const names = [free, ...results(free)];
      const paths = stations.flatMap((station) => names.map((one) => this.pathIn(station, one)));
      const known = await Promise.all(paths.map(isThere));
      if (!known.includes(true)) return free;
    }
  }
}

function isThere(path: string): Promise<boolean> {
  return stat(path).then(() => true, () => false); // prettier-ignore
}

function ifGone(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}

const LONGEST_NAME = 255;

/** `<file>.error.txt`, of a name that is shorter where that is more than a file's name may have. */
function notePath(target: string): string {
  const ending = '.error.txt';
  const bytes = Buffer.from(basename(target)).subarray(0, LONGEST_NAME - ending.length);
  return join(dirname(target), `${bytes.toString().replace(/\ufffd+$/, '')}${ending}`);
}
