// Reads the frames of any video through a pipe, turned upright, scaled and at a constant rate. A film is never in
// memory as a whole: ffmpeg waits while the reader is busy, and is ended when the reader stops.

import { PassThrough } from 'node:stream';
import { InvalidRequestError } from '../graph/errors.ts';
import { type FfmpegResult, type FfmpegTools, fileArgument, startFfmpeg } from './ffmpeg.ts';
import { type Frames, framesOf } from './frames.ts';
import { probeVideo, SAFE_INPUT, unreadable, type VideoInfo } from './probe-video.ts';
import { rateArgument, SCALER_FLAGS } from './video-formats.ts';
import { readWebp } from './webp-reader.ts';

export interface ReadOptions {
  /** Size of the frames; with only one of both the other follows from the video's aspect. Default: as it is. */
  readonly width?: number;
  readonly height?: number;
  /** How a picture of another aspect fills the size: cut (default), with black bars, or distorted. */
  readonly fit?: 'cover' | 'contain' | 'stretch';
  /** Frames per second, by leaving out or repeating; default: the video's average rate. */
  readonly fps?: number;
  readonly startSeconds?: number;
  readonly durationSeconds?: number;
  readonly maxFrames?: number;
  /** Frames per piece (default 1); only the last may have fewer. */
  readonly chunkFrames?: number;
  readonly signal?: AbortSignal;
}

/** What is to be read, with every choice made. */
export interface Reading {
  readonly width: number;
  readonly height: number;
  readonly fit: 'cover' | 'contain' | 'stretch';
  readonly fps: number;
  readonly startSeconds: number;
  /** Of what is to be read; for counting, as files are vague about their length. */
  readonly durationSeconds: number;
  /** Where to stop because the caller said so; Infinity for the end of the file. */
  readonly limitSeconds: number;
  readonly maxFrames: number;
  readonly chunkFrames: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * The frames of a video, piece by piece, each [chunkFrames,H,W,3].
 * @throws InvalidRequestError when it cannot be read, is cut short, or the range holds no frame; the signal's reason
 */
export async function* readVideo(
  tools: FfmpegTools,
  source: string | VideoInfo,
  options: ReadOptions = {},
): AsyncGenerator<Frames, void> {
  options.signal?.throwIfAborted();
  const info = typeof source === 'string' ? await probeVideo(tools, source, options) : source;
  const reading = settle(info, options);
  if (info.container === 'webp') yield* readWebp(info, reading);
  else yield* readStream(tools, info, reading);
}

async function* readStream(tools: FfmpegTools, info: VideoInfo, reading: Reading): AsyncGenerator<Frames, void> {
  const { width, height, chunkFrames, signal } = reading;
  // fluent-ffmpeg takes a stream that closes for a reader that is gone, so this one must not close by itself.
  const pipe = new PassThrough({ autoDestroy: false });
  const { finished, kill } = startFfmpeg(tools, {
    inputs: [{ source: fileArgument(info.path), options: [...SAFE_INPUT, '-ss', String(reading.startSeconds)] }],
    outputs: [{ target: pipe, options: outputOptions(info, reading) }],
  });
  signal?.addEventListener('abort', kill, { once: true });
  let frames = 0;
  try {
    for await (const bytes of pieces(pipe, width * height * 3, chunkFrames)) {
      signal?.throwIfAborted();
      const piece = framesOf(bytes, bytes.length / (width * height * 3), height, width);
      frames += piece.frames;
      yield piece;
    }
    const result = await finished;
    signal?.throwIfAborted();
    checkComplete(info, reading, frames, result);
  } finally {
    signal?.removeEventListener('abort', kill);
    kill();
    await finished;
    pipe.destroy();
  }
}

function settle(info: VideoInfo, options: ReadOptions): Reading {
  const aspect = info.width / info.height;
  const width =
    options.width ?? (options.height === undefined ? info.width : Math.max(1, Math.round(options.height * aspect)));
  const height =
    options.height ?? (options.width === undefined ? info.height : Math.max(1, Math.round(options.width / aspect)));
  const { fit = 'cover', fps = info.fps, startSeconds = 0, maxFrames = Infinity, chunkFrames = 1, signal } = options;
  const counts = { width, height, chunkFrames };
  for (const [name, value] of Object.entries(counts)) {
    if (!Number.isInteger(value) || value < 1 || value > 65_535)
      throw new InvalidRequestError(`${name} (=${value}) must be a whole number from 1 to 65535.`);
  }
  if (!(fps > 0 && fps <= 1000)) throw new InvalidRequestError(`fps (=${fps}) must lie above 0 and not above 1000.`);
  if (!(startSeconds >= 0 && startSeconds < info.durationSeconds)) {
    throw new InvalidRequestError(
      `startSeconds (=${startSeconds}) lies outside of ${info.path}, which lasts ${info.durationSeconds} s.`,
    );
  }
  const limitSeconds = options.durationSeconds ?? Infinity;
  const durationSeconds = Math.min(limitSeconds, info.durationSeconds - startSeconds);
  if (!(durationSeconds > 0))
    throw new InvalidRequestError(`durationSeconds (=${options.durationSeconds}) must be above 0.`);
  return { width, height, fit, fps, startSeconds, durationSeconds, limitSeconds, maxFrames, chunkFrames, signal };
}

function outputOptions({ streamIndex }: VideoInfo, reading: Reading): string[] {
  const { width: w, height: h, fit, fps, limitSeconds, maxFrames } = reading;
  const scale = (more: string): string => `scale=${w}:${h}${more}:${SCALER_FLAGS}`;
  const fitted = {
    cover: `${scale(':force_original_aspect_ratio=increase')},crop=${w}:${h}`,
    contain: `${scale(':force_original_aspect_ratio=decrease')},pad=${w}:${h}:(ow-iw)/2:(oh-ih)/2`,
    stretch: scale(''),
  }[fit];
  const squarePixels = 'scale=ceil(iw*sar):ih,setsar=1';
  const frames = Number.isFinite(maxFrames) ? ['-frames:v', String(maxFrames)] : [];
  const time = Number.isFinite(limitSeconds) ? ['-t', limitSeconds.toFixed(6)] : [];
  const filters = `fps=${rateArgument(fps)},${squarePixels},${fitted},format=rgb24`;
  return ['-map', `0:${streamIndex}`, '-an', '-sn', '-dn', ...frames, ...time, '-filter:v', filters, '-f', 'rawvideo'];
}

/** Cuts a stream of bytes into pieces of `count` whole frames; the rest of a broken frame at the end is left out. */
async function* pieces(stream: PassThrough, frameBytes: number, count: number): AsyncGenerator<Uint8Array, void> {
  let piece = new Uint8Array(frameBytes * count);
  let filled = 0;
  for await (const bytes of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    for (let at = 0; at < bytes.length;) {
      const part = bytes.subarray(at, at + piece.length - filled);
      piece.set(part, filled);
      filled += part.length;
      at += part.length;
      if (filled < piece.length) continue;
      yield piece;
      piece = new Uint8Array(frameBytes * count);
      filled = 0;
    }
  }
  const whole = Math.floor(filled / frameBytes) * frameBytes;
  if (whole > 0) yield piece.subarray(0, whole);
}

/** ffmpeg reads what it can of a broken file and calls that a success, so the frames are counted. */
function checkComplete(info: VideoInfo, reading: Reading, frames: number, { ok, stderr }: FfmpegResult): void {
  const complaint = stderr.trim().split('\n').at(-1) ?? '';
  const cause = new Error(stderr.trim());
  const expected = Math.min(reading.maxFrames, Math.round(reading.durationSeconds * reading.fps));
  if (frames === 0)
    throw unreadable(info.path, `no frame of it can be decoded${complaint === '' ? '' : ` (${complaint})`}.`, cause);
  if (!ok)
    throw unreadable(info.path, `decoding failed after ${frames} of about ${expected} frames (${complaint}).`, cause);
  if (complaint !== '' && frames < 0.95 * expected - 1) {
    throw unreadable(
      info.path,
      `it ends after ${frames} of about ${expected} frames: the file is cut short or damaged.`,
      cause,
    );
  }
}
