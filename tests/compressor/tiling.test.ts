import { describe, expect, it } from 'vitest';
import { spatialFactor } from '../../compressor/config.ts';
import { cut } from '../../compressor/frames.ts';
import { openAutoencoder } from '../../compressor/open-autoencoder.ts';
import { decodeTiles, encodeTiles, joinTiles, type Tiling } from '../../compressor/tiling.ts';
import { localEngine } from '../../graph/engine.ts';
import { InvalidRequestError } from '../../graph/errors.ts';
import { floats, type Tensor, tensor, zeros } from '../../graph/tensor.ts';
import { largestError } from '../goldens/folder.ts';
import { flat, forms, noise, randomWeights, residual } from './models.ts';

const square = (tile: number, stride: number): Tiling => ({
  tileHeight: tile,
  tileWidth: tile,
  strideHeight: stride,
  strideWidth: stride,
});

describe('joinTiles', () => {
  it('gives back a picture whose tiles agree where they overlap', async () => {
    const picture = noise([1, 2, 3, 40, 28]);
    const grid = decodeTiles(flat, square(16, 12), 10, 7)!;
    const toPixels = ([from, to]: readonly [number, number]) => [from * 4, to * 4] as const;
    const joined = await joinTiles(grid, picture.shape, ({ rows, columns }) =>
      Promise.resolve(cut(picture, { rows: toPixels(rows!), columns: toPixels(columns!) })),
    );
    expect(largestError(floats(joined), floats(picture))).toBeLessThan(1e-6);
  });

  it('fades from one tile to the next in equal steps', async () => {
    const grid = decodeTiles(flat, { ...square(8, 8), tileWidth: 8, strideWidth: 4 }, 2, 3)!;
    let value = 0;
    const joined = await joinTiles(grid, [1, 1, 1, 8, 12], ({ columns }) => {
      const width = (columns![1] - columns![0]) * 4;
      return Promise.resolve(tensor(new Float32Array(8 * width).fill(value++), [1, 1, 1, 8, width]));
    });
    expect([...floats(joined).slice(0, 12)]).toEqual([0, 0, 0, 0, 0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75]);
  });

  it('fades patch by patch where the decoder makes patches', () => {
    expect(decodeTiles(residual, square(32, 16), 3, 2)!.rows).toEqual({
      inputs: [
        [0, 2],
        [1, 3],
        [2, 3],
      ],
      stride: 16,
      overlap: 16,
      grain: 2,
    });
  });

  it("counts the encoder's tiles in patches", () => {
    const { rows } = encodeTiles(residual, square(32, 16), 96, 64)!;
    expect(rows).toEqual({
      inputs: [
        [0, 64],
        [32, 96],
        [64, 96],
      ],
      stride: 2,
      overlap: 2,
      grain: 1,
    });
  });
});

describe.each(Object.entries(forms))('%s in tiles', (_, config) => {
  const space = spatialFactor(config);
  const weights = randomWeights(config);

  it('gives the same numbers where a frame is one tile', async () => {
    const engine = localEngine();
    const [whole, tiled] = [undefined, square(4 * space, 3 * space)].map((tiling) =>
      openAutoencoder(engine, { config, weights, tiling }),
    );
    const latents = noise([1, config.zDim, 2, 4, 3]);
    expect(await tiled!.decode(latents)).toEqual(await whole!.decode(latents));
    const video = noise([1, 3, 5, 2 * space, 4 * space]);
    expect(await tiled!.encode(video)).toEqual(await whole!.encode(video));
    await engine.close();
  });

  it('gives the size of the whole, and the corner that one tile alone decides', async () => {
    const engine = localEngine();
    const tiled = openAutoencoder(engine, { config, weights, tiling: square(2 * space, space) });
    const whole = openAutoencoder(engine, { config, weights });
    const latents = noise([1, config.zDim, 2, 5, 3]);
    const video = await tiled.decode(latents);
    expect(video.shape).toEqual([1, 3, 5, 5 * space, 3 * space]);
    const corner = (clip: Tensor) => cut(clip, { rows: [0, space], columns: [0, space] });
    const firstTile = await whole.decode(cut(latents, { rows: [0, 2], columns: [0, 2] }));
    expect(corner(video)).toEqual(corner(firstTile));
    const { mean } = await tiled.encode(zeros([1, 3, 5, 5 * space, 3 * space]));
    expect(mean.shape).toEqual([1, config.zDim, 2, 5, 3]);
    await engine.close();
  });

  it('streams what it decodes in tiles', async () => {
    const engine = localEngine();
    const tiled = openAutoencoder(engine, { config, weights, tiling: square(2 * space, space) });
    const lengths: number[] = [];
    for await (const piece of tiled.decodeStream(noise([1, config.zDim, 3, 3, 3]))) lengths.push(piece.shape[2]!);
    expect(lengths).toEqual([1, 4, 4]);
    await engine.close();
  });
});

it.each([square(20, 10), { ...square(16, 16), strideWidth: 24 }, square(16, 0)])('refuses tiling %j', (tiling) => {
  expect(() => decodeTiles(residual, tiling, 9, 9)).toThrow(InvalidRequestError);
});
