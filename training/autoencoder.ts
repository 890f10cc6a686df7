// Trains the autoencoder on windows cut from the world's clips, so that it sees pixels at their true scale for a quarter
// of the cost, and on some whole frames; single frames, short and full clips. Scores are PSNR on unseen clips.
import type { AdamState } from '../graph/adamw.ts';
import { flatLayout, views } from '../graph/adamw.ts';
import { input } from '../graph/build.ts';
import { compile } from '../graph/compile.ts';
import { parameterScope } from '../graph/parameters.ts';
import { openRuntimeSession } from '../graph/session.ts';
import { tensor } from '../graph/tensor.ts';
import { autoencoderParameters, decode, encode } from '../compressor/autoencoder.ts';
import type { AutoencoderConfig } from '../compressor/config.ts';
import { autoencoderLoss } from '../compressor/loss.ts';
import type { LossWeights } from '../compressor/loss.ts';
import { latentShape } from '../compressor/sizes.ts';
import { fillNormal } from '../dit/noise.ts';
import { createRandom } from '../dit/random.ts';
import { clipBatch, clipFrames, wholeFrame } from './clip-batch.ts';
import type { Window } from './clip-batch.ts';
import type { TrainingTask } from './loop.ts';
import { psnr } from './scores/psnr.ts';
import { writeSheet } from './sheet.ts';
import type { Atlas } from './world/atlas.ts';
import { randomOf } from './world/random.ts';
import type { Random } from './world/random.ts';
import { renderScene } from './world/render.ts';
import type { ClipSize } from './world/render.ts';
import { sampleScene } from './world/scene.ts';
import type { WorldOptions } from './world/scene.ts';

/** A shape of batch: clips rendered at `edge` pixels, windows of `window` pixels, and how often it comes. */
export interface AutoencoderBucket {
  readonly frames: number;
  readonly edge: number;
  readonly window: number;
  readonly batch: number;
  readonly share: number;
}

export interface AutoencoderRecipe {
  readonly config: AutoencoderConfig;
  readonly weights: LossWeights;
  /**
   * Scales the noise that latents are sampled with. At 1 the log variance starts near 0 and needs thousands of steps to learn
   * that the noise is in the way: the first try stood still at 16 dB. A small fixed noise trains at once.
   */
  readonly noiseScale: number;
  readonly world: WorldOptions;
  readonly buckets: readonly AutoencoderBucket[];
}

const nameOf = (bucket: AutoencoderBucket): string => `${bucket.frames}x${bucket.window}`;

/** Picks a bucket by the shares. */
export function pickBucket<T extends { readonly share: number }>(random: Random, buckets: readonly T[]): T {
  let rest = random.next() * buckets.reduce((total, { share }) => total + share, 0);
  return buckets.find(({ share }) => (rest -= share) < 0) ?? buckets.at(-1)!;
}

function randomWindow(random: Random, { edge, window }: AutoencoderBucket): Window {
  return { left: random.int(edge - window + 1), top: random.int(edge - window + 1), width: window, height: window };
}

/** Encodes and decodes unseen clips with the averaged weights; the mean PSNR in dB, and a sheet of originals and copies. */
async function inspect(
  recipe: AutoencoderRecipe,
  atlas: Atlas,
  state: AdamState,
  sheet: string,
): Promise<Record<string, number>> {
  const size: ClipSize = { frames: 17, width: 128, height: 128 };
  const scope = parameterScope();
  const video = input('video', [1, 3, size.frames, size.height, size.width]);
  const { mean } = encode(scope.parameters, recipe.config, video);
  const copy = decode(scope.parameters, recipe.config, mean);
  const weights = views(state.layout, state.ema);
  const session = await openRuntimeSession(compile({ outputs: { copy, mean }, weights: (name) => weights[name] }));
  const rows: Uint8Array[] = [];
  const scores: number[] = [];
  let [latentSquares, latentCount] = [0, 0];
  for (let i = 0; i < 12; i++) {
    const frames = renderScene(sampleScene(9_000_000 + i, { ...recipe.world, holdOut: 'heldout' }), atlas, size);
    const results = await session.run({ video: clipBatch([{ frames, window: wholeFrame(size) }], size) });
    const decoded = clipFrames(results['copy']!, 0);
    for (const value of results['mean']!.data as Float32Array) latentSquares += value * value;
    latentCount += results['mean']!.data.length;
    scores.push(psnr(frames, decoded));
    rows.push(frames, decoded);
  }
  await session.release();
  await writeSheet(sheet, rows.slice(0, 16), size);
  const mean_ = scores.reduce((total, score) => total + score, 0) / scores.length;
  return {
    psnr: Number(mean_.toFixed(2)),
    psnrMin: Number(Math.min(...scores).toFixed(2)),
    latentRms: Math.sqrt(latentSquares / latentCount),
  };
}

/** The task of training an autoencoder from scratch on the world. */
export function autoencoderTask(
  recipe: AutoencoderRecipe,
  atlas: Atlas,
  sheetOf: (step: number) => string,
): TrainingTask {
  const lossOf = (bucket: string) => {
    const shape = recipe.buckets.find((other) => nameOf(other) === bucket)!;
    const size = { frames: shape.frames, width: shape.window, height: shape.window };
    const scope = parameterScope();
    const video = input('video', [shape.batch, 3, size.frames, size.height, size.width]);
    const noise = input('noise', latentShape(recipe.config, size, shape.batch));
    const { loss, parts } = autoencoderLoss(scope.parameters, recipe.config, { video, noise }, recipe.weights);
    return { scope, graph: { loss, parts } };
  };
  return {
    layout: flatLayout(autoencoderParameters(recipe.config)),
    lossOf,
    batch: (step, index) => {
      const random = randomOf(step * 64 + index, 3);
      const bucket = pickBucket(random, recipe.buckets);
      const size = { frames: bucket.frames, width: bucket.edge, height: bucket.edge };
      const clips = Array.from({ length: bucket.batch }, () => {
        const scene = sampleScene(random.int(2 ** 31), { ...recipe.world, holdOut: 'train' });
        return { frames: renderScene(scene, atlas, size), window: randomWindow(random, bucket) };
      });
      const shape = latentShape(recipe.config, { ...size, width: bucket.window, height: bucket.window }, bucket.batch);
      const noise = fillNormal(createRandom(step, index), new Float32Array(shape.reduce((a, b) => a * b))).map(
        (value) => value * recipe.noiseScale,
      );
      const feeds = { video: clipBatch(clips, size), noise: tensor(noise, shape) };
      return Promise.resolve({ bucket: nameOf(bucket), samples: bucket.batch, feeds });
    },
    inspect: (state) => inspect(recipe, atlas, state, sheetOf(state.step)),
  };
}
