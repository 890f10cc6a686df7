// From films to an index that can be searched: the whole story in one screen. What is known is not looked at again, wherever it was
// moved to; a broken film among many is reported and the rest go on; one that was stopped goes on after its last shot.
import { stat } from 'node:fs/promises';
import { InvalidRequestError, JobFailedError } from '../graph/errors.ts';
import { findFfmpeg, type FfmpegTools } from '../io/ffmpeg.ts';
import { unreadable } from '../io/probe-video.ts';
import type { Caption } from '../understanding/cues.ts';
import type { CaptionProgress } from './caption.ts';
import { describeFilm, hearFilm, probeFilm } from './caption-film.ts';
import { parseCaptionRequest } from './caption-request.ts';
import { chooseLook } from './index-choices.ts';
import { findFilms } from './index-files.ts';
import { LazyLook, LOOK_PROBLEM } from './index-look.ts';
import { type IndexRequest, parseIndexRequest } from './index-request.ts';
import { digest } from './prepare-job.ts';
import { captionKey, SavedCaptions } from './saved-captions.ts';
import { type IndexChoices, type KnownFilm, SearchStore, type ShotToIndex } from './search-store.ts';
import { readSettings, type Settings } from './settings.ts';
import { checksum } from './sidecar.ts';

export interface IndexOptions {
  readonly onProgress?: (progress: CaptionProgress) => void;
  /** Called with what the user should know and that is no error. */
  readonly onNotice?: (notice: string) => void;
  /** Called when a film has ended, well or not. */
  readonly onFilm?: (film: IndexedFilm) => void;
  /** Aborting stops after the running shot; the same request goes on from there. */
  readonly signal?: AbortSignal;
  readonly settings?: Settings;
}

export type IndexedFilm =
  | { readonly film: string; readonly state: 'indexed'; readonly shots: number; readonly tookSeconds: number }
  /** Known by its bytes, which lay elsewhere; or the same as another film that is still there. */
  | { readonly film: string; readonly state: 'moved' | 'copied'; readonly from: string }
  | { readonly film: string; readonly state: 'unchanged' | 'removed' }
  | { readonly film: string; readonly state: 'failed'; readonly error: { readonly code: string; readonly message: string } }; // prettier-ignore

export interface IndexResult {
  readonly captioner: string;
  readonly clip: string;
  readonly films: readonly IndexedFilm[];
  readonly failed: number;
  /** All that the index holds now. */
  readonly total: { readonly films: number; readonly shots: number };
}

/** What all films of a request share. */
interface Run {
  readonly store: SearchStore;
  readonly tools: FfmpegTools;
  readonly choices: IndexChoices;
  readonly look: LazyLook;
  readonly known: Map<string, KnownFilm>;
  /** Films that are not where they were, and have not been found elsewhere yet. */
  readonly gone: Set<string>;
  readonly settings: Settings;
  readonly options: IndexOptions;
}

/**
 * Brings the index up to date with the films that a request names.
 * @throws InvalidRequestError for a request that makes no sense, for folders that may only be away, and for a single film that cannot
 * be read; ModelFileError, JobFailedError (code CANCELLED after an abort)
 */
export async function indexFilms(request: IndexRequest, options: IndexOptions = {}): Promise<IndexResult> {
  const parsed = parseIndexRequest(request);
  const settings = options.settings ?? readSettings();
  const tools = await findFfmpeg(settings);
  const store = await SearchStore.open(settings);
  try {
    const known = await store.films();
    const { there, gone } = await findFilms(parsed.videos, [...known.keys()], parsed.prune ?? false);
    const { choices, space } = await chooseLook(parsed, there, await store.latestChoices(), settings);
    const look = new LazyLook({ request: parsed, choices, space, settings, options });
    const run = { store, tools, choices, look, known: new Map(known), gone: new Set(gone), settings, options };
    try {
      return await indexAll(run, there);
    } finally {
      await look.close();
    }
  } finally {
    await store.close();
  }
}

async function indexAll(run: Run, paths: readonly string[]): Promise<IndexResult> {
  const { store, choices, gone, options } = run;
  const films: IndexedFilm[] = [];
  const tell = (film: IndexedFilm): void => {
    films.push(film);
    options.onFilm?.(film);
  };
  for (const [number, film] of paths.entries()) {
    try {
      tell(await indexOne(run, { film, number, films: paths.length }));
    } catch (error) {
      if (options.signal?.aborted === true)
        throw new JobFailedError('Indexing was stopped. The same command goes on from there.', { code: 'CANCELLED', cause: options.signal.reason }); // prettier-ignore
      // One film alone is the request; what is wrong for all is not told of each.
      if (paths.length === 1 || !isOfOneFilm(error)) throw error;
      tell({ film, state: 'failed', error: { code: error.code, message: error.message } });
    }
  }
  await store.removeFilms([...gone]);
  for (const film of gone) tell({ film, state: 'removed' });
  const failed = films.filter(({ state }) => state === 'failed').length;
  return { captioner: choices.captioner, clip: choices.clip, films, failed, total: await store.counts() };
}

const isOfOneFilm = (error: unknown): error is InvalidRequestError =>
  error instanceof InvalidRequestError && error.code !== LOOK_PROBLEM;

interface Turn {
  readonly film: string;
  readonly number: number;
  readonly films: number;
}

async function indexOne(run: Run, turn: Turn): Promise<IndexedFilm> {
  const { store, choices, known, gone, options } = run;
  const { film } = turn;
  options.signal?.throwIfAborted();
  const before = known.get(film);
  const status = await stat(film).catch(() => undefined);
  if (status === undefined) throw new InvalidRequestError(`cannot read ${film}: there is no such file.`);
  const { size: sizeBytes, mtimeMs: modifiedMs } = status;
  const isSameFile = before?.sizeBytes === sizeBytes && before.modifiedMs === modifiedMs;
  const sha256 = isSameFile ? before.sha256 : await checksum(film);
  if (sha256 === undefined) throw new InvalidRequestError(`${film} is no file.`);
  const key = digest(['shots 1', sha256, choices]);
  if (isSameFile && before.key === key) return { film, state: 'unchanged' };
  const place = { path: film, sizeBytes, modifiedMs, key };
  if (await store.hasContent(key)) {
    await store.putFilm(place);
    known.set(film, { ...place, sha256, choices });
    if (before?.sha256 === sha256) return { film, state: 'unchanged' };
    const twins = [...known.values()]
      .filter((one) => one.sha256 === sha256 && one.path !== film)
      .map(({ path }) => path);
    const from = twins.find((path) => gone.has(path)) ?? twins[0];
    if (from === undefined || !gone.delete(from)) return { film, state: 'copied', from: from ?? '' };
    await store.removeFilms([from]);
    return { film, state: 'moved', from };
  }
  const began = performance.now();
  const shots = await lookAt(run, turn);
  await store.addFilm(place, { sha256, choices, shots });
  known.set(film, { ...place, sha256, choices });
  return { film, state: 'indexed', shots: shots.length, tookSeconds: (performance.now() - began) / 1000 };
}

/** Looks at a film shot by shot, from where an earlier process was stopped, and listens to it. */
async function lookAt({ tools, choices, look, settings, options }: Run, turn: Turn): Promise<ShotToIndex[]> {
  const { signal, onProgress, onNotice } = options;
  const { speech, ...seeing } = choices;
  const film = await probeFilm(tools, turn.film, { speech: speech !== undefined, signal });
  if (film.kind === 'sound')
    throw unreadable(turn.film, 'there is only sound in it. The index finds shots, which have pictures.');
  const tell = (stage: 'load' | 'look' | 'listen', seconds: number): void =>
    onProgress?.({ stage, video: turn.film, number: turn.number + 1, videos: turn.films, seconds, durationSeconds: film.durationSeconds }); // prettier-ignore
  // What was seen is as good when words are listened for later.
  const saved = await SavedCaptions.open(settings.cacheFolder, await captionKey(turn.film, { index: 1, ...seeing }));
  if (!saved.isComplete) {
    tell('load', 0);
    const captioner = await look.open();
    const request = parseCaptionRequest({ videos: [turn.film], shots: true, every: choices['every'] });
    await describeFilm(film, { tools, captioner, request, saved, signal, onSeconds: (at) => tell('look', at) });
  }
  for (const notice of saved.notices) onNotice?.(`${turn.film}: ${notice}`);
  const listener = film.hasAudio ? await look.listener() : undefined;
  const onSeconds = (at: number): void => tell('listen', at);
  const heard = listener === undefined ? [] : await hearFilm(tools, film, listener, { signal, onSeconds });
  return saved.moments.map((moment) => {
    const { startSeconds, endSeconds, description } = moment;
    const { text, place = [] } = description;
    return { startSeconds, endSeconds, caption: text, said: saidIn(moment, heard), place };
  });
}

type Stretch = Pick<Caption, 'startSeconds' | 'endSeconds'>;

/** What is heard in a shot, or for the most part; what goes on through several shots is said in each. */
function saidIn(shot: Stretch, heard: readonly Caption[]): string {
  const lasts = ({ startSeconds, endSeconds }: Stretch): number => endSeconds - startSeconds;
  const inside = heard.filter((said) => {
    const shared = Math.min(shot.endSeconds, said.endSeconds) - Math.max(shot.startSeconds, said.startSeconds);
    return shared >= Math.min(lasts(shot), lasts(said)) / 2;
  });
  return inside.map(({ text }) => text).join(' ');
}
