// Pictures in motion as plain bytes, [T,H,W,3] RGB, and their way to and from the tensors of the models,
// float32 [1,3,T,H,W] in [-1,1]. Knows no files and no codecs.

import { ShapeError } from '../graph/errors.ts';
import { floats, type Tensor, tensor } from '../graph/tensor.ts';

/** Frames of one size; a still picture is one frame. `data` holds [T,H,W,3], 8 bits of sRGB red, green, blue. */
export interface Frames {
  readonly frames: number;
  readonly height: number;
  readonly width: number;
  readonly data: Uint8Array;
}

/** Frames over `data` (not copied). @throws ShapeError when the byte count is another than frames·height·width·3 */
export function framesOf(data: Uint8Array, frames: number, height: number, width: number): Frames {
  const bytes = frames * height * width * 3;
  if (data.length !== bytes) {
    throw new ShapeError(`${frames} frames of ${width}x${height} need ${bytes} bytes, got ${data.length}.`);
  }
  return { frames, height, width, data };
}

/** Frames from `start` up to, not including, `end`; shares their bytes. */
export function sliceFrames(source: Frames, start: number, end: number): Frames {
  const size = source.height * source.width * 3;
  const data = source.data.subarray(start * size, end * size);
  return framesOf(data, end - start, source.height, source.width);
}

/** All frames, one after the other, in one piece of memory. @throws ShapeError when sizes differ or there are none */
export function joinFrames(chunks: readonly Frames[]): Frames {
  const [first] = chunks;
  if (first === undefined) throw new ShapeError('joinFrames needs at least one piece.');
  const { width, height } = first;
  const odd = chunks.find((chunk) => chunk.width !== width || chunk.height !== height);
  if (odd !== undefined)
    throw new ShapeError(`Frames of ${odd.width}x${odd.height} cannot follow frames of ${width}x${height}.`);
  const data = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.data.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    data.set(chunk.data, at);
    at += chunk.data.length;
  }
  return framesOf(data, chunks.reduce((sum, chunk) => sum + chunk.frames, 0), height, width); // prettier-ignore
}

/** Collects a stream of frames in memory: for clips, not for films. */
export async function collectFrames(stream: AsyncIterable<Frames>): Promise<Frames> {
  const chunks: Frames[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return joinFrames(chunks);
}

/** Bytes [T,H,W,3] -> float32 [1,3,T,H,W], 0..255 -> -1..1 by x/127.5 - 1. */
export function framesToTensor({ frames, height, width, data }: Frames): Tensor & { data: Float32Array } {
  const plane = height * width;
  const out = new Float32Array(3 * frames * plane);
  for (let channel = 0; channel < 3; channel++) {
    for (let t = 0; t < frames; t++) {
      const to = (channel * frames + t) * plane;
      spread(data.subarray(t * plane * 3, (t + 1) * plane * 3), channel, out.subarray(to, to + plane));
    }
  }
  return tensor(out, [1, 3, frames, height, width]);
}

/** float32 [B,3,T,H,W] -> bytes [T,H,W,3] of clip `clip` (default 0); values beyond [-1,1] are clamped, NaN becomes 0. @throws ShapeError */
export function tensorToFrames(video: Tensor, clip = 0): Frames {
  const [batch, channels, frames, height, width] = video.shape;
  if (video.shape.length !== 5 || channels !== 3 || clip < 0 || clip >= batch!) {
    throw new ShapeError(`Clip ${clip} of frames [B,3,T,H,W] cannot be taken from [${video.shape.join(',')}].`);
  }
  const values = floats(video);
  const plane = height! * width!;
  const data = new Uint8Array(frames! * plane * 3);
  for (let channel = 0; channel < 3; channel++) {
    for (let t = 0; t < frames!; t++) {
      const from = ((clip * 3 + channel) * frames! + t) * plane;
      gather(values.subarray(from, from + plane), channel, data.subarray(t * plane * 3, (t + 1) * plane * 3));
    }
  }
  return framesOf(data, frames!, height!, width!);
}

function spread(pixels: Uint8Array, channel: number, plane: Float32Array): void {
  for (let i = 0; i < plane.length; i++) plane[i] = pixels[3 * i + channel]! / 127.5 - 1;
}

function gather(plane: Float32Array, channel: number, pixels: Uint8Array): void {
  for (let i = 0; i < plane.length; i++) {
    const level = (plane[i]! + 1) * 127.5 + 0.5; // truncated when stored: rounds to nearest
    pixels[3 * i + channel] = level > 255 ? 255 : level > 0 ? level : 0;
  }
}
