// One film from its first picture to its last: looked at as it streams by, described moment by moment, saved after each, so that
// it goes on where it was stopped. Pictures are decoded while the captioner works.
import { isWebp, probeVideo, unreadable, type VideoInfo } from '../io/probe-video.ts';
import type { FfmpegTools } from '../io/ffmpeg.ts';
import { InvalidRequestError } from '../graph/errors.ts';
import { loadPicture } from '../io/pictures.ts';
import { soundSeconds } from '../io/probe-sound.ts';
import { isPictureFile } from '../io/picture-kind.ts';
import type { Captioner, Description } from '../understanding/captioner.ts';
import { type Caption, STILL_SECONDS } from '../understanding/cues.ts';
import { type MomentInFilm, momentsOf } from '../understanding/moments.ts';
import { sampledSize, sampleVideo } from '../understanding/sample-video.ts';
import { CUT_SCORE } from '../understanding/sampling.ts';
import { listen, type Listener } from '../understanding/speech.ts';
import type { ParsedCaptionRequest } from './caption-request.ts';
import type { SavedCaptions, SavedMoment } from './saved-captions.ts';

/** What a file turned out to be. */
export interface Film {
  readonly path: string;
  readonly kind: 'video' | 'still' | 'sound';
  readonly width: number;
  readonly height: number;
  readonly durationSeconds: number;
  readonly hasAudio: boolean;
  /** Of videos. */
  readonly info?: VideoInfo;
}

export interface FilmRun {
  readonly tools: FfmpegTools;
  readonly captioner: Captioner;
  readonly request: ParsedCaptionRequest;
  readonly saved: SavedCaptions;
  readonly signal?: AbortSignal | undefined;
  /** Called after each moment with how far into the film it ends. */
  readonly onSeconds: (seconds: number) => void;
}

/** Looks what a file is. @throws InvalidRequestError when nothing in it can be captioned */
export async function probeFilm(
  tools: FfmpegTools,
  path: string,
  { speech, signal }: { readonly speech: boolean; readonly signal?: AbortSignal | undefined },
): Promise<Film> {
  await isWebp(path); // says what is wrong with files that are missing or empty
  if (await isPictureFile(path)) {
    const { width, height } = await loadPicture(path);
    return { path, kind: 'still', width, height, durationSeconds: STILL_SECONDS, hasAudio: false };
  }
  try {
    const info = await probeVideo(tools, path, signal ? { signal } : {});
    const { width, height, durationSeconds, hasAudio } = info;
    return { path, kind: 'video', width, height, durationSeconds, hasAudio, info };
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof InvalidRequestError)) throw error;
    const lasts = await soundSeconds(tools, path, signal).catch(() => undefined);
    if (lasts === undefined) throw error;
    if (!speech)
      throw unreadable(path, 'there is only sound in it. Ask for what is said by --speech hf:<model>.', error);
    return { path, kind: 'sound', width: 0, height: 0, durationSeconds: lasts, hasAudio: true };
  }
}

/** @throws InvalidRequestError where a copy with captions is asked for of what is no film */
export function refuseCopies({ path, kind }: Film, { mux = false, burn = false }: ParsedCaptionRequest): void {
  if (kind === 'video' || !(mux || burn)) return;
  const what = kind === 'still' ? 'a still picture' : 'only sound';
  throw new InvalidRequestError(
    `${path} is ${what}, and no film that captions could be put into. Leave out ${[mux && 'mux', burn && 'burn'].filter(Boolean).join(' and ')}.`,
  );
}

/** Describes all moments that are not saved yet. */
export async function describeFilm(film: Film, run: FilmRun): Promise<void> {
  const { captioner, saved, signal, onSeconds } = run;
  const last = saved.moments.at(-1);
  if (last?.isLast === true || film.kind === 'sound') return;
  if (last !== undefined) onSeconds(last.endSeconds);
  let memory = last?.description.memory;
  const waiting: { readonly moment: MomentInFilm; readonly described: Promise<Description> }[] = [];
  const notices: string[] = [];
  let held: SavedMoment | undefined;
  let lastPicture = 0;
  const settle = async (): Promise<void> => {
    const { moment, described } = waiting.shift()!;
    const description = await described;
    memory = description.memory;
    if (held !== undefined) await saved.add(held);
    const { startSeconds, endSeconds, shot, nextShot } = moment;
    held = { startSeconds, endSeconds, shot, nextShot, description, isLast: false };
    onSeconds(endSeconds);
  };
  try {
    for await (const moment of moments(film, run, (why) => notices.push(why))) {
      signal?.throwIfAborted();
      lastPicture = moment.samples.at(-1)!.seconds;
      const described = captioner.describe(moment, memory, signal);
      described.catch(() => undefined); // awaited in its turn
      waiting.push({ moment, described });
      if (waiting.length >= captioner.concurrency) await settle();
    }
    while (waiting.length > 0) await settle();
  } catch (error) {
    await Promise.allSettled(waiting.map(({ described }) => described));
    if (held !== undefined) await saved.add(held);
    throw error;
  }
  if (held === undefined) return;
  const isCut = notices.length > 0 && lastPicture < 0.9 * film.durationSeconds - 2;
  if (isCut) notices.push(`it ends after ${lastPicture.toFixed(1)} of ${film.durationSeconds.toFixed(1)} s: it is cut short.`); // prettier-ignore
  const endSeconds = isCut ? Math.max(lastPicture + 1, held.startSeconds + 1) : held.endSeconds;
  await saved.add({ ...held, endSeconds, isLast: true, ...(notices.length > 0 && { notices }) });
}

function moments(film: Film, run: FilmRun, onDamage: (why: string) => void): AsyncIterable<MomentInFilm> {
  const { tools, captioner, request, saved, signal } = run;
  const { longestSide, momentSeconds } = captioner;
  if (film.info === undefined) return still(film, longestSide);
  const last = saved.moments.at(-1);
  const { info, durationSeconds } = film;
  const {
    every = request.count === undefined ? (captioner.everySeconds ?? 1) : durationSeconds / request.count,
    shots = false,
  } = request;
  const samples = sampleVideo(tools, info, {
    everySeconds: every,
    cutScore: shots ? CUT_SCORE : undefined,
    longestSide,
    fromSeconds: last?.endSeconds ?? 0,
    firstShot: last?.nextShot ?? 0,
    signal,
    onDamage,
  });
  return momentsOf(samples, { momentSeconds, byShot: shots, endSeconds: durationSeconds });
}

async function* still({ path, width, height }: Film, longestSide: number): AsyncGenerator<MomentInFilm> {
  const [scaledWidth, scaledHeight] = sampledSize({ width, height }, longestSide);
  const picture = await loadPicture(path, { width: scaledWidth, height: scaledHeight, fit: 'stretch' });
  const samples = [{ seconds: 0, shot: 0, picture }];
  yield { startSeconds: 0, endSeconds: STILL_SECONDS, shot: 0, nextShot: 0, samples };
}

/** What is said in a film; heard anew each time, as it is quick beside looking. */
export async function hearFilm(
  tools: FfmpegTools,
  film: Film,
  listener: Listener,
  { signal, onSeconds }: Pick<FilmRun, 'signal' | 'onSeconds'>,
): Promise<readonly Caption[]> {
  const heard: Caption[] = [];
  if (!film.hasAudio) return heard;
  for await (const { untilSeconds, captions } of listen(tools, film.path, listener, signal)) {
    heard.push(...captions);
    onSeconds(untilSeconds);
  }
  return heard;
}
