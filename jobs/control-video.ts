// The video that controls a VACE render and the mask of what is made anew: read, brought to the clip's size and rate, filled up.
// What is not shown is grey and made anew, so a control that is shorter than the clip is continued.
import { floats, type Tensor, tensor } from '../graph/tensor.ts';
import type { FfmpegTools } from '../io/ffmpeg.ts';
import { collectFrames, type Frames, framesToTensor } from '../io/frames.ts';
import { isPictureFile } from '../io/picture-kind.ts';
import { loadPicture } from '../io/pictures.ts';
import { readVideo } from '../io/read-video.ts';
import { checked, readPinned } from './prompt-files.ts';
import type { Render } from './resolve-request.ts';

export interface ControlVideo {
  /** [1,3,T,H,W] in [-1,1]. */
  readonly video: Tensor & { readonly data: Float32Array };
  /** [T*H*W], 1 where the clip is made anew. */
  readonly mask: Uint8Array;
}

/** Brightness from which a mask counts as set. */
const SET = 128;

/** @throws InvalidRequestError when a file is not there as it was, or cannot be read */
export async function controlVideo(tools: FfmpegTools, render: Render): Promise<ControlVideo> {
  const { width, height, frames } = render;
  const area = width * height;
  const data = new Float32Array(3 * frames * area);
  const mask = new Uint8Array(frames * area).fill(1);
  const show = (source: Frames, at: number): void => {
    const pixels = floats(framesToTensor(source));
    const length = Math.min(source.frames, frames - at) * area;
    for (let c = 0; c < 3; c++) {
      const from = c * source.frames * area;
      data.set(pixels.subarray(from, from + length), (c * frames + at) * area);
    }
  };
  if (render.control !== undefined) {
    const control = await framesOfFile(tools, 'control', render);
    show(control, 0);
    const marks = render.mask === undefined ? undefined : await framesOfFile(tools, 'mask', render);
    if (marks !== undefined) {
      for (let i = 0; i < Math.min(frames, control.frames) * area; i++) {
        const at = marks.frames === 1 ? i % area : Math.min(i, marks.frames * area - 1);
        mask[i] = marks.data[3 * at]! >= SET ? 1 : 0;
      }
    }
  }
  const size = { width, height, ...(render.fit && { fit: render.fit }) };
  for (const [field, at] of [
    ['image', 0],
    ['last', frames - 1],
  ] as const) {
    // prettier-ignore
    const path = render[field];
    if (path === undefined) continue;
    show(await loadPicture(await readPinned(field, path, render[`${field}Sha256`]), size), at);
    mask.fill(0, at * area, (at + 1) * area);
  }
  return { video: tensor(data, [1, 3, frames, height, width]), mask };
}

async function framesOfFile(tools: FfmpegTools, field: 'control' | 'mask', render: Render): Promise<Frames> {
  const path = render[field]!;
  await checked(field, path, render[`${field}Sha256`]);
  const { width, height, fps, frames: maxFrames, fit } = render;
  const size = { width, height, ...(fit && { fit }) };
  if (await isPictureFile(path)) return loadPicture(path, size);
  return collectFrames(readVideo(tools, path, { ...size, fps, maxFrames }));
}
