// The autoencoder's promise: time runs one way, and a clip may be cut into chunks anywhere between latent frames.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Autoencoder, openAutoencoder } from '../../compressor/open-autoencoder.ts';
import { cut, joinFrames } from '../../compressor/frames.ts';
import { spatialFactor } from '../../compressor/config.ts';
import { type ChildEngine, childEngine } from '../../graph/child-engine.ts';
import { type Engine, localEngine } from '../../graph/engine.ts';
import { InvalidRequestError, JobFailedError } from '../../graph/errors.ts';
import { floats, type Tensor } from '../../graph/tensor.ts';
import { largestError } from '../goldens/folder.ts';
import { flat, forms, noise, randomWeights } from './models.ts';

const FRAMES = 17;

const difference = (a: Tensor, b: Tensor) => largestError(floats(a), floats(b));
const frames = (clip: Tensor, from: number, to: number) => cut(clip, { frames: [from, to] });

async function* piecesOf(clip: Tensor, lengths: readonly number[]): AsyncGenerator<Tensor> {
  let from = 0;
  for (const length of lengths) {
    await Promise.resolve();
    yield frames(clip, from, from + length);
    from += length;
  }
}

/** The clip with other values from a frame on. */
function changedFrom(clip: Tensor, frame: number): Tensor {
  const last = clip.shape[2]!;
  return joinFrames([frames(clip, 0, frame), frames(noise(clip.shape, 99), frame, last)]);
}

describe.each(Object.entries(forms))('%s', (_, config) => {
  const edge = 2 * spatialFactor(config);
  const video = noise([1, 3, FRAMES, edge, edge], 2);
  const latents = noise([1, config.zDim, 5, 2, 3], 3);
  let engine: Engine;
  let whole: Autoencoder;
  let chunked: Autoencoder;
  beforeAll(() => {
    engine = localEngine();
    const weights = randomWeights(config);
    whole = openAutoencoder(engine, { config, weights });
    chunked = openAutoencoder(engine, { config, weights, wholeClipElements: 0 });
  });
  afterAll(() => engine.close());

  it('encodes the same chunk by chunk', async () => {
    const [a, b] = [await whole.encode(video), await chunked.encode(video)];
    expect(difference(a.mean, b.mean)).toBeLessThan(1e-5);
    expect(difference(a.logvar, b.logvar)).toBeLessThan(1e-5);
  });

  it('encodes the same from pieces of any length', async () => {
    const a = await whole.encode(video);
    const b = await whole.encode(piecesOf(video, [2, 1, 7, 1, 6]));
    expect(difference(a.mean, b.mean)).toBeLessThan(1e-5);
  });

  it('decodes the same chunk by chunk', async () => {
    expect(difference(await whole.decode(latents), await chunked.decode(latents))).toBeLessThan(1e-5);
  });

  it('streams the first frame alone, then four at a time', async () => {
    const pieces: Tensor[] = [];
    for await (const piece of whole.decodeStream(latents)) pieces.push(piece);
    expect(pieces.map((piece) => piece.shape[2])).toEqual([1, 4, 4, 4, 4]);
    expect(difference(joinFrames(pieces), await whole.decode(latents))).toBeLessThan(1e-5);
  });

  it('may be abandoned in the middle of a stream', async () => {
    for await (const piece of whole.decodeStream(latents)) {
      expect(piece.shape[2]).toBe(1);
      break;
    }
    expect((await whole.decode(latents)).shape).toEqual([1, 3, FRAMES, edge, (edge / 2) * 3]);
  });

  it.each([1, 2, 3, 4])('encodes latent frames up to %i without looking further', async (latentFrame) => {
    const known = 1 + 4 * (latentFrame - 1);
    const [a, b] = [await whole.encode(video), await whole.encode(changedFrom(video, known))];
    expect(frames(b.mean, 0, latentFrame)).toEqual(frames(a.mean, 0, latentFrame));
    expect(difference(a.mean, b.mean)).toBeGreaterThan(0.01);
  });

  it.each([1, 2, 3, 4])('decodes the frames of %i latent frames without looking further', async (latentFrame) => {
    const known = 1 + 4 * (latentFrame - 1);
    const [a, b] = [await whole.decode(latents), await whole.decode(changedFrom(latents, latentFrame))];
    expect(frames(b, 0, known)).toEqual(frames(a, 0, known));
    expect(difference(a, b)).toBeGreaterThan(0.01);
  });

  it('treats the clips of a batch apart', async () => {
    const [a, b] = [noise(latents.shape, 4), noise(latents.shape, 5)];
    const both = { ...a, shape: [2, ...a.shape.slice(1)], data: Float32Array.of(...floats(a), ...floats(b)) };
    const [together, alone] = [await whole.decode(both), await whole.decode(b)];
    const second = floats(together).subarray(floats(alone).length);
    expect(largestError(second, floats(alone))).toBeLessThan(1e-5);
  });

  it('says which sizes it takes', async () => {
    const odd = edge + 1;
    await expect(whole.encode(noise([1, 3, 6, edge, edge]))).rejects.toThrow(/frames \(=6\) must be 4k\+1.*Use 5 or 9/);
    await expect(whole.encode(noise([1, 3, 5, edge, odd]))).rejects.toThrow(
      `width (=${odd}) must be a multiple of ${edge / 2} for this model. Use ${edge} or ${edge * 1.5}.`,
    );
    await expect(whole.encode(piecesOf(video, [4, 3]))).rejects.toThrow(/frames \(=7\) must be 4k\+1.*Use 5 or 9/);
    await expect(whole.encode(piecesOf(video, []))).rejects.toThrow(InvalidRequestError);
  });
});

describe('in a child process', () => {
  const latents = noise([1, flat.zDim, 3, 2, 2]);
  const options = { config: flat, weights: randomWeights(flat), wholeClipElements: 0 };
  let child: ChildEngine;
  beforeAll(async () => {
    child = await childEngine();
  });
  afterAll(() => child.close());

  it('keeps its state there, and goes on in another one when that has died', async () => {
    const here = localEngine();
    const expected = await openAutoencoder(here, options).decode(latents);
    await here.close();
    const autoencoder = openAutoencoder(child, options);
    expect(difference(await autoencoder.decode(latents), expected)).toBeLessThan(1e-5);
    child.kill();
    await expect(autoencoder.decode(latents)).rejects.toThrow(JobFailedError);
    expect(difference(await autoencoder.decode(latents), expected)).toBeLessThan(1e-5);
  });
});
