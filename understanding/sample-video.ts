// Looks at a video as it streams by: pictures at the times that a sampling asks for, with the times at which players show them,
// whatever the frame rate does. ffmpeg decodes and waits while we are busy; one picture is in memory at a time.
import { PassThrough } from 'node:stream';
import { ffmpegDied, type FfmpegTools, fileArgument, startFfmpeg } from '../io/ffmpeg.ts';
import { type Frames, framesOf } from '../io/frames.ts';
import { SAFE_INPUT, unreadable, type VideoInfo } from '../io/probe-video.ts';
import { readVideo } from '../io/read-video.ts';
import type { Sample } from './captioner.ts';
import { onceEach, type PictureTime, type Sampling, samplingFilter, TimeReader } from './sampling.ts';

export interface SampleOptions extends Sampling {
  /** Pictures are scaled down to fit into a square of so many pixels. */
  readonly longestSide: number;
  /** Where to begin, e.g. after what was looked at before; shots are counted from `firstShot` there. */
  readonly fromSeconds?: number;
  readonly firstShot?: number;
  readonly signal?: AbortSignal | undefined;
  /** Called when the file turns out to be damaged behind pictures that could be read. */
  readonly onDamage?: (why: string) => void;
}

/**
 * The pictures of a video that a sampling asks for.
 * @throws InvalidRequestError when none can be decoded, the signal's reason
 */
export async function* sampleVideo(
  tools: FfmpegTools,
  info: VideoInfo,
  options: SampleOptions,
): AsyncGenerator<Sample, void> {
  const { cutScore } = options;
  let shot = options.firstShot ?? 0;
  let isFirst = true;
  for await (const { time, picture } of timedPictures(tools, info, options)) {
    if (!isFirst && cutScore !== undefined && time.sceneScore > cutScore) shot++;
    isFirst = false;
    // A container may keep a picture from before its beginning, which players show there.
    yield { seconds: Math.max(0, time.microseconds) / 1e6, shot, picture };
  }
}

/** The size within the square, of even edges as scalers like them. */
export function sampledSize(
  { width, height }: Pick<VideoInfo, 'width' | 'height'>,
  longestSide: number,
): readonly [width: number, height: number] {
  const scale = Math.min(1, longestSide / Math.max(width, height));
  const even = (edge: number): number => Math.max(2, 2 * Math.round((edge * scale) / 2));
  return [even(width), even(height)];
}

/** Times are rounded on their way, so the picture at `fromSeconds` itself might be passed over. */
const startOf = (fromSeconds: number): number => Math.max(0, fromSeconds - 0.0005);

/** Else ffmpeg would count from where it begins to read, rounded to the file's own clock. */
const ownTimes = ['-copyts', '-start_at_zero'];

interface TimedPicture {
  readonly time: PictureTime;
  readonly picture: Frames;
}

/** Pictures that ffmpeg may decode while those before are looked at. */
const AHEAD = 8;

async function* timedPictures(
  tools: FfmpegTools,
  info: VideoInfo,
  options: SampleOptions,
): AsyncGenerator<TimedPicture, void> {
  const { signal, fromSeconds = 0 } = options;
  signal?.throwIfAborted();
  const size = sampledSize(info, options.longestSide);
  const [width, height] = size;
  // What is cut short may have lost the table to seek by, even to its beginning.
  const seek = fromSeconds === 0 ? [] : ['-ss', startOf(fromSeconds).toFixed(6)];
  if (info.container === 'webp') return yield* webpPictures(tools, info, options, size);
  const reader = new TimeReader();
  const times = new Line<PictureTime>();
  const complaints: string[] = [];
  // fluent-ffmpeg takes one that closes for a reader that is gone.
  const pipe = new PassThrough({ autoDestroy: false, highWaterMark: AHEAD * width * height * 3 });
  const filter = samplingFilter(options, size);
  const output = ['-map', `0:${info.streamIndex}`, '-an', '-sn', '-dn', '-filter:v', filter];
  const { finished, kill } = startFfmpeg(tools, {
    inputs: [{ source: fileArgument(info.path), options: [...SAFE_INPUT, ...ownTimes, ...seek] }],
    outputs: [{ target: pipe, options: [...output, ...onceEach(tools.ffmpeg.version), '-f', 'rawvideo'] }],
    onLine: (line) => {
      const time = reader.read(line);
      if (time !== undefined) times.add(time);
      else if (/\[(error|fatal|panic)\]/.test(line) && complaints.length < 20) complaints.push(line);
    },
  });
  signal?.addEventListener('abort', kill, { once: true });
  let pictures = 0;
  try {
    for await (const bytes of pieces(pipe, width * height * 3)) {
      signal?.throwIfAborted();
      const time = await Promise.race([times.next(), finished.then(() => undefined)]);
      if (time === undefined) break;
      pictures++;
      yield { time, picture: framesOf(bytes, 1, height, width) };
    }
    const { died } = await finished;
    signal?.throwIfAborted();
    if (died) throw ffmpegDied(info.path);
    judge(info, pictures, complaints, options);
  } finally {
    signal?.removeEventListener('abort', kill);
    kill();
    await finished;
    pipe.destroy();
  }
}

/** ffmpeg reads what it can of a broken file and calls that a success. */
function judge(info: VideoInfo, pictures: number, complaints: readonly string[], options: SampleOptions): void {
  const why = complaints.at(-1)?.replace(/^(\[[^\]]*\] *)+/, '').trim(); // prettier-ignore
  if (pictures === 0 && (options.fromSeconds ?? 0) === 0)
    throw unreadable(info.path, `no picture of it can be decoded${why === undefined ? '' : ` (${why})`}.`);
  if (complaints.length > 0) options.onDamage?.(`it is damaged: ${why}`);
}

/** sharp reads these, at times that follow from their number. */
async function* webpPictures(
  tools: FfmpegTools,
  info: VideoInfo,
  { everySeconds, fromSeconds = 0, signal }: SampleOptions,
  [width, height]: readonly [number, number],
): AsyncGenerator<TimedPicture, void> {
  const read = { width, height, fit: 'stretch', fps: info.fps, ...(signal && { signal }) } as const;
  let [number, last] = [0, -1];
  for await (const picture of readVideo(tools, info, read)) {
    const seconds = number++ / info.fps;
    const cell = Math.floor(seconds / everySeconds + 1e-5);
    if (cell === last || seconds < fromSeconds) continue;
    last = cell;
    yield { time: { microseconds: seconds * 1e6, sceneScore: 0 }, picture };
  }
}

/** Whole pictures out of a stream of bytes; what is left of a broken one at the end is dropped. */
async function* pieces(stream: PassThrough, size: number): AsyncGenerator<Uint8Array, void> {
  let piece = new Uint8Array(size);
  let filled = 0;
  for await (const bytes of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    for (let at = 0; at < bytes.length;) {
      const part = bytes.subarray(at, at + size - filled);
      piece.set(part, filled);
      filled += part.length;
      at += part.length;
      if (filled < size) continue;
      yield piece;
      piece = new Uint8Array(size);
      filled = 0;
    }
  }
}

/** A queue between a listener and one who awaits. */
class Line<T> {
  readonly #items: T[] = [];
  #waiting: ((item: T) => void) | undefined;

  add(item: T): void {
    if (this.#waiting === undefined) return void this.#items.push(item);
    this.#waiting(item);
    this.#waiting = undefined;
  }

  next(): Promise<T> {
    const item = this.#items.shift();
    if (item !== undefined) return Promise.resolve(item);
    return new Promise((resolve) => (this.#waiting = resolve));
  }
}
