// From videos to timed words: the whole story in one screen. A broken file among many is reported and the rest go on.
import { basename } from 'node:path';
import { JobFailedError, TesseraError } from '../graph/errors.ts';
import { findFfmpeg, type FfmpegTools } from '../io/ffmpeg.ts';
import { isWebp } from '../io/probe-video.ts';
import type { Captioner, TokenBill } from '../understanding/captioner.ts';
import { type Caption, cuesOf } from '../understanding/cues.ts';
import type { Listener } from '../understanding/speech.ts';
import type { Download } from '../understanding/transformers.ts';
import { describeFilm, type Film, hearFilm, probeFilm, refuseCopies } from './caption-film.ts';
import { findVideos } from './caption-files.ts';
import { captionOutputs, checkCaptionOutputs, clashRefusal, missingOutputs, writeCaptions } from './caption-outputs.ts';
import type { CaptionRecord, RecordedCaption } from './caption-record.ts';
import { type CaptionRequest, parseCaptionRequest, type ParsedCaptionRequest } from './caption-request.ts';
import { withCaptioner } from './captioner-names.ts';
import { openCaptioner, openSpeech } from './open-captioner.ts';
import { captionKey, SavedCaptions } from './saved-captions.ts';
import { readSettings, type Settings } from './settings.ts';

export interface CaptionOptions {
  readonly onProgress?: (progress: CaptionProgress) => void;
  /** Called with what the user should know and that is no error. */
  readonly onNotice?: (notice: string) => void;
  /** Called when a video has ended, well or not. */
  readonly onVideo?: (video: CaptionedVideo | FailedVideo) => void;
  /** Aborting stops after the running moment; the same request goes on from there. */
  readonly signal?: AbortSignal;
  readonly settings?: Settings;
}

export interface CaptionProgress {
  readonly stage: 'load' | 'look' | 'listen' | 'write';
  readonly video: string;
  /** Counted from 1. */
  readonly number: number;
  readonly videos: number;
  /** How far into the video, and how long it is. */
  readonly seconds: number;
  readonly durationSeconds: number;
  /** Of a model that is being downloaded. */
  readonly download?: Download;
}

export interface CaptionedVideo {
  readonly video: string;
  readonly durationSeconds: number;
  readonly files: readonly string[];
  /** Cues in the subtitles. */
  readonly cues: number;
  readonly captions: readonly RecordedCaption[];
  readonly tokens?: TokenBill;
  readonly notices: readonly string[];
  /** Everything was there already, from an earlier run. */
  readonly wasThere: boolean;
  readonly tookSeconds: number;
}

export interface FailedVideo {
  readonly video: string;
  readonly error: { readonly code: string; readonly message: string };
}

export interface CaptionResult {
  readonly captioner: string;
  /** How it runs: backend, model, address. */
  readonly how: string;
  readonly videos: readonly (CaptionedVideo | FailedVideo)[];
  readonly failed: number;
  readonly tokens?: TokenBill;
}

export const hasFailed = (video: CaptionedVideo | FailedVideo): video is FailedVideo => 'error' in video;

/** What all videos of a request share. */
interface Run {
  readonly tools: FfmpegTools;
  readonly captioner: Captioner;
  readonly listener: Listener | undefined;
  readonly request: ParsedCaptionRequest;
  readonly settings: Settings;
  readonly options: CaptionOptions;
}

/**
 * Captions all videos that a request names and writes their files.
 * @throws InvalidRequestError for a request that makes no sense, and for a single video that cannot be captioned;
 * ModelFileError, JobFailedError (code CANCELLED after an abort)
 */
export async function caption(request: CaptionRequest, options: CaptionOptions = {}): Promise<CaptionResult> {
  const asked = parseCaptionRequest(request);
  const settings = options.settings ?? readSettings();
  const paths = await findVideos(asked.videos);
  const parsed = await withCaptioner(asked, paths, settings);
  const tools = await findFfmpeg(settings);
  // One file that is missing or empty is told before a model is loaded for it.
  if (paths.length === 1) await isWebp(paths[0]!);
  const onDownload = (download: Download): void =>
    options.onProgress?.({ ...at('load', 0, paths, { seconds: 0, durationSeconds: 0 }), download });
  options.onProgress?.(at('load', 0, paths, { seconds: 0, durationSeconds: 0 }));
  const captioner = await openCaptioner(parsed, settings, onDownload);
  try {
    if ((asked.captioner ?? 'auto') === 'auto')
      options.onNotice?.(`The captioner is ${captioner.name} (${captioner.how}).`);
    const listener = await openSpeech(parsed, settings, onDownload);
    try {
      return await captionAll({ tools, captioner, listener, request: parsed, settings, options }, paths);
    } finally {
      await listener?.close();
    }
  } finally {
    await captioner.close();
  }
}

async function captionAll(run: Run, paths: readonly string[]): Promise<CaptionResult> {
  const { signal, onVideo } = run.options;
  const videos: (CaptionedVideo | FailedVideo)[] = [];
  const refuseClash = clashRefusal(paths, run.request);
  for (const number of paths.keys()) {
    try {
      refuseClash(paths[number]!);
      videos.push(await captionOne(run, paths, number));
    } catch (error) {
      if (signal?.aborted === true)
        throw new JobFailedError('Captioning was stopped. The same command goes on from there.', { code: 'CANCELLED', cause: signal.reason }); // prettier-ignore
      // One video alone is the request; what is wrong for all is not told of each.
      if (paths.length === 1 || !(error instanceof TesseraError) || error.code.startsWith('ENDPOINT')) throw error;
      videos.push({ video: paths[number]!, error: { code: error.code, message: error.message } });
    }
    onVideo?.(videos.at(-1)!);
  }
  const tokens = sumOf(videos.flatMap((video) => ('tokens' in video ? (video.tokens ?? []) : [])));
  const { name, how } = run.captioner;
  return { captioner: name, how, videos, failed: videos.filter(hasFailed).length, ...(tokens && { tokens }) };
}

async function captionOne(run: Run, paths: readonly string[], number: number): Promise<CaptionedVideo> {
  const { tools, captioner, listener, request, settings, options } = run;
  const { signal, onProgress, onNotice } = options;
  const path = paths[number]!;
  const began = performance.now();
  const notices: string[] = [];
  const notice = (text: string): void => {
    notices.push(text);
    onNotice?.(`${basename(path)}: ${text}`);
  };
  const film = await probeFilm(tools, path, { speech: listener !== undefined, signal });
  refuseCopies(film, request);
  const outputs = captionOutputs(path, request);
  const overwrite = request.overwrite ?? false;
  const saved = await SavedCaptions.open(settings.cacheFolder, await captionKey(path, choicesOf(run)));
  // What stands there may be its own once it was begun: of a film that is only heard, that shows when it is heard again.
  const mayBeThere = film.kind === 'sound' ? saved.wasBegun : saved.isComplete;
  if (!mayBeThere) await checkCaptionOutputs(outputs, overwrite);
  if (film.kind === 'sound') await saved.begin();
  const tell = (stage: CaptionProgress['stage']) => (seconds: number) =>
    onProgress?.(at(stage, number, paths, { seconds, durationSeconds: film.durationSeconds }));
  if (!saved.isComplete) tell('look')(0);
  await describeFilm(film, { tools, captioner, request, saved, signal, onSeconds: tell('look') });
  saved.notices.forEach(notice);
  const heard =
    listener === undefined ? [] : await hearFilm(tools, film, listener, { signal, onSeconds: tell('listen') });
  if (listener !== undefined && !film.hasAudio) notice('it has no sound.');
  const captions = recorded(saved, heard);
  const tokens = sumOf(saved.moments.flatMap(({ description }) => description.tokens ?? []));
  const record = recordOf(film, captions, { run, notices, tokens });
  const cues = cuesOf(captions.map(({ start, end, text, source }) => ({ startSeconds: start, endSeconds: end, text, source })), endOf(film, saved)); // prettier-ignore
  const toWrite = { video: path, cues, record, cacheFolder: settings.cacheFolder };
  const missing = await missingOutputs(outputs, toWrite);
  if (missing.length > 0) {
    await checkCaptionOutputs(missing, overwrite);
    tell('write')(film.durationSeconds);
    await writeCaptions(tools, missing, toWrite, { overwrite, signal });
  }
  return {
    video: path,
    durationSeconds: film.durationSeconds,
    files: outputs.map((output) => output.path),
    cues: cues.length,
    captions,
    ...(tokens && { tokens }),
    notices,
    wasThere: missing.length === 0,
    tookSeconds: (performance.now() - began) / 1000,
  };
}

/** Files are vague about their length, and may be cut short. */
function endOf({ durationSeconds, hasAudio }: Film, { moments }: SavedCaptions): number {
  const seen = moments.at(-1)?.endSeconds ?? 0;
  return hasAudio || seen === 0 ? Math.max(seen, durationSeconds) : seen;
}

/** All that the description of a film follows from, beside the film. */
function choicesOf({ captioner, request }: Run): Readonly<Record<string, unknown>> {
  const { every, count, shots, prompt, prefix, language, model } = request;
  return { captioner: captioner.name, how: captioner.how, every, count, shots, prompt, prefix, language, model };
}

/** What was seen and heard, in the order of time. */
function recorded({ moments }: SavedCaptions, heard: readonly Caption[]): RecordedCaption[] {
  const seen = moments.map(({ startSeconds, endSeconds, shot, description }) => {
    const { text, confidence, objects } = description;
    const known = { ...(confidence !== undefined && { confidence }), shot, ...(objects && { objects: objects.map((one) => ({ ...one, boxes: [...one.boxes] })) }) }; // prettier-ignore
    return { start: startSeconds, end: endSeconds, source: 'seen' as const, text, ...known };
  });
  const said = heard.map(({ startSeconds, endSeconds, text }) => ({
    start: startSeconds,
    end: endSeconds,
    source: 'heard' as const,
    text,
  }));
  return [...seen, ...said].sort((a, b) => a.start - b.start);
}

function recordOf(
  { path, kind, width, height, durationSeconds }: Film,
  captions: RecordedCaption[],
  { run, notices, tokens }: { readonly run: Run; readonly notices: string[]; readonly tokens: TokenBill | undefined },
): CaptionRecord {
  return {
    version: 1,
    video: { name: basename(path), width, height, durationSeconds },
    captioner: kind === 'sound' ? null : run.captioner.name,
    speech: run.listener?.name ?? null,
    ...(tokens && { tokens }),
    notices,
    captions,
  };
}

function at(
  stage: CaptionProgress['stage'],
  number: number,
  paths: readonly string[],
  where: { readonly seconds: number; readonly durationSeconds: number },
): CaptionProgress {
  return { stage, video: paths[number] ?? '', number: number + 1, videos: paths.length, ...where };
}

function sumOf(bills: readonly TokenBill[]): TokenBill | undefined {
  if (bills.length === 0) return undefined;
  return bills.reduce((sum, { input, output }) => ({ input: sum.input + input, output: sum.output + output }));
}
