// Writes a stream of frames as mp4, webm, gif, webp or numbered PNG files, by the ending of the name.
// Frames are taken one piece at a time, the result appears by rename, and equal frames give equal bytes.

import { rm, stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { InvalidRequestError, JobFailedError, ShapeError } from '../graph/errors.ts';
import { type OutputOptions, outputError, refuseExisting, refuseUnwritable, writeBeside } from './atomic.ts';
import { availableEncoders, type FfmpegJob, type FfmpegTools, fileArgument, startFfmpeg } from './ffmpeg.ts';
import type { Frames } from './frames.ts';
import { addGifComment } from './picture-comments.ts';
import { firstPng, writePngSequence } from './png-sequence.ts';
import {
  checkClipShape,
  type ClipShape,
  type Encoder,
  encoders,
  formatOf,
  metadataText,
  muxing,
  rateArgument,
} from './video-formats.ts';
import { writeWebp } from './webp.ts';

export interface WriteOptions extends OutputOptions {
  readonly fps: number;
  /** Written into the file as JSON (prompt, seed, model, sampler, version): `comment` in mp4, webm, gif and png, EXIF ImageDescription in webp. */
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly signal?: AbortSignal;
  /**
   * Told when the clip is whole and before it appears under its name, for what has to be there by then.
   * @param file where it is meanwhile; the folder of a PNG sequence
   */
  readonly beforeAppearing?: (written: WrittenVideo, file: string) => Promise<void>;
}

/** What was written. `path` is that of the file, or the folder or pattern of a PNG sequence. */
export interface WrittenVideo extends ClipShape {
  readonly path: string;
  readonly sizeBytes: number;
}

/** A stream whose first piece is known, so that sizes can be checked before anything is written. */
interface Source {
  readonly shape: Omit<ClipShape, 'frames'>;
  readonly frames: AsyncIterable<Frames>;
}

/**
 * Checks, before any work is done, that a clip can be written there: ending, size, rate, folder, no file in the way.
 * @throws InvalidRequestError
 */
export async function checkOutput(path: string, shape: ClipShape, options: OutputOptions = {}): Promise<void> {
  checkClipShape(path, shape);
  await refuseExisting(formatOf(path) === 'png' ? firstPng(path) : path, options);
  await refuseUnwritable(path);
}

/**
 * Writes frames as they come; all must have one size. On failure or abort nothing appears, and `frames` is closed.
 * @throws InvalidRequestError (name, size, existing file), JobFailedError (disk full, ffmpeg), the signal's reason,
 * or whatever `frames` throws
 */
export async function writeVideo(
  tools: FfmpegTools,
  path: string,
  frames: AsyncIterable<Frames> | Iterable<Frames>,
  options: WriteOptions,
): Promise<WrittenVideo> {
  const counter = { frames: 0 };
  const iterator = counted(frames, counter, options.signal);
  try {
    const first = await iterator.next();
    if (first.done === true) throw new InvalidRequestError(`cannot write ${path}: there are no frames.`);
    const { width, height, frames: known } = first.value;
    const shape = { width, height, fps: options.fps };
    await checkOutput(path, { ...shape, frames: known }, options);
    const source = { shape, frames: resumed(first.value, iterator) };
    let written: WrittenVideo | undefined;
    await writeFormat(tools, path, source, {
      ...options,
      isWhole: async (file, sizeBytes) => {
        written = { path, ...shape, frames: counter.frames, sizeBytes };
        await options.beforeAppearing?.(written, file);
      },
    });
    return written!;
  } finally {
    const closed = iterator.return(undefined);
    // A producer that is busy closes when it can; an abort does not wait for it.
    if (options.signal?.aborted === true) closed.catch(() => undefined);
    else await closed;
  }
}

interface FormatOptions extends WriteOptions {
  /** Awaited when a file, or a folder of so many bytes, only lacks its name. */
  readonly isWhole: (file: string, sizeBytes: number) => Promise<void>;
}

async function writeFormat(tools: FfmpegTools, path: string, source: Source, options: FormatOptions): Promise<void> {
  const text = options.metadata === undefined ? undefined : metadataText(options.metadata);
  const format = formatOf(path);
  if (format === 'png') return writePngSequence(path, source.frames, { ...options, comment: text });
  await writeBeside(path, options, async (temporary) => {
    if (format === 'webp') await writeWebp(temporary, source.frames, { fps: source.shape.fps, description: text });
    else if (format === 'gif') await writeGif(tools, temporary, source, { ...options, text, path });
    else await writeMovie(tools, temporary, source, { ...options, text, path, format });
    await options.isWhole(temporary, (await stat(temporary)).size);
  });
}

interface FfmpegOptions extends WriteOptions {
  readonly text: string | undefined;
  /** The name that was asked for, for messages. */
  readonly path: string;
}

async function writeMovie(
  tools: FfmpegTools,
  temporary: string,
  source: Source,
  options: FfmpegOptions & { format: 'mp4' | 'webm' },
): Promise<void> {
  const encoder = await chooseEncoder(tools, options.format);
  const metadata = options.text === undefined ? [] : ['-metadata', `comment=${options.text}`];
  const output = ['-c:v', encoder.name, ...encoder.options, ...metadata, ...muxing[options.format]];
  await run(
    tools,
    { inputs: [rawInput(source)], outputs: [{ target: fileArgument(temporary), options: output }] },
    options,
  );
}

async function chooseEncoder(tools: FfmpegTools, format: 'mp4' | 'webm'): Promise<Encoder> {
  const available = await availableEncoders(tools);
  const candidates: readonly Encoder[] = encoders[format];
  const found = candidates.find(({ name }) => available.has(name));
  if (found !== undefined) return found;
  const names = candidates.map(({ name }) => name).join(' or ');
  throw new JobFailedError(
    `ffmpeg ${tools.ffmpeg.version} (${tools.ffmpeg.path}) has no encoder for .${format}; it would need ${names}. Use another ffmpeg, or write .gif, .webp or .png.`,
    { code: 'FFMPEG_ENCODER' },
  );
}

/** Twice through ffmpeg, as one palette must suit all frames: once to keep them on disk and find it, once to use it. */
async function writeGif(tools: FfmpegTools, temporary: string, source: Source, options: FfmpegOptions): Promise<void> {
  const kept = `${temporary}.frames.mkv`;
  const palette = `${temporary}.palette.png`;
  try {
    const lossless = ['-map', '[all]', '-c:v', 'ffv1', '-pix_fmt', 'bgr0', '-f', 'matroska'];
    const colours = ['-map', '[palette]', '-c:v', 'png', '-f', 'image2pipe'];
    const outputs = [
      { target: fileArgument(kept), options: lossless },
      { target: fileArgument(palette), options: colours },
    ];
    await run(
      tools,
      { inputs: [rawInput(source)], filter: '[0:v]split[all][one];[one]palettegen=stats_mode=full[palette]', outputs },
      options,
    );
    const inputs = [
      { source: fileArgument(kept), options: [] },
      { source: fileArgument(palette), options: ['-f', 'png_pipe'] },
    ];
    const output = ['-fflags', '+bitexact', '-loop', '0', '-f', 'gif'];
    const filter = '[0:v][1:v]paletteuse=dither=sierra2_4a:diff_mode=rectangle';
    await run(tools, { inputs, filter, outputs: [{ target: fileArgument(temporary), options: output }] }, options);
    if (options.text !== undefined) await addGifComment(temporary, options.text);
  } finally {
    await Promise.all([rm(kept, { force: true }), rm(palette, { force: true })]);
  }
}

function rawInput({ shape, frames }: Source): FfmpegJob['inputs'][number] {
  const bytes = async function* (): AsyncGenerator<Uint8Array> {
    for await (const { data } of frames) yield data;
  };
  const size = `${shape.width}x${shape.height}`;
  return {
    source: Readable.from(bytes(), { objectMode: true, highWaterMark: 1 }),
    options: ['-f', 'rawvideo', '-pixel_format', 'rgb24', '-video_size', size, '-framerate', rateArgument(shape.fps)],
  };
}

async function run(tools: FfmpegTools, job: FfmpegJob, { signal, path }: FfmpegOptions): Promise<void> {
  signal?.throwIfAborted();
  const { finished, kill } = startFfmpeg(tools, job);
  signal?.addEventListener('abort', kill, { once: true });
  const { ok, stderr, inputError } = await finished.finally(() => signal?.removeEventListener('abort', kill));
  signal?.throwIfAborted();
  if (inputError !== undefined) throw inputError;
  // A failure to finish the file, as on a full disk, is only a remark to ffmpeg.
  if (!ok || /Error writing|write_frame|Unable to re-open|Input\/output error/.test(stderr))
    throw writeError(stderr, path);
}

/** ffmpeg says in words what went wrong; those of the file system are turned back into its codes. */
function writeError(stderr: string, path: string): unknown {
  const codes: readonly [RegExp, string][] = [
    [/No space left on device|File too large/, 'ENOSPC'],
    [/Disk quota exceeded/, 'EDQUOT'],
    [/Permission denied/, 'EACCES'],
    [/Read-only file system/, 'EROFS'],
  ];
  const cause = new Error(stderr.trim());
  const code = codes.find(([words]) => words.test(stderr))?.[1];
  if (code !== undefined) return outputError(Object.assign(cause, { code }), path);
  const last = stderr.trim().split('\n').at(-1);
  return new JobFailedError(`ffmpeg could not write ${path}: ${last}`, { code: 'FFMPEG', cause });
}

/** Passes frames on, counts them, and sees that all have one size. */
async function* counted(
  frames: AsyncIterable<Frames> | Iterable<Frames>,
  counter: { frames: number },
  signal: AbortSignal | undefined,
): AsyncGenerator<Frames, void> {
  let first: Frames | undefined;
  for await (const chunk of frames) {
    signal?.throwIfAborted();
    first ??= chunk;
    if (chunk.width !== first.width || chunk.height !== first.height) {
      throw new ShapeError(
        `Frames of ${chunk.width}x${chunk.height} cannot follow frames of ${first.width}x${first.height}.`,
      );
    }
    counter.frames += chunk.frames;
    if (chunk.frames > 0) yield chunk;
  }
}

async function* resumed(first: Frames, rest: AsyncIterable<Frames>): AsyncGenerator<Frames> {
  yield first;
  yield* rest;
}
