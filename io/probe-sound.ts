// How long the sound of a file is, for files that may hold no picture.
import { stat } from 'node:fs/promises';
import { fileArgument, type FfmpegTools, runFfprobe } from './ffmpeg.ts';
import { isRecord } from './json.ts';
import { SAFE_INPUT, unreadable } from './probe-video.ts';

/** Options before any file whose sound is read: also those that hold sound alone. */
export const SAFE_SOUND_INPUT: readonly string[] = SAFE_INPUT.map((option) =>
  option.startsWith('mov,') ? `${option},mp3,wav,flac,aac,ac3,eac3,aiff,caf,amr,w64` : option,
);

/** Seconds of the longest sound track, or undefined where there is none. @throws InvalidRequestError when it cannot be read */
export async function soundSeconds(
  tools: FfmpegTools,
  path: string,
  signal?: AbortSignal,
): Promise<number | undefined> {
  if ((await stat(path).catch(() => undefined))?.isFile() !== true) throw unreadable(path, 'there is no such file.');
  const asked = ['-select_streams', 'a', '-show_entries', 'stream=codec_type:format=duration', fileArgument(path)];
  const found = await runFfprobe(tools, [...SAFE_SOUND_INPUT, ...asked], signal).catch((cause: unknown) => {
    signal?.throwIfAborted();
    throw unreadable(path, 'it holds no picture and no sound that ffmpeg can read, or it is damaged.', cause);
  });
  if (!isRecord(found) || !Array.isArray(found['streams']) || found['streams'].length === 0) return undefined;
  const duration = isRecord(found['format']) ? Number(found['format']['duration']) : NaN;
  return Number.isFinite(duration) ? duration : undefined;
}
