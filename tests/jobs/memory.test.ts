import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseAutoencoderConfig } from '../../compressor/config.ts';
import { activationBytes, checkMemory, decodesInTiles, estimateMemory } from '../../jobs/memory.ts';
import { loadModel, type Model } from '../../jobs/model.ts';
import { parseRequest } from '../../jobs/request.ts';
import { resolveRequest } from '../../jobs/resolve-request.ts';
import { settingsIn, sharedScratch } from './scratch.ts';
import { writeTinyModel } from './tiny-model.ts';

const folder = await sharedScratch();
let model: Model;
beforeAll(async () => {
  model = await loadModel(await writeTinyModel(join(folder, 'tiny')), settingsIn(folder));
});

const renderOf = (width: number, height: number, frames: number) =>
  resolveRequest(parseRequest({ prompt: 'a', width, height, frames }), model)[0]!;

describe('checkMemory', () => {
  it('grows with the picture and, through the tokens, with the length', () => {
    const small = estimateMemory(model, { width: 64, height: 64, frames: 17 });
    expect(estimateMemory(model, { width: 128, height: 128, frames: 17 })).toBeCloseTo(4 * small);
    expect(estimateMemory(model, { width: 64, height: 64, frames: 4001 })).toBeGreaterThan(2 * small);
  });

  it('decodes large frames in tiles, whose memory does not grow with the frame', () => {
    const wan = { ...model, autoencoder: { ...model.autoencoder, config: parseAutoencoderConfig({}) } };
    expect(decodesInTiles(wan.autoencoder.config, { width: 256, height: 256 })).toBe(false);
    expect(decodesInTiles(wan.autoencoder.config, { width: 832, height: 480 })).toBe(true);
    const large = estimateMemory(wan, { width: 832, height: 480, frames: 81 });
    expect(large).toBeLessThan(8e9);
    expect(estimateMemory(wan, { width: 1280, height: 720, frames: 81 })).toBeLessThan(1.3 * large);
  });

  it('counts a tiny decoder where it decodes, and the encoder beside it only where something is encoded', () => {
    const wan = { ...model, autoencoder: { ...model.autoencoder, config: parseAutoencoderConfig({}) } };
    const config = { latentChannels: 16, widths: [256, 128, 64, 64], grows: [1, 2, 2], patchSize: 1 } as const;
    const tiny = { ...wan, tinyDecoder: { config, weights: () => undefined, path: 'taew2_1.safetensors', sha256: '' } };
    const size = { width: 256, height: 256, frames: 17 };
    const [full, small] = [estimateMemory(wan, size), estimateMemory(tiny, size)];
    expect(small).toBeLessThan(full / 3);
    const one = { ...renderOf(256, 256, 17), image: 'first.png' };
    expect(() => checkMemory(wan, one, full - 1)).toThrow('of memory');
    expect(() => checkMemory(tiny, renderOf(256, 256, 17), small)).not.toThrow();
    expect(() => checkMemory(tiny, { ...one, restyle: 'cat.mp4' }, small)).toThrow('of memory');
    const encoding = estimateMemory(tiny, { ...size, encoded: 17 });
    expect(encoding).toBeGreaterThan(small); // its layers are fewer than the decoder's
    expect(encoding).toBeLessThan(full / 2);
  });

  it('counts both passes of guidance where they run as one, and the text for every block', () => {
    const size = { width: 64, height: 64, frames: 17 };
    const stepsOf = (of: Model, guided: object): number => activationBytes(of, { ...size, ...guided }).steps;
    expect(stepsOf(model, { guidance: 5 })).toBe(2 * stepsOf(model, { guidance: 1 }));
    expect(stepsOf(model, { guidance: 1, guidanceLow: 3 })).toBe(2 * stepsOf(model, {}));
    expect(stepsOf(model, { guidance: 5, fast: true })).toBe(stepsOf(model, {}));
    const { config } = model.transformer;
    const deep = { ...model, transformer: { ...model.transformer, config: { ...config, layers: config.layers + 1 } } };
    const keysAndValues = 2 * model.textLength * config.heads * config.headDim * 4;
    expect(stepsOf(deep, {}) - stepsOf(model, {})).toBe(keysAndValues);
  });

  it('lets pass what fits', () => {
    expect(() => checkMemory(model, renderOf(128, 128, 17), 4e9)).not.toThrow();
  });

  it('names something smaller of the same proportions that does fit', () => {
    const refuse = () => checkMemory(model, renderOf(8192, 4096, 10001), 4e9);
    expect(refuse).toThrow(
      /width \(=8192\), height \(=4096\) and frames \(=10001\) need about \d+ GB of memory; this machine has 4\.0 GB\./,
    );
    const [, width, height, frames] = /About (\d+)x(\d+) with (\d+) frames would fit/
      .exec(messageOf(refuse))!
      .map(Number);
    expect(() => checkMemory(model, renderOf(width!, height!, frames!), 4e9)).not.toThrow();
    expect(width! / height!).toBeCloseTo(2, 1);
  });

  it('says so when nothing would fit', () => {
    expect(() => checkMemory(model, renderOf(64, 64, 17), 1000)).toThrow('Use a smaller model.');
  });
});

function messageOf(work: () => void): string {
  try {
    work();
  } catch (error) {
    return (error as Error).message;
  }
  return '';
}
