// The films that a server was asked to caption: a folder for each, with a record, the film where it was sent, and its captions. The
// folder is all its state; several processes may share it.
import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ModelFileError } from '../graph/errors.ts';
import { readJsonFile, writeJsonFile } from '../io/json.ts';
import { captionSchema } from './caption-request.ts';

const RecordFile = z.object({
  id: z.string(),
  /** Milliseconds since 1970. */
  createdAt: z.number(),
  /** What its sender calls the film. */
  name: z.string(),
  /** The id of the video that it is, if it was made here. */
  video: z.string().optional(),
  film: z.object({ width: z.number(), height: z.number(), durationSeconds: z.number() }),
  request: captionSchema,
});

export type FilmRecord = z.output<typeof RecordFile>;

const RECORD = 'record.json';
const INCOMING = 'incoming-';
/** What has no record for so long is no upload that is on its way. */
const KEEP_MS = 24 * 3600 * 1000;
/** As prepare-caption.ts names jobs; nothing else of a caller becomes a part of a path. */
const ID = /^caption-[0-9a-f]{16}$/;

export class CaptionShelf {
  readonly folder: string;
  /** Records never change, so what was read once is known. */
  readonly #known = new Map<string, FilmRecord>();

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** Forgets uploads that were broken off. */
  static async open(folder: string): Promise<CaptionShelf> {
    await mkdir(folder, { recursive: true });
    const shelf = new CaptionShelf(folder);
    await shelf.#removeBroken();
    return shelf;
  }

  /** A folder for an upload, to be removed by whoever asked. */
  incoming(): Promise<string> {
    return mkdtemp(join(this.folder, INCOMING));
  }

  async put(record: FilmRecord): Promise<void> {
    await writeJsonFile(join(this.folder, record.id, RECORD), record, { overwrite: true });
    this.#known.set(record.id, record);
  }

  /** A record by its id, or undefined for whatever names none. */
  async get(id: string): Promise<FilmRecord | undefined> {
    if (!ID.test(id)) return undefined;
    // Asked each time, as another process may have removed it.
    const isThere = await stat(join(this.folder, id, RECORD)).then(() => true, () => false); // prettier-ignore
    return isThere ? this.#read(id) : undefined;
  }

  /** All records in the order in which they were made. */
  async all(): Promise<readonly FilmRecord[]> {
    const records: FilmRecord[] = [];
    for (const id of (await readdir(this.folder)).filter((name) => ID.test(name))) {
      const record = await this.get(id);
      if (record !== undefined) records.push(record);
    }
    return records.sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
  }

  /** Removes a film with its captions. */
  async remove(id: string): Promise<void> {
    this.#known.delete(id);
    await rm(join(this.folder, id, RECORD), { force: true });
    await rm(join(this.folder, id), { force: true, recursive: true });
  }

  async #removeBroken(): Promise<void> {
    for (const name of await readdir(this.folder)) {
      const path = join(this.folder, name);
      const { mtimeMs = 0 } = (await stat(path).catch(() => undefined)) ?? {};
      if (Date.now() - mtimeMs < KEEP_MS || (ID.test(name) && (await this.get(name)) !== undefined)) continue;
      if (ID.test(name) || name.startsWith(INCOMING)) await rm(path, { force: true, recursive: true });
    }
  }

  /** A record that was removed meanwhile, or that somebody damaged, is none. */
  async #read(id: string): Promise<FilmRecord | undefined> {
    const known = this.#known.get(id);
    if (known !== undefined) return known;
    const json = await readJsonFile(join(this.folder, id, RECORD)).catch((error: unknown) => {
      if (error instanceof ModelFileError) return undefined;
      throw error;
    });
    const parsed = RecordFile.safeParse(json);
    if (parsed.success) this.#known.set(id, parsed.data);
    return parsed.data;
  }
}
