// The captions of a film that is under way, on disk, so that whoever takes it up again goes on after the last moment that was
// described. A line of JSON for each, in a file named by all that they follow from: the film, and how it is looked at.
import { createHash } from 'node:crypto';
import { appendFile, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Description } from '../understanding/captioner.ts';

/** A moment that was described. */
export interface SavedMoment {
  readonly startSeconds: number;
  readonly endSeconds: number;
  readonly shot: number;
  readonly nextShot: number;
  readonly description: Description;
  /** There is nothing behind it. */
  readonly isLast: boolean;
  /** Of the last one: what was found out on the way. */
  readonly notices?: readonly string[];
}

/** A film that nobody took up for so long is begun anew. */
const KEEP_MS = 30 * 24 * 3600 * 1000;

export class SavedCaptions {
  readonly moments: SavedMoment[];
  /** Somebody was here before, and found the places of its files free. */
  readonly wasBegun: boolean;
  readonly #path: string;

  private constructor(path: string, moments: SavedMoment[], wasBegun: boolean) {
    this.#path = path;
    this.moments = moments;
    this.wasBegun = wasBegun;
  }

  /** What an earlier process left. Saving never fails a film: what cannot be written would be looked at again. */
  static async open(cacheFolder: string, key: string): Promise<SavedCaptions> {
    const folder = join(cacheFolder, 'captions');
    const path = join(folder, `${key}.jsonl`);
    await mkdir(folder, { recursive: true }).catch(() => undefined);
    await forgetOld(folder);
    const there = await readFile(path, 'utf8').catch(() => undefined);
    const text = there ?? '';
    const moments = readLines(text);
    // A process may have been killed within a line.
    const sound = moments.map(lineOf).join('');
    if (sound !== text) await writeFile(path, sound).catch(() => undefined);
    return new SavedCaptions(path, moments, there !== undefined);
  }

  get isComplete(): boolean {
    return this.moments.at(-1)?.isLast ?? false;
  }

  /** What was found out about the film. */
  get notices(): readonly string[] {
    return this.moments.flatMap(({ notices = [] }) => notices);
  }

  /** Where no moment may follow, as a film that is only heard has none. */
  async begin(): Promise<void> {
    await appendFile(this.#path, '').catch(() => undefined);
  }

  async add(moment: SavedMoment): Promise<void> {
    this.moments.push(moment);
    await appendFile(this.#path, lineOf(moment)).catch(() => undefined);
  }
}

/** The same for the same file, looked at in the same way. A file counts as the same while its size and date are. */
export async function captionKey(video: string, choices: Readonly<Record<string, unknown>>): Promise<string> {
  const { size, mtimeMs } = await stat(video);
  return createHash('sha256')
    .update(JSON.stringify(['captions 1', video, size, mtimeMs, choices]))
    .digest('hex')
    .slice(0, 24);
}

const lineOf = (moment: SavedMoment): string => `${JSON.stringify(moment)}\n`;

function readLines(text: string): SavedMoment[] {
  const moments: SavedMoment[] = [];
  for (const line of text.split('\n').slice(0, -1)) {
    try {
      moments.push(JSON.parse(line) as SavedMoment);
    } catch {
      break;
    }
  }
  return moments;
}

async function forgetOld(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    const path = join(folder, name);
    const status = await stat(path).catch(() => undefined);
    if (status !== undefined && Date.now() - status.mtimeMs > KEEP_MS) await rm(path, { force: true });
  }
}
