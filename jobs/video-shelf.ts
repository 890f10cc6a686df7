// The videos that a server was asked for: one small record each, beside its clip in one folder, so that they are there after a
// restart and however long the queue remembers its jobs. The folder is all its state; several processes may share it.
import { createHash } from 'node:crypto';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import writeFileAtomic from 'write-file-atomic';
import { z } from 'zod';
import { InvalidRequestError, ModelFileError } from '../graph/errors.ts';
import { readJsonFile, writeJsonFile } from '../io/json.ts';
import { loadPicture } from '../io/pictures.ts';
import { generateSchema } from './request.ts';

const VideoRecordFile = z.object({
  id: z.string(),
  /** Milliseconds since 1970. */
  createdAt: z.number(),
  /** Every choice made. */
  request: generateSchema,
  /** Its length as it was asked for, if it was asked for in seconds. */
  seconds: z.string().optional(),
});

export type VideoRecord = z.output<typeof VideoRecordFile>;

export interface ShelfPage {
  readonly records: readonly VideoRecord[];
  readonly hasMore: boolean;
}

const ENDING = '.video.json';
/** The folder of pictures that clips start from. */
const PICTURES = 'pictures';
/** A picture that no video starts from is kept so long: its request may be on its way. */
const KEEP_PICTURE_MS = 3600 * 1000;
/** As prepare-job.ts names jobs; nothing else of a caller becomes a part of a path. */
const ID = /^clip-[0-9a-f]{16}$/;

export class VideoShelf {
  readonly folder: string;
  /** Records never change, so what was read once is known. */
  readonly #known = new Map<string, VideoRecord>();

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async open(folder: string): Promise<VideoShelf> {
    await mkdir(folder, { recursive: true });
    const shelf = new VideoShelf(folder);
    await shelf.#removeUnusedPictures();
    return shelf;
  }

  async put(record: VideoRecord): Promise<void> {
    await writeJsonFile(this.#path(record.id), record, { overwrite: true });
    this.#known.set(record.id, record);
  }

  /**
   * Keeps a picture that came with a request, once however often it is sent.
   * @param field of the request @returns its path @throws InvalidRequestError for what is no picture
   */
  async putPicture(field: string, bytes: Uint8Array): Promise<string> {
    await loadPicture(bytes).catch((cause: unknown) => {
      const why = (cause as Error).message.replace(/^cannot read the picture: /, '');
      throw new InvalidRequestError(`${field} (=the file that was sent) cannot be read: ${why}`, { cause });
    });
    const folder = join(this.folder, PICTURES);
    await mkdir(folder, { recursive: true });
    const path = join(folder, createHash('sha256').update(bytes).digest('hex'));
    await writeFileAtomic(path, Buffer.from(bytes));
    return path;
  }

  /** A record by its id, or undefined for whatever names none. */
  async get(id: string): Promise<VideoRecord | undefined> {
    if (!ID.test(id)) return undefined;
    // Asked each time, as another process may have removed it.
    const isThere = await stat(this.#path(id)).then(() => true, () => false); // prettier-ignore
    return isThere ? this.#read(id) : undefined;
  }

  /** Records in the order in which they were made. @returns undefined when there is none of the id `after` */
  async page(options: {
    readonly limit: number;
    readonly after?: string | undefined;
    readonly order: 'asc' | 'desc';
  }): Promise<ShelfPage | undefined> {
    const { limit, after, order } = options;
    const all = await this.#all();
    if (order === 'desc') all.reverse();
    const at = after === undefined ? -1 : all.findIndex(({ id }) => id === after);
    if (after !== undefined && at < 0) return undefined;
    const records = all.slice(at + 1, at + 1 + limit);
    return { records, hasMore: at + 1 + limit < all.length };
  }

  /** Removes a video and all that lies beside it. */
  async remove(id: string): Promise<void> {
    this.#known.delete(id);
    const names = await readdir(this.folder);
    const own = names.filter((name) => name.startsWith(`${id}.`)).sort((name) => (name.endsWith(ENDING) ? -1 : 1));
    for (const name of own) await rm(join(this.folder, name), { force: true, recursive: true });
    await this.#removeUnusedPictures();
  }

  /** The path of a file of a video: `clip-1.mp4`, `clip-1.thumbnail.png`. */
  pathOf(id: string, ending: string): string {
    return join(this.folder, `${id}.${ending}`);
  }

  async #all(): Promise<VideoRecord[]> {
    const ids = (await readdir(this.folder))
      .filter((name) => name.endsWith(ENDING))
      .map((name) => name.slice(0, -ENDING.length));
    const records: VideoRecord[] = [];
    for (const id of ids.filter((one) => ID.test(one))) {
      const record = await this.#read(id);
      if (record !== undefined) records.push(record);
    }
    return records.sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
  }

  async #removeUnusedPictures(): Promise<void> {
    const folder = join(this.folder, PICTURES);
    const used = new Set(
      (await this.#all()).flatMap(({ request: { image, last, mask, like } }) => [image, last, mask, like]),
    );
    for (const name of await readdir(folder).catch(() => [])) {
      const path = join(folder, name);
      const { mtimeMs = 0 } = (await stat(path).catch(() => undefined)) ?? {};
      if (!used.has(path) && Date.now() - mtimeMs > KEEP_PICTURE_MS) await rm(path, { force: true });
    }
  }

  /** A record that was removed meanwhile, or that somebody damaged, is none. */
  async #read(id: string): Promise<VideoRecord | undefined> {
    const known = this.#known.get(id);
    if (known !== undefined) return known;
    const json = await readJsonFile(this.#path(id)).catch((error: unknown) => {
      if (error instanceof ModelFileError) return undefined;
      throw error;
    });
    const parsed = VideoRecordFile.safeParse(json);
    if (parsed.success) this.#known.set(id, parsed.data);
    return parsed.data;
  }

  #path(id: string): string {
    return join(this.folder, `${id}${ENDING}`);
  }
}
