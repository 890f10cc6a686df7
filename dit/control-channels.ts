// Control latents of VACE as its pipeline makes them (WanVACEPipeline of diffusers: prepare_video_latents, prepare_masks):
// latents of what stays and of what is made anew, then the mask as a channel for each pixel of a latent cell. Reference
// pictures stand in front of the clip, one latent frame each, with an empty mask.
import { ShapeError } from '../graph/errors.ts';
import { tensor } from '../graph/tensor.ts';
import type { Tensor } from '../graph/tensor.ts';

export interface ControlClip {
  /** Normalised latents [C*T*H*W] of the control video, black (0) where the mask is set. */
  readonly inactive: Float32Array;
  /** The same of the video where the mask is set. */
  readonly reactive: Float32Array;
  /** Normalised latents [C*H*W] of each reference picture. */
  readonly references: readonly Float32Array[];
  /** Pixels to be made anew, [frames*height*width], 0 or 1. */
  readonly mask: Uint8Array;
  /** Of the clip without references: [C,T,H,W]. */
  readonly shape: readonly [number, number, number, number];
  /** Pixels along an edge of a latent cell. */
  readonly cell: number;
}

/** [1, 2C + cell², references + T, H, W]. */
export function controlChannels({ inactive, reactive, references, mask, shape, cell }: ControlClip): Tensor {
  const [channels, frames, rows, columns] = shape;
  const area = rows * columns;
  const total = references.length + frames;
  if (inactive.length !== channels * frames * area || reactive.length !== inactive.length) {
    throw new ShapeError(`${inactive.length} control values do not fit latents [${shape.join(',')}].`);
  }
  const data = new Float32Array((2 * channels + cell ** 2) * total * area);
  for (const [half, latents] of [inactive, reactive].entries()) {
    for (let c = 0; c < channels; c++) {
      const at = (half * channels + c) * total * area;
      if (half === 0) references.forEach((one, r) => data.set(one.subarray(c * area, (c + 1) * area), at + r * area));
      data.set(latents.subarray(c * frames * area, (c + 1) * frames * area), at + references.length * area);
    }
  }
  maskChannels(data.subarray(2 * channels * total * area), { mask, cell, total, frames, rows, columns });
  return tensor(data, [1, 2 * channels + cell ** 2, total, rows, columns]);
}

interface MaskPlace extends Pick<ControlClip, 'mask' | 'cell'> {
  readonly total: number;
  readonly frames: number;
  readonly rows: number;
  readonly columns: number;
}

/** Channel y * cell + x holds the pixels (y, x) of all cells, at the pixel frame nearest to each latent frame's middle. */
function maskChannels(into: Float32Array, { mask, cell, total, frames, rows, columns }: MaskPlace): void {
  const [height, width] = [rows * cell, columns * cell];
  const pixelFrames = mask.length / (height * width);
  if (!Number.isInteger(pixelFrames))
    throw new ShapeError(`A mask of ${mask.length} pixels fits no ${width}x${height}.`);
  for (let t = 0; t < frames; t++) {
    const pixelFrame = nearestExact(t, pixelFrames, frames);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const channel = (y % cell) * cell + (x % cell);
        const at = ((channel * total + total - frames + t) * rows + Math.floor(y / cell)) * columns;
        into[at + Math.floor(x / cell)] = mask[(pixelFrame * height + y) * width + x]!;
      }
    }
  }
}

/** torch's `nearest-exact`: floor((i + 0.5) * from / to). */
function nearestExact(index: number, from: number, to: number): number {
  return Math.min(from - 1, Math.floor(((index + 0.5) * from) / to));
}
