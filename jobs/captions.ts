// Captions for those who ask from outside: films that are sent, or videos that were made here, accepted into the queue, kept on a
// shelf of the server, looked at, removed. A caller names neither paths nor addresses: captioners by name, videos by id.
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { InvalidRequestError } from '../graph/errors.ts';
import { captionOutputs } from './caption-outputs.ts';
import { type CaptionFormat, captionFormats, type CaptionRequest } from './caption-request.ts';
import { CaptionShelf, type FilmRecord } from './caption-shelf.ts';
import { hasCaptioner, modelsThatHear, modelsThatSee } from './captioner-names.ts';
import { belowFolder } from './index-files.ts';
import { isEnded, type Job } from './job-record.ts';
import { prepareCaptions } from './prepare-caption.ts';
import type { Queue } from './queue.ts';
import { checkRoom } from './queue-room.ts';
import type { Settings } from './settings.ts';
import type { Videos } from './videos.ts';

/** What a caller may ask for: how a film is looked at, not where files go. */
export type CaptionWish = Pick<CaptionRequest, 'captioner' | 'every' | 'count' | 'shots' | 'speech' | 'prompt' | 'prefix' | 'language'>; // prettier-ignore

export type SentFilm =
  /** A file in a folder of the shelf's making, which is moved to where it belongs. */
  | { readonly kind: 'upload'; readonly path: string; readonly name: string }
  /** A video that was made here. */
  | { readonly kind: 'video'; readonly id: string }
  /** A file of this machine, for callers who are its users. */
  | { readonly kind: 'file'; readonly path: string };

export interface CaptionedFilm {
  readonly record: FilmRecord;
  /** Undefined when the queue has forgotten it, as it does with what ended long ago. */
  readonly job: Job | undefined;
  readonly hasCaptions: boolean;
}

export interface FilmPage {
  readonly films: readonly CaptionedFilm[];
  readonly hasMore: boolean;
}

/** Where the films lie that a server made or was sent. Who is not this machine's user is shown no others. */
export const shelvesOf = ({ dataFolder }: Settings): readonly string[] =>
  ['videos', 'captions'].map((name) => join(dataFolder, name));

export class Captions {
  readonly queue: Queue;
  readonly #videos: Videos;
  readonly #shelf: CaptionShelf;
  readonly #maxWaiting: number;
  readonly #isOfMachine: boolean;

  private constructor(videos: Videos, shelf: CaptionShelf, maxWaiting: number, isOfMachine: boolean) {
    this.#isOfMachine = isOfMachine;
    this.queue = videos.queue;
    this.#videos = videos;
    this.#shelf = shelf;
    this.#maxWaiting = maxWaiting;
  }

  /**
   * Opens the shelf in the data folder of the queue's settings.
   * @param maxWaiting more are refused while so many jobs wait
   * @param isOfMachine who asks is this machine's user, who may name its files and sees what was made of them
   */
  static async open(videos: Videos, maxWaiting: number, isOfMachine = false): Promise<Captions> {
    const shelf = await CaptionShelf.open(join(videos.queue.settings.dataFolder, 'captions'));
    return new Captions(videos, shelf, maxWaiting, isOfMachine);
  }

  /** A folder for an upload, to be removed by whoever asked. */
  incoming(): Promise<string> {
    return this.#shelf.incoming();
  }

  /** What `captioner` and `speech` may be here. */
  async names(): Promise<{ readonly captioners: readonly string[]; readonly speech: readonly string[] }> {
    const { settings } = this.queue;
    const [see, hear] = await Promise.all([modelsThatSee(settings), modelsThatHear(settings)]);
    const endpoint = settings.vision?.url === undefined ? [] : ['openai'];
    const own = (await hasCaptioner('nano', settings)) ? ['nano'] : [];
    return {
      captioners: ['auto', 'detector', ...own, ...endpoint, ...see.map((one) => `hf:${one}`)],
      speech: hear.map((one) => `hf:${one}`),
    };
  }

  /**
   * Accepts a film. One that was captioned in the same way already, or is under way, is that; one that failed begins again.
   * @throws InvalidRequestError, JobFailedError (QUEUE_FULL)
   */
  async create(film: SentFilm, wish: CaptionWish): Promise<CaptionedFilm> {
    const { settings } = this.queue;
    const path = film.kind === 'video' ? await this.#clipOf(film.id) : film.path;
    const how = { ...wish, captioner: await this.#known(wish), formats: [...captionFormats], overwrite: true };
    const place = { shelf: this.#shelf.folder, moves: film.kind === 'upload', isOfMachine: film.kind === 'file' };
    const { prepared } = await prepareCaptions({ ...how, videos: [path] }, settings, place);
    const one = prepared[0]!;
    const known = await this.get(one.id);
    const isUnderWay = known?.job !== undefined && !isEnded(known.job);
    if (known !== undefined && (isUnderWay || one.isFinished)) return known;
    await checkRoom(this.queue, this.#maxWaiting);
    const { request } = one.job;
    await mkdir(join(this.#shelf.folder, one.id), { recursive: true });
    if (film.kind === 'upload') await rename(path, request.videos[0]!);
    await this.queue.submitPrepared(one);
    // The job is safe: only now is it told. A server that dies in between has not answered, and is asked again.
    const { width, height, durationSeconds } = one.film;
    const name = film.kind === 'upload' ? film.name : basename(path);
    const video = film.kind === 'video' ? { video: film.id } : {};
    const record = {
      id: one.id,
      createdAt: Date.now(),
      name,
      ...video,
      film: { width, height, durationSeconds },
      request,
    };
    await this.#shelf.put(record);
    return this.#look(record);
  }

  /** A film by its id, or undefined for whatever names none. */
  async get(id: string): Promise<CaptionedFilm | undefined> {
    const record = await this.#shelf.get(id);
    return record && this.#isShown(record) ? this.#look(record) : undefined;
  }

  /** By time of creation. @param options.video only captions of this video @throws InvalidRequestError for a film `after` that is not there */
  async list(options: {
    readonly limit: number;
    readonly after?: string | undefined;
    readonly order: 'asc' | 'desc';
    readonly video?: string | undefined;
  }): Promise<FilmPage> {
    const { limit, after, order, video } = options;
    const shown = (await this.#shelf.all()).filter((record) => this.#isShown(record));
    const all = shown.filter((record) => video === undefined || record.video === video);
    if (order === 'desc') all.reverse();
    const at = after === undefined ? -1 : all.findIndex(({ id }) => id === after);
    if (after !== undefined && at < 0) throw new InvalidRequestError(`after (=${after}) is no film that is there.`);
    const films: CaptionedFilm[] = [];
    for (const record of all.slice(at + 1, at + 1 + limit)) films.push(await this.#look(record));
    return { films, hasMore: at + 1 + limit < all.length };
  }

  /** Removes captions, with their film if it was sent; what has not ended is cancelled. @returns whether they were there */
  async remove(id: string): Promise<boolean> {
    if ((await this.get(id)) === undefined) return false;
    await this.queue.discard(id);
    await this.#shelf.remove(id);
    return true;
  }

  /** Removes the captions of a video that goes. */
  async removeOf(video: string): Promise<void> {
    const { films } = await this.list({ limit: Infinity, order: 'asc', video });
    for (const { record } of films) await this.remove(record.id);
  }

  /** The latest finished captions of a video as WebVTT. */
  async trackOf(video: string): Promise<string | undefined> {
    const { films } = await this.list({ limit: Infinity, order: 'desc', video });
    const done = films.find(({ hasCaptions, job }) => hasCaptions && (job === undefined || isEnded(job)));
    return done && pathOf(done.record, 'vtt');
  }

  /** The file of captions in a format, or of the film. @returns undefined while there is none */
  async file(id: string, form: CaptionFormat | 'video'): Promise<string | undefined> {
    const film = await this.get(id);
    if (film === undefined || (form !== 'video' && !film.hasCaptions)) return undefined;
    const path = pathOf(film.record, form);
    return (await isFile(path)) ? path : undefined;
  }

  #isShown({ request }: FilmRecord): boolean {
    const film = resolve(request.videos[0]!);
    return this.#isOfMachine || shelvesOf(this.queue.settings).some((shelf) => film.startsWith(belowFolder(resolve(shelf)))); // prettier-ignore
  }

  async #clipOf(id: string): Promise<string> {
    const clip = await this.#videos.file(id, 'video');
    if (clip !== undefined) return clip;
    throw new InvalidRequestError(`video (=${id}) is no video with a clip. Ask when its status is completed.`);
  }

  /** Models in the folders and the endpoint of the settings; nothing is loaded from elsewhere, and no address is asked. */
  async #known({ captioner = 'auto', speech }: CaptionWish): Promise<string> {
    const known = await this.names();
    if (!known.captioners.includes(captioner))
      throw new InvalidRequestError(`captioner (=${captioner}) must be one of ${known.captioners.join(', ')}.`);
    if (speech !== undefined && !known.speech.includes(speech))
      throw new InvalidRequestError(`speech (=${speech}) must be ${known.speech.join(' or ') || 'left out: no model that hears is here'}.`); // prettier-ignore
    return captioner === 'openai' ? `openai:${this.queue.settings.vision!.url}` : captioner;
  }

  async #look(record: FilmRecord): Promise<CaptionedFilm> {
    const places = captionFormats.map((format) => isFile(pathOf(record, format)));
    const [job, ...there] = await Promise.all([this.queue.get(record.id), ...places]);
    return { record, job, hasCaptions: !there.includes(false) };
  }
}

function pathOf({ request }: FilmRecord, form: CaptionFormat | 'video'): string {
  const video = request.videos[0]!;
  return form === 'video' ? video : captionOutputs(video, request).find(({ kind }) => kind === form)!.path;
}

/** Removes the folder of an upload, with what was not taken out of it. */
export const removeIncoming = (folder: string): Promise<void> => rm(folder, { force: true, recursive: true });

function isFile(path: string): Promise<boolean> {
  return stat(path).then((found) => found.isFile(), () => false); // prettier-ignore
}
