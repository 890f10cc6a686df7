// What a video is: size, rate, length, rotation, tags; by ffprobe, and by sharp for WebP, which ffmpeg may not read.
// Videos come from strangers: playlists and other formats that name further files or addresses are not opened.

import { open, readFile, stat } from 'node:fs/promises';
import sharp from 'sharp';
import { InvalidRequestError } from '../graph/errors.ts';
import { fileArgument, type FfmpegTools, runFfprobe } from './ffmpeg.ts';
import { isRecord } from './json.ts';

export interface VideoInfo {
  readonly path: string;
  /** ffprobe's name of the format, e.g. `mov,mp4,m4a,3gp,3g2,mj2`, or `webp`. */
  readonly container: string;
  readonly codec: string;
  /** As shown: after rotation, with square pixels. */
  readonly width: number;
  readonly height: number;
  readonly fps: number;
  readonly durationSeconds: number;
  /** Number of frames; undefined when the file does not say and they were not counted. */
  readonly frames: number | undefined;
  /** Degrees clockwise by which players turn the stored picture; reading does it, too. */
  readonly rotation: 0 | 90 | 180 | 270;
  readonly hasAudio: boolean;
  /** Names in lower case: `comment`, `title`, ... */
  readonly tags: Readonly<Record<string, string>>;
  /** Which stream of the file the picture is. */
  readonly streamIndex: number;
}

export interface ProbeOptions {
  /** Reads the whole file, where needed, to know `frames`. */
  readonly countFrames?: boolean;
  readonly signal?: AbortSignal;
}

const MAX_PIXELS = 16384 * 16384;

/** Formats of single files that hold pictures in motion; none of them leads to another file. */
const SAFE_FORMATS = [
  'mov', 'matroska', 'avi', 'gif', 'apng', 'mpegts', 'mpeg', 'mpegvideo', 'm4v', 'h264', 'hevc', 'av1', 'obu', 'ivf', 'flv',
  'live_flv', 'ogg', 'asf', 'nut', 'mxf', 'rm', 'dv', 'wtv', 'yuv4mpegpipe', 'vc1', 'mjpeg', 'swf', 'smjpeg', 'h261', 'h263', 'dirac',
]; // prettier-ignore

/** Options before any file that ffmpeg or ffprobe opens. */
export const SAFE_INPUT = ['-protocol_whitelist', 'file,pipe', '-format_whitelist', SAFE_FORMATS.join(',')];

/** @throws InvalidRequestError when there is no such file, it is empty, or holds no video that can be read */
export async function probeVideo(tools: FfmpegTools, path: string, options: ProbeOptions = {}): Promise<VideoInfo> {
  const info = (await isWebp(path)) ? await probeWebp(path) : await probeStreams(tools, path, options);
  const { width, height } = info;
  if (width * height > MAX_PIXELS) throw unreadable(path, `its frames of ${width}x${height} are too large.`);
  return info;
}

/** Whether a file is WebP, by its first bytes. @throws InvalidRequestError when there is no such file or it is empty */
export async function isWebp(path: string): Promise<boolean> {
  const status = await stat(path).catch((cause: unknown) => {
    throw unreadable(path, 'there is no such file.', cause);
  });
  if (status.isDirectory()) throw unreadable(path, 'this is a folder.');
  if (status.isFile() && status.size === 0) throw unreadable(path, 'the file is empty (0 bytes).');
  if (!status.isFile()) throw unreadable(path, 'this is no regular file.');
  const file = await open(path).catch((cause: unknown) => {
    throw unreadable(path, 'there is no permission to read it.', cause);
  });
  try {
    const start = Buffer.alloc(12);
    await file.read(start, 0, 12, 0);
    return start.toString('latin1').replace(/^RIFF[^]{4}/, '') === 'WEBP';
  } finally {
    await file.close();
  }
}

/** The error of a video that cannot be read. */
export function unreadable(path: string, problem: string, cause?: unknown): InvalidRequestError {
  return new InvalidRequestError(`cannot read ${path}: ${problem}`, { cause });
}

async function probeStreams(
  tools: FfmpegTools,
  path: string,
  { countFrames, signal }: ProbeOptions,
): Promise<VideoInfo> {
  const count = countFrames === true ? ['-count_frames'] : [];
  const args = [...SAFE_INPUT, '-show_streams', '-show_format', ...count, fileArgument(path)];
  const output = await runFfprobe(tools, args, signal).catch((cause: unknown) => {
    signal?.throwIfAborted();
    throw unreadable(path, 'it is no video that ffmpeg can read, or it is damaged.', cause);
  });
  const { streams, format } = output as { streams?: unknown; format?: unknown };
  const all = Array.isArray(streams) ? streams.filter(isRecord) : [];
  const video = all.find((stream) => stream['codec_type'] === 'video' && !isCover(stream));
  if (video === undefined || !isRecord(format))
    throw unreadable(path, 'there are no moving pictures in it, or it is damaged.');
  const rotation = rotationOf(video);
  const [width, height] = shownSize(video, rotation);
  const frames = number(video['nb_read_frames']) ?? number(video['nb_frames']);
  const stated = rate(video['avg_frame_rate']) ?? rate(video['r_frame_rate']) ?? 0;
  const durationSeconds = duration(video, format) ?? (frames ?? 0) / stated;
  const fps = video['codec_name'] === 'gif' && frames !== undefined ? measuredRate(frames, durationSeconds) : stated;
  if (!(width > 0 && height > 0 && fps > 0 && durationSeconds > 0))
    throw unreadable(
      path,
      'it states no size, frame rate or length. It is damaged, or a bare stream; "ffmpeg -i … -c copy film.mp4" makes a file of one.',
    );
  return {
    path,
    container: text(format['format_name']),
    codec: text(video['codec_name']),
    width,
    height,
    fps,
    durationSeconds,
    frames,
    rotation,
    hasAudio: all.some((stream) => stream['codec_type'] === 'audio'),
    tags: { ...tagsOf(format), ...tagsOf(video) },
    streamIndex: number(video['index']) ?? 0,
  };
}

/** The length of the picture; that of the whole file, which the sound may make longer, only where nothing else is known. */
function duration(video: Record<string, unknown>, format: Record<string, unknown>): number | undefined {
  const clock = /^(\d+):(\d+):([\d.]+)$/.exec(tagsOf(video)['duration'] ?? '');
  const tagged = clock === null ? undefined : Number(clock[1]) * 3600 + Number(clock[2]) * 60 + Number(clock[3]);
  return number(video['duration']) ?? tagged ?? number(format['duration']);
}

async function probeWebp(path: string): Promise<VideoInfo> {
  // The bytes, not the path: sharp remembers files by name and would miss that one was replaced.
  const found = await sharp(await readFile(path), { animated: true }).metadata().catch((cause: unknown) => {
    throw unreadable(path, 'it is a damaged WebP file.', cause);
  }); // prettier-ignore
  const frames = found.pages ?? 1;
  const durationSeconds = (found.delay ?? [100]).reduce((sum, delayMs) => sum + delayMs, 0) / 1000 || frames / 10;
  return {
    path,
    container: 'webp',
    codec: 'webp',
    width: found.width,
    height: found.pageHeight ?? found.height,
    fps: measuredRate(frames, durationSeconds),
    durationSeconds,
    frames,
    rotation: 0,
    hasAudio: false,
    tags: {},
    streamIndex: 0,
  };
}

/** GIF and WebP state no rate, only how long each frame stays, in hundredths or thousandths of a second. */
function measuredRate(frames: number, durationSeconds: number): number {
  const measured = frames / durationSeconds;
  const whole = Math.round(measured);
  return whole > 0 && Math.abs(frames / whole - durationSeconds) < 0.011 ? whole : measured;
}

function isCover(stream: Record<string, unknown>): boolean {
  const disposition = stream['disposition'];
  return isRecord(disposition) && disposition['attached_pic'] === 1;
}

function shownSize(video: Record<string, unknown>, rotation: number): [width: number, height: number] {
  const [across = 1, down = 1] = text(video['sample_aspect_ratio']).split(':').map(Number);
  const aspect = across > 0 && down > 0 ? across / down : 1;
  const width = Math.round((number(video['width']) ?? 0) * aspect);
  const height = number(video['height']) ?? 0;
  return rotation % 180 === 0 ? [width, height] : [height, width];
}

function rotationOf(video: Record<string, unknown>): VideoInfo['rotation'] {
  const sides: unknown[] = Array.isArray(video['side_data_list']) ? video['side_data_list'] : [];
  const turned = sides
    .map((side) => (isRecord(side) ? number(side['rotation']) : undefined))
    .find((angle) => angle !== undefined);
  // ffprobe counts the matrix against the clock, the older tag with it.
  const clockwise = turned === undefined ? (number(tagsOf(video)['rotate']) ?? 0) : -turned;
  const quarters = ((Math.round(clockwise / 90) % 4) + 4) % 4;
  return ([0, 90, 180, 270] as const)[quarters as 0 | 1 | 2 | 3];
}

function tagsOf(holder: Record<string, unknown>): Record<string, string> {
  const tags = isRecord(holder['tags']) ? holder['tags'] : {};
  return Object.fromEntries(Object.entries(tags).map(([name, value]) => [name.toLowerCase(), text(value)]));
}

function rate(value: unknown): number | undefined {
  const [above = 0, below = 0] = text(value).split('/').map(Number);
  return above > 0 && below > 0 ? above / below : undefined;
}

function number(value: unknown): number | undefined {
  const parsed = typeof value === 'number' ? value : Number.parseFloat(text(value));
  return Number.isFinite(parsed) ? parsed : undefined;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';
}
