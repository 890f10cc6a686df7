// Where a latent cell lies in its clip, as channels behind the noisy latents. Rotary embeddings tell tokens only how far apart
// they are; a large model learns to find the borders, a small one, in hours on a CPU, places actors sooner when it is told.
import { tensor } from '../graph/tensor.ts';
import type { Tensor } from '../graph/tensor.ts';
import type { TransformerConfig } from './config.ts';

/** Time, height, width. */
export const POSITION_CHANNELS = 3;

/** Whether a transformer was trained with position channels: nothing else takes three channels more than it makes. */
export const takesPositions = ({ inChannels, outChannels }: TransformerConfig): boolean =>
  inChannels === outChannels + POSITION_CHANNELS;

/**
 * [batch,3,T,H,W]: time, height and width of each cell's centre: time from -1 to 1 over the clip, the others over the shorter side, and on
 * at the same pace along the longer one, so that what was learned in squares keeps its proportions.
 */
export function positionChannels([frames, height, width]: readonly [number, number, number], batch = 1): Tensor {
  const area = height * width;
  const data = new Float32Array(batch * POSITION_CHANNELS * frames * area);
  const shorter = Math.min(height, width);
  const centre = (index: number, extent: number, unit: number): number => (2 * index + 1 - extent) / unit;
  let at = 0;
  for (let b = 0; b < batch; b++) {
    for (let axis = 0; axis < POSITION_CHANNELS; axis++) {
      for (let t = 0; t < frames; t++) {
        for (let y = 0; y < height; y++) {
          for (let x = 0; x < width; x++) {
            data[at++] = [centre(t, frames, frames), centre(y, height, shorter), centre(x, width, shorter)][axis]!;
          }
        }
      }
    }
  }
  return tensor(data, [batch, POSITION_CHANNELS, frames, height, width]);
}
