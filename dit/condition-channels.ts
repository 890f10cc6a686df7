// Channels behind the noisy latents of Wan 2.1 image-to-video models: which pixel frames are given, and their latents.
import { ShapeError } from '../graph/errors.ts';
import { tensor } from '../graph/tensor.ts';
import type { Tensor } from '../graph/tensor.ts';

export interface ConditionClip {
  /** Normalised latents [C*T*H*W] of the clip whose given frames are pictures and whose other frames are grey (0). */
  readonly latents: Float32Array;
  /** [C,T,H,W]. */
  readonly shape: readonly [number, number, number, number];
  /** Indices of the given pixel frames, of 1 + (T-1) * temporalFactor: 0 for a first picture, the last for a last one. */
  readonly givenFrames: readonly number[];
  /** Pixel frames per latent frame after the first. */
  readonly temporalFactor: number;
}

/**
 * [1, temporalFactor + C, T, H, W]. Mask channel m of latent frame t says whether pixel frame (t-1) * factor + 1 + m is given;
 * latent frame 0 stands for one pixel frame, whose answer all its mask channels repeat.
 */
export function conditionChannels({ latents, shape, givenFrames, temporalFactor }: ConditionClip): Tensor {
  const [channels, frames, height, width] = shape;
  const area = height * width;
  if (latents.length !== channels * frames * area) {
    throw new ShapeError(`${latents.length} condition values do not fit latents [${shape.join(',')}].`);
  }
  const data = new Float32Array((temporalFactor + channels) * frames * area);
  for (let m = 0; m < temporalFactor; m++) {
    for (let t = 0; t < frames; t++) {
      const pixelFrame = t === 0 ? 0 : (t - 1) * temporalFactor + 1 + m;
      if (givenFrames.includes(pixelFrame)) data.fill(1, (m * frames + t) * area, (m * frames + t + 1) * area);
    }
  }
  data.set(latents, temporalFactor * frames * area);
  return tensor(data, [1, temporalFactor + channels, frames, height, width]);
}
