// Puts subtitles into a video: as a track beside its streams, which are copied as they are, or drawn into its pictures.
import { InvalidRequestError, JobFailedError } from '../graph/errors.ts';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { type OutputOptions, writeBeside } from './atomic.ts';
import { availableEncoders, type FfmpegJob, type FfmpegTools, fileArgument, startFfmpeg } from './ffmpeg.ts';
import { SAFE_INPUT } from './probe-video.ts';

export interface SubtitledOptions extends OutputOptions {
  /** ISO 639-2, e.g. `eng`. */
  readonly language?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told when the copy is whole and before it appears under its name. */
  readonly beforeAppearing?: (file: string) => Promise<void>;
}

/** How each container keeps subtitles. */
const codecs: Readonly<Record<string, string>> = {
  '.mp4': 'mov_text',
  '.m4v': 'mov_text',
  '.mov': 'mov_text',
  '.mkv': 'srt',
};

/** The ending for a copy of this video that can hold a track. */
export function trackEnding(video: string): string {
  const ending = extname(video).toLowerCase();
  return ending in codecs ? ending : '.mkv';
}

/** Copies a video and adds the track. @throws InvalidRequestError, JobFailedError, the signal's reason */
export async function muxSubtitles(
  tools: FfmpegTools,
  { video, srt, output }: { readonly video: string; readonly srt: string; readonly output: string },
  options: SubtitledOptions = {},
): Promise<void> {
  const codec = codecs[extname(output).toLowerCase()];
  if (codec === undefined)
    throw new InvalidRequestError(`cannot write ${output}: a subtitle track goes into .mp4, .mov or .mkv.`);
  const map = ['-map', '0:v', '-map', '0:a?', '-map', '1:0', '-map', '0:s?'];
  const track = ['-c', 'copy', '-c:s:0', codec, '-metadata:s:s:0', `language=${options.language ?? 'eng'}`];
  const inputs = [
    { source: fileArgument(video), options: SAFE_INPUT },
    { source: fileArgument(srt), options: ['-protocol_whitelist', 'file,pipe', '-f', 'srt'] },
  ];
  await write(tools, { inputs, output, options: [...map, ...track, '-disposition:s:0', 'default'] }, options);
}

/** Draws the subtitles into a copy of the video (.mp4 or .mkv); its sound is copied. @throws as `muxSubtitles` */
export async function burnSubtitles(
  tools: FfmpegTools,
  { video, srt, output }: { readonly video: string; readonly srt: string; readonly output: string },
  options: SubtitledOptions = {},
): Promise<void> {
  if (!(await availableEncoders(tools)).has('libx264')) {
    throw new JobFailedError(`ffmpeg ${tools.ffmpeg.version} has no libx264 to burn subtitles in with.`, {
      code: 'FFMPEG_ENCODER',
    });
  }
  const folder = await mkdtemp(join(tmpdir(), 'tessera-burn-'));
  try {
    const plain = join(folder, 'cues.srt'); // a name that the filter's own grammar does not trip over
    await copyFile(srt, plain);
    const path = plain.replaceAll('\\', '/').replace(/[:']/g, '\\\\$&');
    const filter = `scale=trunc(iw/2)*2:trunc(ih/2)*2,subtitles=${path},format=yuv420p`;
    const encode = ['-c:v', 'libx264', '-preset', 'medium', '-crf', '18', '-c:a', 'copy'];
    const inputs = [{ source: fileArgument(video), options: SAFE_INPUT }];
    const drawn = ['-map', '0:v:0', '-map', '0:a?', '-filter:v', filter, ...encode];
    await write(tools, { inputs, output, options: drawn }, options);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface Putting extends Pick<FfmpegJob, 'inputs'> {
  readonly output: string;
  /** Of the output. */
  readonly options: readonly string[];
}

async function write(
  tools: FfmpegTools,
  { inputs, output, options }: Putting,
  { overwrite = false, signal, beforeAppearing }: SubtitledOptions,
): Promise<void> {
  await writeBeside(output, { overwrite }, async (temporary) => {
    await run(tools, { inputs, outputs: [{ target: fileArgument(temporary), options }] }, output, signal);
    await beforeAppearing?.(temporary);
  });
}

async function run(tools: FfmpegTools, job: FfmpegJob, output: string, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  let hasNoFont = false;
  const { finished, kill } = startFfmpeg(tools, {
    ...job,
    onLine: (line) => (hasNoFont ||= /fontselect: (failed|can't find)|No usable fontconfig/i.test(line)),
  });
  signal?.addEventListener('abort', kill, { once: true });
  const { ok, stderr } = await finished.finally(() => signal?.removeEventListener('abort', kill));
  signal?.throwIfAborted();
  if (hasNoFont) {
    throw new JobFailedError(
      `ffmpeg finds no font to write with. Install one, such as DejaVu, then burn ${output} again.`,
      {
        code: 'FONT_MISSING',
      },
    );
  }
  if (ok) return;
  const why = stderr.trim().split('\n').at(-1)?.replace(/^(\[[^\]]*\] *)+/, '') ?? 'it says nothing'; // prettier-ignore
  throw new JobFailedError(`ffmpeg could not write ${output}: ${why}`, { code: 'FFMPEG', cause: new Error(stderr) });
}
