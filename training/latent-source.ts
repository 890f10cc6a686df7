// Scenes to what the transformer learns from: normalised latents through the trained autoencoder, kept by scene so that
// a clip is rendered and encoded once, and weights that count the actor's cells for more.
import { createHash } from 'node:crypto';
import type { AutoencoderConfig } from '../compressor/config.ts';
import { spatialFactor, temporalFactor } from '../compressor/config.ts';
import { encode } from '../compressor/autoencoder.ts';
import { latentShape } from '../compressor/sizes.ts';
import { input } from '../graph/build.ts';
import { compile } from '../graph/compile.ts';
import { parameterScope } from '../graph/parameters.ts';
import { openRuntimeSession } from '../graph/session.ts';
import type { RuntimeSession } from '../graph/session.ts';
import { floats, sizeOf } from '../graph/tensor.ts';
import type { Weights } from '../graph/weights.ts';
import { clipBatch, wholeFrame } from './clip-batch.ts';
import type { LatentStore } from './latent-store.ts';
import type { Atlas } from './world/atlas.ts';
import { renderScene } from './world/render.ts';
import type { ClipSize } from './world/render.ts';
import type { Scene } from './world/scene.ts';
import { sceneTrack } from './world/scene.ts';

/** Normalised latents [zDim,T',H',W'] of scenes, in their order. */
export type LatentSource = (scenes: readonly Scene[], size: ClipSize) => Promise<readonly Float32Array[]>;

const chunk = 4;

const keyOf = (scene: Scene, { frames, width, height }: ClipSize): string =>
  createHash('sha256')
    .update(JSON.stringify([scene, frames, width, height]))
    .digest('hex')
    .slice(0, 32);

export interface LatentSourceOptions {
  readonly atlas: Atlas;
  /** Clips that are remembered. */
  readonly keep: number;
  /** Remembers them for the next session too. */
  readonly store?: LatentStore;
  /** Of the encoder; all cores if left out. */
  readonly threads?: number;
}

/** Encodes with an autoencoder and remembers what it made. */
export function latentSource(
  config: AutoencoderConfig,
  weights: Weights,
  { atlas, keep, store, threads }: LatentSourceOptions,
): LatentSource {
  const sessions = new Map<string, RuntimeSession>();
  const known = new Map<string, Float32Array>();

  const sessionFor = async (size: ClipSize): Promise<RuntimeSession> => {
    const key = `${size.frames}x${size.width}x${size.height}`;
    const open = sessions.get(key);
    if (open !== undefined) return open;
    const video = input('video', [chunk, 3, size.frames, size.height, size.width]);
    const { mean } = encode(parameterScope().parameters, config, video);
    const options = { memoryPattern: false, ...(threads !== undefined && { threads }) };
    const session = await openRuntimeSession(compile({ outputs: { mean }, weights }), options);
    sessions.set(key, session);
    return session;
  };

  const normalise = (latents: Float32Array, plane: number): Float32Array =>
    latents.map((value, i) => {
      const channel = Math.floor(i / plane);
      return (value - config.latentsMean[channel]!) / config.latentsStd[channel]!;
    });

  const encodeScenes = async (scenes: readonly Scene[], size: ClipSize): Promise<Float32Array[]> => {
    const session = await sessionFor(size);
    const rows = Array.from({ length: chunk }, (_, i) => scenes[i] ?? scenes[0]!);
    const clips = rows.map((scene) => ({ frames: renderScene(scene, atlas, size), window: wholeFrame(size) }));
    const latents = floats((await session.run({ video: clipBatch(clips, size) }))['mean']!);
    const length = sizeOf(latentShape(config, size));
    return scenes.map((_, i) => normalise(latents.subarray(i * length, (i + 1) * length), length / config.zDim));
  };

  /** Fills `known`. */
  const learn = async (scenes: readonly Scene[], size: ClipSize): Promise<void> => {
    const missing: Scene[] = [];
    for (const scene of scenes) {
      const key = keyOf(scene, size);
      if (known.has(key)) continue;
      const stored = await store?.read(key, sizeOf(latentShape(config, size)));
      if (stored === undefined) missing.push(scene);
      else known.set(key, stored);
    }
    for (let from = 0; from < missing.length; from += chunk) {
      const part = missing.slice(from, from + chunk);
      for (const [i, latents] of (await encodeScenes(part, size)).entries()) {
        const key = keyOf(part[i]!, size);
        known.set(key, latents);
        await store?.write(key, latents);
      }
    }
  };

  return async (scenes, size) => {
    await learn(scenes, size);
    const results = scenes.map((scene) => known.get(keyOf(scene, size))!);
    for (const key of known.keys()) {
      if (known.size <= keep) break;
      known.delete(key);
    }
    return results;
  };
}

/** Weights [T',H',W'] of a scene's latent cells: `actor` where an actor's box passes during the cell's frames, else 1. */
export function actorWeights(scene: Scene, size: ClipSize, config: AutoencoderConfig, actor: number): Float32Array {
  const [, , frames, height, width] = latentShape(config, size) as [number, number, number, number, number];
  const [space, time] = [spatialFactor(config), temporalFactor(config)];
  const weights = new Float32Array(frames * height * width).fill(1);
  for (const boxes of sceneTrack(scene, size.frames, size.width, size.height)) {
    boxes.forEach((box, frame) => {
      const t = frame === 0 ? 0 : 1 + Math.floor((frame - 1) / time);
      const cells = (centre: number, extent: number, pixels: number, limit: number): [number, number] => [
        Math.max(0, Math.floor(((centre - extent / 2) * pixels) / space)),
        Math.min(limit, Math.ceil(((centre + extent / 2) * pixels) / space)),
      ];
      const [left, right] = cells(box.x, box.width, size.width, width);
      const [top, bottom] = cells(box.y, box.height, size.height, height);
      for (let y = top; y < bottom; y++)
        weights.fill(
          actor,
          (t * height + y) * width + left,
          Math.max((t * height + y) * width + left, (t * height + y) * width + right),
        );
    });
  }
  return weights;
}
