// What can be written, chosen by the ending of the name, and how each codec is asked for it. Everything here is
// chosen so that the same frames give the same bytes: fixed thread counts, exact arithmetic, no dates, no versions.

import { basename, extname } from 'node:path';
import { InvalidRequestError } from '../graph/errors.ts';

export type VideoFormat = 'mp4' | 'webm' | 'gif' | 'webp' | 'png';

/** Size, length and rate of a clip to be written. */
export interface ClipShape {
  readonly width: number;
  readonly height: number;
  readonly frames: number;
  readonly fps: number;
}

/** Conversion between RGB and YUV that rounds properly and keeps full chroma. */
export const SCALER_FLAGS = 'flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp+bitexact';

/** YUV 4:2:0 by one of the two matrices, tagged as such so that players turn it back by the same one. */
function yuv420(matrix: 'bt709' | 'bt601'): string[] {
  const tag = matrix === 'bt709' ? 'bt709' : 'smpte170m';
  const filter = `scale=out_color_matrix=${matrix}:out_range=tv:${SCALER_FLAGS},format=yuv420p`;
  const tags = ['-colorspace', tag, '-color_primaries', tag, '-color_trc', tag, '-color_range', 'tv'];
  return ['-filter:v', filter, ...tags, '-fflags', '+bitexact', '-flags:v', '+bitexact'];
}

/** An encoder that some builds of ffmpeg have, and its options. */
export interface Encoder {
  readonly name: string;
  readonly options: readonly string[];
}

/** Encoders by container, the preferred first. */
export const encoders = {
  mp4: [
    { name: 'libx264', options: ['-preset', 'medium', '-crf', '17', '-threads', '4', ...yuv420('bt709')] },
    { name: 'libopenh264', options: ['-b:v', '4M', '-threads', '1', ...yuv420('bt709')] },
  ],
  webm: [
    {
      name: 'libvpx-vp9',
      options: ['-crf', '24', '-b:v', '0', '-deadline', 'good', '-cpu-used', '2', '-threads', '1', ...yuv420('bt709')],
    },
    // VP8 knows no other matrix than that of BT.601.
    {
      name: 'libvpx',
      options: ['-crf', '8', '-b:v', '8M', '-deadline', 'good', '-cpu-used', '1', '-threads', '1', ...yuv420('bt601')],
    },
  ],
} as const satisfies Record<'mp4' | 'webm', readonly Encoder[]>;

/** Options of the container. */
export const muxing = {
  mp4: ['-movflags', '+faststart', '-f', 'mp4'],
  webm: ['-f', 'webm'],
} as const satisfies Record<'mp4' | 'webm', readonly string[]>;

const formatOfEnding: ReadonlyMap<string, VideoFormat> = new Map([
  ['.mp4', 'mp4'],
  ['.webm', 'webm'],
  ['.gif', 'gif'],
  ['.webp', 'webp'],
  ['.png', 'png'],
  ['', 'png'], // a folder
]);

/** The format that a name asks for; a name without an ending is a folder of PNG files. @throws InvalidRequestError */
export function formatOf(path: string): VideoFormat {
  const ending = /[/\\]$/.test(path) ? '' : extname(path).toLowerCase();
  const format = formatOfEnding.get(ending);
  if (format !== undefined) return format;
  throw new InvalidRequestError(
    `cannot write ${path}: no format is known for "${ending}". Use .mp4, .webm, .gif, .webp, or for pictures a folder or name-%04d.png.`,
  );
}

/** Checks that a format can hold such a clip. @throws InvalidRequestError saying what would fit */
export function checkClipShape(path: string, { width, height, frames, fps }: ClipShape): void {
  const refuse = (problem: string): never => {
    throw new InvalidRequestError(`cannot write ${path}: ${problem}`);
  };
  const format = formatOf(path);
  if (!(fps > 0 && fps <= 240)) refuse(`fps (=${fps}) must lie above 0 and not above 240.`);
  if (format === 'gif' && fps > 50) refuse(`a GIF shows at most 50 frames a second, not ${fps}. Use .webp or .mp4.`);
  if (format === 'mp4' && (width % 2 !== 0 || height % 2 !== 0)) {
    const even = [width, height].map((size) => Math.max(2, size - (size % 2))).join('x');
    refuse(`H.264 needs an even width and height, not ${width}x${height}. Use ${even}, or .webm, .webp, .gif or .png.`);
  }
  const largest = format === 'webp' || format === 'mp4' || format === 'webm' ? 16383 : 65535;
  if (Math.max(width, height) > largest)
    refuse(`${width}x${height} is too large for this format (at most ${largest}).`);
  const onePicture = extname(path).toLowerCase() === '.png' && numberPattern(path) === undefined;
  if (format === 'png' && frames > 1 && onePicture) throw severalFrames(path);
}

/** The error of a name for one picture when there are several frames. */
export function severalFrames(path: string): InvalidRequestError {
  const stem = basename(path, extname(path));
  return new InvalidRequestError(
    `cannot write ${path}: several frames need several files. Name them by a pattern such as ${stem}-%04d.png, or give a folder.`,
  );
}

/** The `%04d` in the name of a picture, or undefined. */
export function numberPattern(path: string): { readonly text: string; readonly digits: number } | undefined {
  const match = /%(?:0(\d{1,2}))?d/.exec(basename(path));
  return match === null ? undefined : { text: match[0], digits: Number(match[1] ?? 1) };
}

/** A frame rate as ffmpeg takes it: whole, the NTSC rates as fractions, all others as thousandths. */
export function rateArgument(fps: number): string {
  if (Number.isInteger(fps)) return String(fps);
  const whole = Math.round(fps * 1.001);
  if (Math.abs(fps - whole / 1.001) < 0.002) return `${whole * 1000}/1001`;
  return `${Math.round(fps * 1000)}/1000`;
}

/** Metadata as one line of JSON in ASCII, which every container can hold. @throws InvalidRequestError beyond 64 KB */
export function metadataText(metadata: unknown): string {
  const json = JSON.stringify(metadata).replace(
    /[\u007f-\uffff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  if (json.length > 65_536)
    throw new InvalidRequestError(
      `The metadata take ${json.length} bytes; a file holds at most 65536. Shorten the prompt.`,
    );
  return json;
}
