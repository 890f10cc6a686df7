// `tessera watch`: files dropped into a folder become jobs. Every state is in the folder and in the queue, so a watcher can be
// killed at any moment: the next one goes on with what stands in processing/. A folder that vanishes, as a mount does, is waited
// for; nothing is taken for deleted.
import { type FSWatcher, watch } from 'chokidar';
import { mkdir } from 'node:fs/promises';
import { dirname, extname, isAbsolute, join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { InvalidRequestError, ModelFileError } from '../graph/errors.ts';
import { holdsRequests, readDroppedFile } from './batch-file.ts';
import { isVideoName, videoEndings } from './caption-files.ts';
import type { CaptionRequest } from './caption-request.ts';
import { DropFolder } from './drop-folder.ts';
import { isPicture, pictureFor, promptInName, wishBeside, wishFor } from './drop-pictures.ts';
import { isEnded } from './job-record.ts';
import { jobPreparer } from './prepare-job.ts';
import type { Queue } from './queue.ts';
import type { GenerateRequest } from './request.ts';

export type WatchEvent =
  | { readonly kind: 'taken' | 'done'; readonly file: string; readonly jobs: readonly string[] }
  | { readonly kind: 'failed'; readonly file: string; readonly why: string }
  | { readonly kind: 'away' | 'back' }
  | { readonly kind: 'trouble'; readonly why: string };

export interface WatchOptions {
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly onEvent?: (event: WatchEvent) => void;
  /** A file is whole when its size stood still for so long (2000 ms). */
  readonly settledMs?: number;
  /** Ask the folder instead of the system, as network mounts need. */
  readonly poll?: boolean;
  /** How videos that are dropped are captioned; where the files go is settled here. */
  readonly captions?: Omit<CaptionRequest, 'videos' | 'folder' | 'overwrite'>;
  /** Files whose jobs are in the queue at a time (64); the others wait where they were dropped. */
  readonly most?: number;
}

const LOOK_MS = 500;
const MOST = 64;
const SETTLED_MS = 2000;
/** A picture waits so many times as long as a file must stand still for a file that says what its clip shows. */
const PATIENCE = 3;

/** Watches until the signal aborts. @throws InvalidRequestError when there is no such folder to begin with */
export async function watchFolder(queue: Queue, options: WatchOptions): Promise<void> {
  const folder = new DropFolder(options.folder);
  if (!(await folder.isThere())) {
    throw new InvalidRequestError(`${options.folder}: there is no such folder to watch. Create it first.`);
  }
  const watcher = new Watcher(folder, queue, options);
  try {
    await watcher.run();
  } finally {
    await watcher.close();
  }
}

class Watcher {
  readonly #folder: DropFolder;
  readonly #queue: Queue;
  readonly #options: WatchOptions;
  /** Files that are whole, and when they were first seen so. */
  readonly #dropped = new Map<string, number>();
  /** Files in processing/ and the jobs that they wait for. */
  readonly #taken = new Map<string, readonly string[]>();
  /** Files in processing/ that the queue does not have yet, and what says what their clips show. */
  readonly #unsent = new Map<string, string | undefined>();
  #system: FSWatcher | undefined;

  constructor(folder: DropFolder, queue: Queue, options: WatchOptions) {
    this.#folder = folder;
    this.#queue = queue;
    this.#options = options;
  }

  async run(): Promise<void> {
    const { signal } = this.#options;
    let isAway = true;
    while (!signal.aborted) {
      try {
        if (isAway && (await this.#folder.isThere())) {
          await this.#begin();
          if (this.#system !== undefined) isAway = false;
        }
        if (!isAway && !(await this.#folder.isThere())) {
          isAway = true;
          await this.close();
          this.#tell({ kind: 'away' });
        }
        if (!isAway) await this.#look();
      } catch (error) {
        this.#tell({ kind: 'trouble', why: error instanceof Error ? error.message : String(error) });
      }
      await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  async close(): Promise<void> {
    const system = this.#system;
    this.#system = undefined;
    await system?.close();
  }

  /** Also after the folder was away: what was taken is asked for again, which the queue knows as the same jobs. */
  async #begin(): Promise<void> {
    const { poll = false } = this.#options;
    const settledMs = this.#settledMs;
    const wasAway = this.#taken.size + this.#unsent.size + this.#dropped.size > 0;
    await this.#folder.prepare();
    this.#dropped.clear();
    const left = await this.#folder.taken();
    for (const name of left) {
      if (!this.#taken.has(name) && pictureFor(name, left) === undefined) this.#unsent.set(name, wishFor(name, left));
    }
    const system = watch(this.#folder.root, {
      ignored: (path) => path !== this.#folder.root && this.#folder.nameOf(path) === undefined,
      awaitWriteFinish: { stabilityThreshold: settledMs, pollInterval: Math.min(100, settledMs / 4) },
      followSymlinks: false,
      usePolling: poll,
    });
    system.on('add', (path) => {
      const name = this.#folder.nameOf(path);
      if (name !== undefined) this.#dropped.set(name, performance.now());
    });
    system.on('unlink', (path) => this.#dropped.delete(relative(this.#folder.root, path)));
    system.on('error', (error) => this.#tell({ kind: 'trouble', why: String(error) }));
    this.#system = system;
    if (wasAway) this.#tell({ kind: 'back' });
  }

  async #look(): Promise<void> {
    for (const [name, wish] of this.#unsent) await this.#submit(name, wish);
    for (const [name, jobs] of this.#taken) await this.#settle(name, jobs);
    for (const [dropped, since] of this.#dropped) {
      if (this.#taken.size >= (this.#options.most ?? MOST) || this.#options.signal.aborted) break;
      const others = await this.#folder.beside(dropped);
      if (pictureFor(dropped, others) !== undefined) continue; // it is taken with its picture
      const wish = isPicture(dropped) ? wishFor(dropped, others) : undefined;
      const isAlone = wish === undefined && performance.now() - since > PATIENCE * this.#settledMs;
      if (isPicture(dropped) && !isAlone && !this.#dropped.has(wish ?? '')) continue; // its wish may be on its way
      this.#dropped.delete(dropped);
      const name = await this.#folder.take(dropped, dropped, isFilm(dropped) ? namesakesOf : undefined);
      if (name === undefined) continue;
      this.#dropped.delete(wish ?? '');
      this.#unsent.set(name, wish && (await this.#folder.take(wish, wishBeside(name, wish))));
      await this.#submit(name, this.#unsent.get(name));
    }
  }

  get #settledMs(): number {
    return this.#options.settledMs ?? SETTLED_MS;
  }

  /** @param wish file in processing/ that says what the clip of a picture shows */
  async #submit(name: string, wish?: string): Promise<void> {
    try {
      const jobs = isFilm(name) ? await this.#submitFilm(name) : await this.#submitRequests(name, wish);
      this.#taken.set(name, jobs);
      this.#tell({ kind: 'taken', file: name, jobs });
    } catch (error) {
      if (!isOfFile(error)) throw error; // a store that is away: it is sent later
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') await this.#fail(name, error.message); // else removed meanwhile
    }
    this.#unsent.delete(name);
  }

  async #submitRequests(name: string, wish: string | undefined): Promise<readonly string[]> {
    const prepare = jobPreparer(this.#queue.settings);
    const requests = isPicture(name) ? [await this.#requestOf(name, wish)] : await this.#requestsIn(name);
    const prepared = [];
    for (const request of requests) prepared.push(await prepare(request));
    const jobs: string[] = [];
    for (const one of prepared) jobs.push((await this.#queue.submitPrepared(one)).job.id);
    return jobs;
  }

  /** Captions go to done/, where the film will be when they are made. */
  async #submitFilm(name: string): Promise<readonly string[]> {
    const folder = dirname(this.#folder.pathIn('done', name));
    const video = this.#folder.pathIn('processing', name);
    const { submitted } = await this.#queue.submitCaptions({ ...this.#options.captions, videos: [video], folder });
    return submitted.map(({ job }) => job.id);
  }

  /** A clip that starts from a picture. @throws InvalidRequestError that tells all problems */
  async #requestOf(picture: string, wish: string | undefined): Promise<GenerateRequest> {
    const [request, ...more] =
      wish === undefined ? [await this.#placed(picture, { prompt: promptInName(picture) })] : await this.#requestsIn(wish, picture); // prettier-ignore
    if (more.length > 0) throw new InvalidRequestError('There is more than one request beside the picture.');
    return { ...request!, image: this.#folder.pathIn('processing', picture) };
  }

  /** @param home the dropped file that clips are named by @throws InvalidRequestError that tells all problems */
  async #requestsIn(name: string, home = name): Promise<readonly GenerateRequest[]> {
    const path = this.#folder.pathIn('processing', name);
    if (!holdsRequests(path)) {
      throw new InvalidRequestError(
        'This kind of file is not taken. Drop a video, a picture, a prompt (.txt), a request (.json, .yaml) or a batch (.jsonl, .csv).',
      );
    }
    const { rows, problems } = await readDroppedFile(path);
    if (problems.length > 0) {
      throw new InvalidRequestError(problems.map(({ line, message }) => `line ${line}: ${message}`).join('\n'));
    }
    const placed: GenerateRequest[] = [];
    for (const [i, { request }] of rows.entries()) placed.push(await this.#placed(home, request, i, rows.length));
    return placed;
  }

  async #placed(home: string, request: GenerateRequest, index = 0, count = 1): Promise<GenerateRequest> {
    if (request.image !== undefined) {
      throw new InvalidRequestError(`image (=${request.image}): drop the picture itself, with this file beside it under the same name.`); // prettier-ignore
    }
    const output = this.#outputOf(home, request, index, count);
    await mkdir(dirname(output), { recursive: true });
    return { ...request, output };
  }

  /** Clips go to done/, beside the file that asked for them; outputs that it names stay below. */
  #outputOf(name: string, { output }: GenerateRequest, index: number, count: number): string {
    const home = this.#folder.pathIn('done', name);
    if (output === undefined) return count === 1 ? `${home}.mp4` : `${home}-${index + 1}.mp4`;
    const below = join(home, '..', output);
    const way = relative(this.#folder.pathIn('done', ''), below);
    if (isAbsolute(output) || way.startsWith('..') || isAbsolute(way)) {
      throw new InvalidRequestError(`output (=${output}) must lie below the folder that is watched.`);
    }
    return below;
  }

  async #settle(name: string, ids: readonly string[]): Promise<void> {
    const jobs = await Promise.all(ids.map((id) => this.#queue.get(id)));
    if (!jobs.every((job) => job === undefined || isEnded(job))) return;
    const failures = jobs.flatMap((job, i) => {
      if (job === undefined) return [`${ids[i]!}: was removed from the queue.`];
      return job.state === 'done' ? [] : [`${job.id}: ${job.error?.message ?? `was ${job.state}`}`];
    });
    if (failures.length > 0) return this.#fail(name, failures.join('\n'));
    await this.#finish(name, 'done');
    this.#tell({ kind: 'done', file: name, jobs: ids });
  }

  async #fail(name: string, why: string): Promise<void> {
    await this.#finish(name, 'failed', why);
    this.#tell({ kind: 'failed', file: name, why });
  }

  /** With what says what its clip shows, if it is a picture. */
  async #finish(name: string, station: 'done' | 'failed', note?: string): Promise<void> {
    const wish = isPicture(name) ? wishFor(name, await this.#folder.taken()) : undefined;
    if (wish !== undefined) await this.#folder.finish(wish, station);
    await this.#folder.finish(name, station, note);
    this.#taken.delete(name);
  }

  #tell(event: WatchEvent): void {
    this.#options.onEvent?.(event);
  }
}

/** Codes of the system for names that no file can have, and for files in the place of folders. */
const ofNames: readonly unknown[] = ['ENOENT', 'ENAMETOOLONG', 'ENOTDIR', 'EEXIST', 'EISDIR', 'ELOOP'];

/** Whether trying again would not help. */
const isOfFile = (error: unknown): error is Error =>
  error instanceof InvalidRequestError ||
  error instanceof ModelFileError ||
  ofNames.includes((error as NodeJS.ErrnoException).code);

/** A moving .webp cannot be told from a still one by its name; it is a picture here. */
const isFilm = (name: string): boolean => isVideoName(name) && !isPicture(name);

/** Files that captions of a film may be written to, and films whose captions would be: cat.mp4 and cat.mkv may not share them. */
function namesakesOf(name: string): readonly string[] {
  const stem = name.slice(0, name.length - extname(name).length);
  return ['vtt', 'srt', 'captions.json', 'captions.txt', ...videoEndings].map((ending) => `${stem}.${ending}`);
}
