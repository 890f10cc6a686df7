// Trains the autoencoder on windows cut from the world's clips, so that it sees pixels at their true scale for a quarter
// of the cost, and on some whole frames; single frames, short and full clips. Scores are PSNR on unseen clips.
import { flatLayout, views } from '../graph/adamw.ts';
import { input } from '../graph/build.ts';
import { compile } from '../graph/compile.ts';
import type { Node } from '../graph/node.ts';
import { parameterScope } from '../graph/parameters.ts';
import { openRuntimeSession } from '../graph/session.ts';
import type { RuntimeSession } from '../graph/session.ts';
import { floats, sizeOf, tensor } from '../graph/tensor.ts';
import type { Tensor } from '../graph/tensor.ts';
import type { Weights } from '../graph/weights.ts';
import { autoencoderParameters, decode, encode } from '../compressor/autoencoder.ts';
import type { AutoencoderConfig } from '../compressor/config.ts';
import { autoencoderLoss, reconstructionLoss } from '../compressor/loss.ts';
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
import { sampleScene, sceneTrack } from './world/scene.ts';
import type { Scene, WorldOptions } from './world/scene.ts';

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

/** Mostly about an actor, where the motion is. */
function drawWindow(scene: Scene, random: Random, { edge, window, frames }: AutoencoderBucket): Window {
  const side = { width: window, height: window };
  if (random.chance(0.3)) return { left: random.int(edge - window + 1), top: random.int(edge - window + 1), ...side };
  const box = random.pick(random.pick(sceneTrack(scene, frames, edge, edge)));
  const near = (centre: number) => Math.round(centre * edge - window * random.range(0.3, 0.7));
  const inside = (start: number) => Math.max(0, Math.min(edge - window, start));
  return { left: inside(near(box.x)), top: inside(near(box.y)), ...side };
}

/** Encodes and decodes unseen clips; the mean PSNR in dB, and a sheet of originals and copies. */
async function inspect(
  recipe: AutoencoderRecipe,
  atlas: Atlas,
  weights: Weights,
  sheet: string,
): Promise<Record<string, number>> {
  const size: ClipSize = { frames: 17, width: 128, height: 128 };
  const scope = parameterScope();
  const { mean } = encode(
    scope.parameters,
    recipe.config,
    input('video', [1, 3, size.frames, size.height, size.width]),
  );
  const copy = decode(scope.parameters, recipe.config, mean);
  const session = await openRuntimeSession(compile({ outputs: { copy }, weights }));
  const rows: Uint8Array[] = [];
  const scores: number[] = [];
  for (let i = 0; i < 12; i++) {
    const frames = renderScene(sampleScene(9_000_000 + i, { ...recipe.world, holdOut: 'heldout' }), atlas, size);
    const results = await session.run({ video: clipBatch([{ frames, window: wholeFrame(size) }], size) });
    const decoded = clipFrames(results['copy']!, 0);
    scores.push(psnr(frames, decoded));
    rows.push(frames, decoded);
  }
  await session.release();
  await writeSheet(sheet, rows.slice(0, 16), size);
  const average = scores.reduce((total, score) => total + score, 0) / scores.length;
  return { psnr: Number(average.toFixed(2)), psnrMin: Number(Math.min(...scores).toFixed(2)) };
}

interface DrawnBatch {
  readonly bucket: AutoencoderBucket;
  /** [B,3,T,h,w] in [-1,1]. */
  readonly video: Tensor;
  /** Standard normal times the recipe's noise scale, of the latents' shape. */
  readonly noise: Tensor;
}

function drawBatch(recipe: AutoencoderRecipe, atlas: Atlas, step: number, index: number): DrawnBatch {
  const random = randomOf(step * 64 + index, 3);
  const bucket = pickBucket(random, recipe.buckets);
  const size = { frames: bucket.frames, width: bucket.edge, height: bucket.edge };
  const clips = Array.from({ length: bucket.batch }, () => {
    const scene = sampleScene(random.int(2 ** 31), { ...recipe.world, holdOut: 'train' });
    return { frames: renderScene(scene, atlas, size), window: drawWindow(scene, random, bucket) };
  });
  const shape = latentShape(recipe.config, windowSize(bucket), bucket.batch);
  const noise = fillNormal(createRandom(step, index), new Float32Array(sizeOf(shape)));
  return {
    bucket,
    video: clipBatch(clips, size),
    noise: tensor(
      noise.map((value) => value * recipe.noiseScale),
      shape,
    ),
  };
}

const windowSize = ({ frames, window }: AutoencoderBucket): ClipSize => ({ frames, width: window, height: window });

const bucketOf = (recipe: AutoencoderRecipe, name: string): AutoencoderBucket =>
  recipe.buckets.find((bucket) => nameOf(bucket) === name)!;

const videoInput = ({ batch, frames, window }: AutoencoderBucket): Node =>
  input('video', [batch, 3, frames, window, window]);

/** The task of training an autoencoder from scratch on the world. */
export function autoencoderTask(
  recipe: AutoencoderRecipe,
  atlas: Atlas,
  sheetOf: (step: number) => string,
): TrainingTask {
  return {
    layout: flatLayout(autoencoderParameters(recipe.config)),
    lossOf: (name) => {
      const bucket = bucketOf(recipe, name);
      const scope = parameterScope();
      const noise = input('noise', latentShape(recipe.config, windowSize(bucket), bucket.batch));
      const inputs = { video: videoInput(bucket), noise };
      return { scope, graph: autoencoderLoss(scope.parameters, recipe.config, inputs, recipe.weights) };
    },
    batch: (step, index) => {
      const { bucket, ...feeds } = drawBatch(recipe, atlas, step, index);
      return Promise.resolve({ bucket: nameOf(bucket), samples: bucket.batch, feeds });
    },
    inspect: (state) => {
      const averaged = views(state.layout, state.ema);
      return inspect(recipe, atlas, (name) => averaged[name], sheetOf(state.step));
    },
  };
}

/**
 * The task of training the decoder alone, to the latents of an encoder that stays as it is, so that a transformer which
 * learned those latents stays of use. `config` and `weights` are the whole autoencoder's.
 */
export function decoderTask(
  { config, ...rest }: AutoencoderRecipe,
  atlas: Atlas,
  weights: Weights,
  sheetOf: (step: number) => string,
): TrainingTask {
  const recipe = { config, ...rest };
  const encoders = new Map<string, Promise<RuntimeSession>>();
  const encoderOf = (bucket: AutoencoderBucket): Promise<RuntimeSession> => {
    const known = encoders.get(nameOf(bucket));
    if (known !== undefined) return known;
    const { mean } = encode(parameterScope().parameters, config, videoInput(bucket));
    const opened = openRuntimeSession(compile({ outputs: { mean }, weights }), { memoryPattern: false });
    encoders.set(nameOf(bucket), opened);
    return opened;
  };
  return {
    layout: flatLayout(autoencoderParameters(config).filter(({ name }) => /^(decoder|post_quant_conv)\./.test(name))),
    lossOf: (name) => {
      const bucket = bucketOf(recipe, name);
      const scope = parameterScope();
      const latents = input('latents', latentShape(config, windowSize(bucket), bucket.batch));
      const copy = decode(scope.parameters, config, latents);
      return { scope, graph: reconstructionLoss(copy, videoInput(bucket), recipe.weights) };
    },
    batch: async (step, index) => {
      const { bucket, video, noise } = drawBatch(recipe, atlas, step, index);
      const { mean } = await (await encoderOf(bucket)).run({ video });
      const plane = sizeOf(noise.shape.slice(2));
      const latents = floats(mean!).map(
        (value, i) => value + floats(noise)[i]! * config.latentsStd[Math.floor(i / plane) % config.zDim]!,
      );
      return { bucket: nameOf(bucket), samples: bucket.batch, feeds: { video, latents: tensor(latents, noise.shape) } };
    },
    inspect: (state) => {
      const averaged = views(state.layout, state.ema);
      return inspect(recipe, atlas, (name) => averaged[name] ?? weights(name), sheetOf(state.step));
    },
  };
}
