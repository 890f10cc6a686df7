import { describe, expect, it } from 'vitest';
import { checkClipSize, clipSize, latentShape, nearestSizes } from '../../compressor/sizes.ts';
import { denormalizeLatents, normalizeLatents } from '../../compressor/statistics.ts';
import { InvalidRequestError } from '../../graph/errors.ts';
import { floats, tensor } from '../../graph/tensor.ts';
import { largestError } from '../goldens/folder.ts';
import { flat, noise, residual } from './models.ts';

describe('sizes', () => {
  it('tells the latents of a clip, and the clip of latents', () => {
    const size = { frames: 17, height: 64, width: 96 };
    expect(latentShape(residual, size, 2)).toEqual([2, 4, 5, 4, 6]);
    expect(clipSize(residual, [2, 4, 5, 4, 6])).toEqual(size);
  });

  it('finds the sizes below and above, but none below one', () => {
    const size = { frames: 50, height: 100, width: 3 };
    expect(nearestSizes(residual, size)).toEqual({ frames: [49, 53], height: [96, 112], width: [16] });
    expect(nearestSizes(residual, { frames: 0, height: 32, width: 64 }, 32)).toEqual({
      frames: [1],
      height: [32],
      width: [64],
    });
  });

  it('names all that does not fit', () => {
    const check = () => checkClipSize(flat, { frames: 50, height: 16, width: 18 }, 8);
    expect(check).toThrow(InvalidRequestError);
    expect(check).toThrow(
      'frames (=50) must be 4k+1 for this model. Use 49 or 53. width (=18) must be a multiple of 8 for this model. Use 16 or 24.',
    );
    expect(() => checkClipSize(flat, { frames: 1, height: 0, width: 8 })).toThrow(/height \(=0\)/);
  });
});

describe('latent statistics', () => {
  it('takes the mean off and divides by the deviation, channel by channel', () => {
    const latents = tensor(Float32Array.of(2.5, 0.75, 1, 9, 0.5, -0.25, 0, 1), [2, 4, 1, 1, 1]);
    expect([...floats(normalizeLatents(flat, latents))]).toEqual([1, 1, 2, 2, 0, 0, 0, 0]);
  });

  it('is undone by its inverse', () => {
    const latents = noise([2, 4, 3, 2, 2]);
    const back = denormalizeLatents(flat, normalizeLatents(flat, latents));
    expect(largestError(floats(back), floats(latents))).toBeLessThan(1e-6);
  });
});
