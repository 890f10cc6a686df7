// The files of a captioned film: where they go, that nothing stands in their way, and how they are written.
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { InvalidRequestError } from '../graph/errors.ts';
import { refuseExisting, refuseUnwritable, writeBeside } from '../io/atomic.ts';
import type { FfmpegTools } from '../io/ffmpeg.ts';
import { burnSubtitles, muxSubtitles, trackEnding } from '../io/subtitled-video.ts';
import { subtitleText } from '../io/subtitles.ts';
import { removeLeftovers } from '../io/temporary.ts';
import type { Cue } from '../understanding/cues.ts';
import { isNoted, noteCopy } from './caption-copies.ts';
import type { CaptionRecord } from './caption-record.ts';
import type { CaptionFormat, ParsedCaptionRequest } from './caption-request.ts';

export interface CaptionOutput {
  readonly kind: CaptionFormat | 'mux' | 'burn';
  readonly path: string;
}

/** film.vtt, film.srt, film.captions.json, film.captions.txt, film.captioned.mp4, film.burnt.mp4. */
export function captionOutputs(video: string, request: ParsedCaptionRequest): readonly CaptionOutput[] {
  const folder = resolve(request.folder ?? dirname(video));
  const stem = basename(video, extname(video));
  const endings = { vtt: 'vtt', srt: 'srt', json: 'captions.json', txt: 'captions.txt' };
  const formats = [...new Set(request.formats ?? (['vtt', 'json'] as const))];
  const files = formats.map((kind) => ({ kind, path: join(folder, `${stem}.${endings[kind]}`) }));
  return [
    ...files,
    ...(request.mux === true
      ? [{ kind: 'mux' as const, path: join(folder, `${stem}.captioned${trackEnding(video)}`) }]
      : []),
    ...(request.burn === true ? [{ kind: 'burn' as const, path: join(folder, `${stem}.burnt.mp4`) }] : []),
  ];
}

/**
 * Two videos of one name may not write the same files: the first one does. What it gives throws for the others.
 * @throws InvalidRequestError
 */
export function clashRefusal(videos: readonly string[], request: ParsedCaptionRequest): (video: string) => void {
  const owners = new Map<string, string>();
  for (const video of videos)
    for (const { path } of captionOutputs(video, request)) if (!owners.has(path)) owners.set(path, video);
  return (video) => {
    for (const { path } of captionOutputs(video, request)) {
      if (owners.get(path) === video) continue;
      throw new InvalidRequestError(`${owners.get(path)!} and ${video} would both write ${path}. Caption the second one by itself, with --folder for another folder.`); // prettier-ignore
    }
  };
}

/** Before any work is done: folders can be written, nothing of somebody else's stands there. @throws InvalidRequestError */
export async function checkCaptionOutputs(outputs: readonly CaptionOutput[], overwrite: boolean): Promise<void> {
  for (const { path } of outputs) {
    await mkdir(dirname(path), { recursive: true }).catch(() => undefined); // told by the next line
    await refuseUnwritable(path);
    await refuseExisting(path, { overwrite });
    await removeLeftovers(path);
  }
}

export interface ToWrite {
  readonly video: string;
  readonly cues: readonly Cue[];
  readonly record: CaptionRecord;
  /** Where it is noted which copies are ours. */
  readonly cacheFolder: string;
}

/** @param overwrite whether what stands there may be replaced */
export async function writeCaptions(
  tools: FfmpegTools,
  outputs: readonly CaptionOutput[],
  { video, cues, record, cacheFolder }: ToWrite,
  { overwrite, signal }: { readonly overwrite: boolean; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  for (const { kind, path } of outputs) {
    signal?.throwIfAborted();
    if (kind === 'mux' || kind === 'burn') {
      const copy = { kind, path, video, srt: srtOf(cues) };
      const beforeAppearing = (file: string): Promise<void> => noteCopy(cacheFolder, copy, file);
      await withSrt(copy.srt, (srt) => {
        const put = kind === 'mux' ? muxSubtitles : burnSubtitles;
        return put(tools, { video, srt, output: path }, { overwrite, signal, beforeAppearing });
      });
    } else {
      const content = contentOf(kind, cues, record);
      await writeBeside(path, { overwrite }, (temporary) => writeFile(temporary, content));
    }
  }
}

/** Those that do not stand there with just the content that they would get; what a run that was stopped had written does. */
export async function missingOutputs(
  outputs: readonly CaptionOutput[],
  { video, cues, record, cacheFolder }: ToWrite,
): Promise<readonly CaptionOutput[]> {
  const missing: CaptionOutput[] = [];
  for (const output of outputs) {
    const { kind, path } = output;
    const isThere =
      kind === 'mux' || kind === 'burn'
        ? await isNoted(cacheFolder, { kind, path, video, srt: srtOf(cues) })
        : await holds(path, contentOf(kind, cues, record));
    if (!isThere) missing.push(output);
  }
  return missing;
}

/** A file of another size is not read: it may be anything. */
async function holds(path: string, content: string): Promise<boolean> {
  try {
    const { size } = await stat(path);
    return size === Buffer.byteLength(content) && (await readFile(path, 'utf8')) === content;
  } catch {
    return false;
  }
}

const contentOf = (kind: CaptionFormat, cues: readonly Cue[], record: CaptionRecord): string =>
  kind === 'json' ? `${JSON.stringify(record, undefined, 2)}\n` : subtitleText(cues, kind);

/** A track needs at least one cue. */
const srtOf = (cues: readonly Cue[]): string =>
  subtitleText(cues.length > 0 ? cues : [{ startSeconds: 0, endSeconds: 1, lines: [' '] }], 'srt');

async function withSrt(text: string, use: (path: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'tessera-captions-'));
  try {
    const path = join(folder, 'cues.srt');
    await writeFile(path, text);
    await use(path);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
