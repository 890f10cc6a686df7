// Pictures as CLIP's picture tower takes them (CLIPImageProcessor of transformers): the shorter edge resized, the middle cut
// out, each channel normalised. Resizing is the caller's; this says to what size, and turns bytes into pixels.
import { z } from 'zod';
import { ShapeError } from '../graph/errors.ts';
import { type Tensor, tensor } from '../graph/tensor.ts';
import { readModelConfig } from './model-config.ts';

const three = z.tuple([z.number(), z.number(), z.number()]);
const processorJson = z.object({
  image_mean: three.default([0.48145466, 0.4578275, 0.40821073]),
  image_std: three.default([0.26862954, 0.26130258, 0.27577711]),
  rescale_factor: z
    .number()
    .positive()
    .default(1 / 255),
});

export interface PixelStatistics {
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
  readonly scale: number;
}

/** Reads preprocessor_config.json; `{}` is CLIP's own. @throws ModelFileError */
export function parsePixelStatistics(json: unknown, file = 'preprocessor_config.json'): PixelStatistics {
  const { image_mean: mean, image_std: std, rescale_factor: scale } = readModelConfig(processorJson, json, file);
  return { mean, std, scale };
}

/** Pictures of side x side RGB bytes -> [pictures,3,side,side]. */
export function clipPixels(
  pictures: readonly Uint8Array[],
  side: number,
  { mean, std, scale }: PixelStatistics,
): Tensor {
  const area = side * side;
  const data = new Float32Array(pictures.length * 3 * area);
  for (const [i, bytes] of pictures.entries()) {
    if (bytes.length !== 3 * area) throw new ShapeError(`A picture of ${bytes.length} bytes is not ${side}x${side}.`);
    for (let c = 0; c < 3; c++) {
      const plane = data.subarray((3 * i + c) * area, (3 * i + c + 1) * area);
      for (let at = 0; at < area; at++) plane[at] = (bytes[3 * at + c]! * scale - mean[c]!) / std[c]!;
    }
  }
  return tensor(data, [pictures.length, 3, side, side]);
}
