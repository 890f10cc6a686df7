// The files of a captioned film: where they go, that nothing stands in their way, and how they are written.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { InvalidRequestError } from '../graph/errors.ts';
import { refuseExisting, refuseUnwritable, writeBeside } from '../io/atomic.ts';
import type { FfmpegTools } from '../io/ffmpeg.ts';
import { burnSubtitles, muxSubtitles, trackEnding } from '../io/subtitled-video.ts';
import { subtitleText } from '../io/subtitles.ts';
import { removeLeftovers } from '../io/temporary.ts';
import type { Cue } from '../understanding/cues.ts';
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
}

/** Writes what is not there as it would be written. */
export async function writeCaptions(
  tools: FfmpegTools,
  outputs: readonly CaptionOutput[],
  { video, cues, record }: ToWrite,
  { overwrite, signal }: { readonly overwrite: boolean; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  for (const { kind, path } of outputs) {
    signal?.throwIfAborted();
    if (kind === 'mux' || kind === 'burn') {
      await withSrt(cues, (srt) => {
        const put = kind === 'mux' ? muxSubtitles : burnSubtitles;
        return put(tools, { video, srt, output: path }, { overwrite, signal });
      });
    } else {
      const content = kind === 'json' ? `${JSON.stringify(record, undefined, 2)}\n` : subtitleText(cues, kind);
      await writeBeside(path, { overwrite }, (temporary) => writeFile(temporary, content));
    }
  }
}

/** Whether all files stand there with just the content that they would get, as after a run that had ended. */
export async function areWritten(outputs: readonly CaptionOutput[], { cues, record }: ToWrite): Promise<boolean> {
  for (const { kind, path } of outputs) {
    const found = await readFile(path, kind === 'mux' || kind === 'burn' ? 'latin1' : 'utf8').catch(() => undefined);
    if (found === undefined) return false;
    if (kind === 'mux' || kind === 'burn') continue; // they are written last
    const content = kind === 'json' ? `${JSON.stringify(record, undefined, 2)}\n` : subtitleText(cues, kind);
    if (found !== content) return false;
  }
  return true;
}

async function withSrt(cues: readonly Cue[], use: (path: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'tessera-captions-'));
  try {
    const path = join(folder, 'cues.srt');
    // A track needs at least one cue.
    const some = cues.length > 0 ? cues : [{ startSeconds: 0, endSeconds: 1, lines: [' '] }];
    await writeFile(path, subtitleText(some, 'srt'));
    await use(path);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
