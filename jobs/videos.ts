// Videos for those who ask from outside: accepted into the queue, kept on a shelf of the server, looked at, removed. A caller
// names neither paths nor addresses: the clip's place follows from its job, models are known by name only.
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { InvalidRequestError } from '../graph/errors.ts';
import { estimateBatch } from './batch.ts';
import { ClipPictures, type PictureKind } from './clip-pictures.ts';
import { listExpanders } from './expander-names.ts';
import { isEnded, type Job } from './job-record.ts';
import { listModels } from './model-names.ts';
import { jobPreparer, type PreparedJob } from './prepare-job.ts';
import type { Queue } from './queue.ts';
import { checkRoom } from './queue-room.ts';
import type { fileFields, GenerateRequest, settledFields } from './request.ts';
import { type VideoRecord, VideoShelf } from './video-shelf.ts';

/** What a caller may ask for: the render, but not where it goes; its length in frames or in seconds; a picture's bytes. */
export interface VideoRequest extends Omit<
  GenerateRequest,
  | 'output'
  | 'overwrite'
  | 'clips'
  | 'decoder'
  | 'seconds'
  | Exclude<(typeof fileFields)[number], 'extend' | 'between' | 'restyle'>
  | (typeof settledFields)[number]
> {
  readonly seconds?: string | undefined;
  /** What the clip starts from, what it ends on, where a video is made anew, and what it is to be like. `extend` and the like are ids of videos. */
  readonly picture?: Uint8Array;
  readonly lastPicture?: Uint8Array;
  readonly maskPicture?: Uint8Array;
  readonly likePicture?: Uint8Array;
}

export interface Video {
  readonly record: VideoRecord;
  /** Undefined when the queue has forgotten it, as it does with what ended long ago. */
  readonly job: Job | undefined;
  readonly hasClip: boolean;
}

export interface VideoPage {
  readonly videos: readonly Video[];
  readonly hasMore: boolean;
}

export interface VideoEstimate {
  /** Its clip is there already. */
  readonly isFinished: boolean;
  /** Of work, without waiting; absent until clips of this model were rendered on this queue. */
  readonly seconds?: number | undefined;
  /** Jobs that wait, whoever asked for them. */
  readonly waiting: number;
}

export class Videos {
  readonly queue: Queue;
  readonly #shelf: VideoShelf;
  readonly #pictures: ClipPictures;
  readonly #maxWaiting: number;

  private constructor(queue: Queue, shelf: VideoShelf, maxWaiting: number) {
    this.queue = queue;
    this.#shelf = shelf;
    this.#pictures = new ClipPictures(queue.settings);
    this.#maxWaiting = maxWaiting;
  }

  /** Opens the shelf in the data folder of the queue's settings. @param maxWaiting more are refused while so many jobs wait */
  static async open(queue: Queue, maxWaiting: number): Promise<Videos> {
    return new Videos(queue, await VideoShelf.open(join(queue.settings.dataFolder, 'videos')), maxWaiting);
  }

  /**
   * Accepts a request. One for a video that is there already, or under way, is that video; one that failed begins again.
   * @throws InvalidRequestError, ModelFileError, JobFailedError (QUEUE_FULL)
   */
  async create(wish: VideoRequest): Promise<Video> {
    const { seconds } = wish;
    const prepared = await this.#prepare(wish);
    const known = await this.get(prepared.id);
    const isUnderWay = known?.job !== undefined && !isEnded(known.job);
    if (known !== undefined && (isUnderWay || prepared.isFinished)) return known;
    await checkRoom(this.queue, this.#maxWaiting);
    await this.queue.submitPrepared(prepared);
    // The job is safe: only now is it told. A server that dies in between has not answered, and is asked again.
    const { request: chosen } = prepared.job;
    const record = {
      id: prepared.id,
      createdAt: Date.now(),
      request: chosen,
      ...(seconds !== undefined && { seconds }),
    };
    await this.#shelf.put(record);
    return this.#look(record);
  }

  /** What a request would take, by the last clips of its model. @throws what `create` throws for what cannot be rendered */
  async estimate(wish: VideoRequest): Promise<VideoEstimate> {
    const prepared = await this.#prepare(wish, false);
    const plan = { rows: [{ line: 1, prepared }], problems: [] };
    const [{ finished, seconds }, { waiting }] = await Promise.all([
      estimateBatch(plan, this.queue),
      this.queue.counts(),
    ]);
    return { isFinished: finished > 0, seconds, waiting };
  }

  /** A video by its id, or undefined for whatever names none. */
  async get(id: string): Promise<Video | undefined> {
    const record = await this.#shelf.get(id);
    return record && this.#look(record);
  }

  /** By time of creation. @throws InvalidRequestError when there is no video `after` */
  async list(options: { limit: number; after?: string | undefined; order: 'asc' | 'desc' }): Promise<VideoPage> {
    const page = await this.#shelf.page(options);
    if (page === undefined) throw new InvalidRequestError(`after (=${options.after}) is no video that is there.`);
    const videos: Video[] = [];
    for (const record of page.records) videos.push(await this.#look(record));
    return { videos, hasMore: page.hasMore };
  }

  /**
   * Stops a video that has not ended, and keeps its record; asked for again, it goes on.
   * @returns undefined when it is not there @throws InvalidRequestError when it has ended
   */
  async cancel(id: string): Promise<Video | undefined> {
    if ((await this.get(id)) === undefined) return undefined;
    await this.queue.cancel(id);
    return this.get(id);
  }

  /** Removes a video with its files; one that has not ended is cancelled. @returns whether it was there */
  async remove(id: string): Promise<boolean> {
    if ((await this.get(id)) === undefined) return false;
    await this.queue.discard(id);
    await this.#shelf.remove(id);
    return true;
  }

  /** The file of a clip or of a picture of it, which is made if need be. @returns undefined when there is no clip */
  async file(id: string, kind: 'video' | PictureKind): Promise<string | undefined> {
    if ((await this.#shelf.get(id)) === undefined) return undefined;
    const clip = this.#clipOf(id);
    if (!(await isFile(clip))) return undefined;
    if (kind === 'video') return clip;
    const picture = this.#shelf.pathOf(id, `${kind}.png`);
    await this.#pictures.make(kind, clip, picture);
    return picture;
  }

  async #prepare(
    { seconds, picture, lastPicture, maskPicture, likePicture, ...wish }: VideoRequest,
    expands = true,
  ): Promise<PreparedJob> {
    await this.#checkModel(wish.model);
    if (wish.expand !== undefined) await this.#checkExpander(wish.expand);
    const put = async (field: string, bytes: Uint8Array | undefined): Promise<string | undefined> =>
      bytes && this.#shelf.putPicture(field, bytes);
    const { extend, between, restyle } = wish;
    const given = {
      seconds: seconds === undefined ? undefined : Number(seconds),
      image: await put('image', picture),
      last: await put('last', lastPicture),
      mask: await put('mask', maskPicture),
      like: await put('like', likePicture),
      extend: extend && (await this.#finished('extend', extend)),
      restyle: restyle && (await this.#finished('restyle', restyle)),
      between: between && (await Promise.all(between.map((id) => this.#finished('between', id)))),
    };
    const request = { ...wish, ...given, overwrite: true };
    const sent = Object.fromEntries(Object.entries(request).filter(([, value]) => value !== undefined));
    return jobPreparer(this.queue.settings)(sent as GenerateRequest, { folder: this.#shelf.folder, expands });
  }

  /** The clip of a video. @throws InvalidRequestError when there is none */
  async #finished(field: string, id: string): Promise<string> {
    const clip = await this.file(id, 'video');
    if (clip === undefined) throw new InvalidRequestError(`${field} (=${id}): there is no video of that id that is completed.`); // prettier-ignore
    return clip;
  }

  async #look(record: VideoRecord): Promise<Video> {
    const [job, hasClip] = await Promise.all([this.queue.get(record.id), isFile(this.#clipOf(record.id))]);
    return { record, job, hasClip };
  }

  /** As `findModel`, but without folders: not even whether one exists is told. */
  async #checkModel(model = 'nano'): Promise<void> {
    const known = (await listModels(this.queue.settings)).map(({ name }) => name);
    if (known.includes(model)) return;
    const there = known.length > 0 ? `There is ${known.join(', ')}.` : 'There is none yet.';
    throw new InvalidRequestError(`model (=${model}): there is no model of that name. ${there}`);
  }

  /** What a caller may name: no folders and no addresses. */
  async #checkExpander(expand: string): Promise<void> {
    const known = await listExpanders(this.queue.settings);
    if (known.includes(expand)) return;
    throw new InvalidRequestError(`expand (=${expand}) must be one of ${known.join(', ')}.`);
  }

  #clipOf(id: string): string {
    return this.#shelf.pathOf(id, 'mp4');
  }
}

function isFile(path: string): Promise<boolean> {
  return stat(path).then((found) => found.isFile(), () => false); // prettier-ignore
}
