// Rendered frames to the autoencoder's layout: a batch of windows cut out of clips, channels first, in [-1,1].
import { tensor } from '../graph/tensor.ts';
import type { Tensor } from '../graph/tensor.ts';
import type { ClipSize } from './world/render.ts';

/** A window of a clip, in pixels. */
export interface Window {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

export const wholeFrame = ({ width, height }: ClipSize): Window => ({ left: 0, top: 0, width, height });

function fillClip(target: Float32Array, start: number, frames: Uint8Array, size: ClipSize, window: Window): void {
  const plane = size.frames * window.height * window.width;
  let at = start;
  for (let f = 0; f < size.frames; f++) {
    for (let y = 0; y < window.height; y++) {
      let from = ((f * size.height + window.top + y) * size.width + window.left) * 3;
      for (let x = 0; x < window.width; x++, at++) {
        target[at] = frames[from++]! / 127.5 - 1;
        target[at + plane] = frames[from++]! / 127.5 - 1;
        target[at + 2 * plane] = frames[from++]! / 127.5 - 1;
      }
    }
  }
}

/** Clips [T,H,W,3] of one size, a window of each, as [B,3,T,h,w] in [-1,1]. The windows have one width and height. */
export function clipBatch(
  clips: readonly { readonly frames: Uint8Array; readonly window: Window }[],
  size: ClipSize,
): Tensor {
  const { width, height } = clips[0]!.window;
  const clipLength = 3 * size.frames * height * width;
  const data = new Float32Array(clips.length * clipLength);
  clips.forEach(({ frames, window }, i) => fillClip(data, i * clipLength, frames, size, window));
  return tensor(data, [clips.length, 3, size.frames, height, width]);
}

/** One clip of a batch [B,3,T,H,W] in [-1,1] as 8-bit frames [T,H,W,3]. */
export function clipFrames(batch: Tensor, index: number): Uint8Array {
  const [, , frames, height, width] = batch.shape as [number, number, number, number, number];
  const plane = frames * height * width;
  const data = batch.data as Float32Array;
  const start = index * 3 * plane;
  const out = new Uint8Array(3 * plane);
  for (let i = 0; i < plane; i++) {
    for (let c = 0; c < 3; c++) {
      out[3 * i + c] = Math.max(0, Math.min(255, Math.round((data[start + c * plane + i]! + 1) * 127.5)));
    }
  }
  return out;
}
