// Trains the video transformer by flow matching on the world's clips and pictures. A recipe says how wide the world is, so that
// a training can start narrow (few large centred nouns, single frames) and widen when the scores say so.
import { flowMatchingLoss } from '../dit/loss.ts';
import type { TransformerConfig } from '../dit/config.ts';
import { LAYOUT_CHANNELS, layoutChannels, withEmptyLayout } from '../dit/layout-channels.ts';
import { fillNormal } from '../dit/noise.ts';
import { positionChannels, takesPositions } from '../dit/position-channels.ts';
import { createRandom } from '../dit/random.ts';
import type { Random as NoiseSource } from '../dit/random.ts';
import { drawSigmas, isGiven, sigmasOfFrames } from '../dit/timestep-sampling.ts';
import type { GivenEnds, SigmaDistribution } from '../dit/timestep-sampling.ts';
import type { AutoencoderConfig } from '../compressor/config.ts';
import { latentShape } from '../compressor/sizes.ts';
import { flatLayout } from '../graph/adamw.ts';
import { constant, input } from '../graph/build.ts';
import type { Node } from '../graph/node.ts';
import { parameterScope } from '../graph/parameters.ts';
import type { Parameters, ParameterScope } from '../graph/parameters.ts';
import { sizeOf, tensor } from '../graph/tensor.ts';
import type { Tensor } from '../graph/tensor.ts';
import { pickBucket } from './autoencoder.ts';
import { actorWeights } from './latent-source.ts';
import { layoutOf } from './layout.ts';
import type { LatentSource } from './latent-source.ts';
import type { TrainingTask } from './loop.ts';
import type { PromptStates } from './prompt-states.ts';
import { maxTextLength } from './words.ts';
import { caption, namesStyle } from './world/captions.ts';
import type { CaptionKind } from './world/captions.ts';
import { randomOf } from './world/random.ts';
import type { Random } from './world/random.ts';
import type { ClipSize } from './world/render.ts';
import { STAYS, sampleScene } from './world/scene.ts';
import type { Scene, WorldOptions } from './world/scene.ts';
import type { Style } from './world/vocabulary.ts';

export interface TransformerBucket extends ClipSize {
  readonly batch: number;
  readonly share: number;
  /** Where its world differs from the recipe's. */
  readonly world?: Partial<WorldOptions>;
  /** Of the actors, in place of the world's: small frames need larger actors to show as much of them. */
  readonly sizeRange?: WorldOptions['sizeRange'];
  /** Actors follow paths, whatever the caption calls it, and the layout is given. */
  readonly paths?: boolean;
  /** Always given, of scenes that are under way or yet to begin: what goes on from a video, leads up to one or joins two. */
  readonly given?: GivenEnds;
  /** Scenes whose first frame is given and shows the actor in the middle of another motion, as where a prompt with times changes. */
  readonly changes?: boolean;
  /** In place of the recipe's: large clips take long to encode, and small ones have shown the same by then. */
  readonly scenes?: number;
}

/** Motions that say where an actor goes and not how it is posed: a path takes their place. */
export const TRAVELS: WorldOptions['motions'] = ['still', 'left', 'right', 'rise', 'fall', 'circle', 'zigzag'];

/** Where in their motions scenes start whose frames are given: those that go on are under way, those that are led up to begin late. */
const startsOf = ({ first }: GivenEnds): readonly [number, number] => (first > 0 ? [0.4, 1.2] : [-0.9, -0.5]);

/** The world as a bucket shows it. */
export function worldOf(
  { world }: TransformerRecipe,
  { world: own, sizeRange, given, paths = false, changes = false }: TransformerBucket,
): WorldOptions {
  return {
    ...world,
    ...own,
    ...(sizeRange && { sizeRange }),
    ...(given && { starts: startsOf(given) }),
    ...(paths && { paths: 1, motions: TRAVELS }),
    ...(changes && { changes: 1, motions: STAYS }),
  };
}

export interface TransformerRecipe {
  readonly config: TransformerConfig;
  readonly world: WorldOptions;
  readonly buckets: readonly TransformerBucket[];
  readonly sigma: SigmaDistribution;
  /** Weight of latent cells that an actor passes through; the others weigh 1. */
  readonly actorWeight: number;
  /** Weight of each layout channel; a latent channel weighs 1. */
  readonly layoutWeight: number;
  /** Probability that a sample is trained without its caption, for guidance. */
  readonly captionDropout: number;
  /** Probability that a clip's first latent frame is given (image to video). */
  readonly firstFrameGiven: number;
  /**
   * Most noise that is put on latent frames that are given, as if they were clean: what a long take goes on from is the model's own, with
   * its faults (Valevski et al. 2024, section 3.2.1). None if left out.
   */
  readonly givenNoise?: number;
  /** Different scenes in all; each is rendered and encoded once. */
  readonly scenes: number;
  /** Those that leave the style out are for cartoons alone. */
  readonly captions: readonly CaptionKind[];
}

/** The frozen models that the transformer learns between. */
export interface TransformerSources {
  readonly autoencoder: AutoencoderConfig;
  readonly latents: LatentSource;
  readonly states: PromptStates;
}

export const bucketName = ({ frames, width, height }: ClipSize): string => `${frames}x${width}x${height}`;

/** Where a training differs from that of the whole transformer on the world alone. */
export interface TransformerVariation {
  /** The transformer's parameters, made of those that learn. */
  readonly parametersOf: (scope: ParameterScope) => Parameters;
  /** What the graphs of those parameters are fed beside a batch. */
  readonly feeds: Readonly<Record<string, Tensor>>;
  readonly sceneOf: (random: Random, scenes: number, world: WorldOptions) => Scene;
  /** The caption as the text tower is told it. */
  readonly wordsOf: (caption: string) => string;
}

const wholeTransformer: TransformerVariation = {
  parametersOf: ({ parameters }) => parameters,
  feeds: {},
  sceneOf: (random, scenes, world) => sampleScene(random.int(scenes), { ...world, holdOut: 'train' }),
  wordsOf: (text) => text,
};

/** The loss over one bucket's shape; inputs clips, noise, sigma, text, weights. */
export function transformerLoss(
  recipe: TransformerRecipe,
  autoencoder: AutoencoderConfig,
  bucket: TransformerBucket,
  { parametersOf }: Pick<TransformerVariation, 'parametersOf'> = wholeTransformer,
) {
  const scope = parameterScope();
  const shape = modelShape(recipe.config, autoencoder, bucket);
  const [batch, , frames] = shape as [number, number, number, number, number];
  const perFrame = frames > 1 && recipe.firstFrameGiven > 0;
  const positions = positionChannels(shape.slice(2) as [number, number, number], batch);
  const graph = flowMatchingLoss(parametersOf(scope), recipe.config, {
    clips: input('clips', shape),
    noise: input('noise', shape),
    sigma: input('sigma', perFrame ? [batch, frames] : [batch]),
    text: input('text', [batch, maxTextLength, recipe.config.textDim]),
    textMask: input('textMask', [batch, maxTextLength]),
    weights: input('weights', [batch, 1, ...shape.slice(2)]),
    channelWeights: layoutWeights(recipe, autoencoder.zDim),
    channels: takesPositions(recipe.config) ? constant(positions) : undefined,
  });
  return { scope, graph, shape, perFrame };
}

/** The layout's few channels would drown among the latents' many. */
function layoutWeights({ config, layoutWeight }: TransformerRecipe, zDim: number): Node | undefined {
  if (layoutChannels(config, zDim) === 0) return undefined;
  const weights = new Float32Array(config.outChannels).fill(1).fill(layoutWeight, zDim);
  return constant(tensor(weights, [1, config.outChannels, 1, 1, 1]));
}

/** Of a bucket's latents with the layout behind them, where the transformer makes one: [B,outChannels,T,H,W]. */
const modelShape = (config: TransformerConfig, autoencoder: AutoencoderConfig, bucket: TransformerBucket): number[] =>
  latentShape(autoencoder, bucket, bucket.batch).with(1, config.outChannels);

const nothingGiven: GivenEnds = { first: 0, last: 0 };
const aPicture: GivenEnds = { first: 1, last: 0 };

/** Latents of scenes as the transformer makes them, [outChannels,T,H,W] each; frames that are given have no layout. */
export async function modelLatents(
  scenes: readonly Scene[],
  { config, autoencoder, latents }: TransformerSources & { readonly config: TransformerConfig },
  { bucket, given = [] }: { readonly bucket: TransformerBucket; readonly given?: readonly GivenEnds[] },
): Promise<readonly Float32Array[]> {
  const plain = await latents(scenes, bucket);
  if (layoutChannels(config, autoencoder.zDim) === 0) return plain;
  return plain.map((values, i) => {
    const layout = layoutOf(scenes[i]!, bucket, autoencoder);
    const plane = layout.length / LAYOUT_CHANNELS;
    const frames = latentShape(autoencoder, bucket)[2]!;
    const area = plane / frames;
    const own = given[i] ?? nothingGiven;
    layout.forEach((_, at) => {
      if (isGiven(own, Math.floor((at % plane) / area), frames)) layout[at] = 0;
    });
    const joined = withEmptyLayout(values, values.length + layout.length);
    joined.set(layout, values.length);
    return joined;
  });
}

/** Joins equal-length arrays into one tensor with a batch axis in front. */
export function stacked(rows: readonly Float32Array[], shape: readonly number[]): Tensor {
  const data = new Float32Array(sizeOf(shape));
  rows.forEach((row, i) => data.set(row, i * row.length));
  return tensor(data, shape);
}

/**
 * Gives the layouts of those clips whose actor follows a path: clean at every noise level, as their noise is the layout itself.
 * @param clips [B,outChannels,T,H,W], layouts last @param layout channels of it
 */
export function giveLayouts(clips: Tensor, noise: Tensor, scenes: readonly Scene[], layout: number): void {
  const [batch, channels] = clips.shape as [number, number];
  const length = clips.data.length / batch;
  for (let i = 0; i < batch; i++) {
    if (scenes[i]!.actors[0]!.path === undefined) continue;
    const [from, to] = [(i + 1 - layout / channels) * length, (i + 1) * length];
    (noise.data as Float32Array).set((clips.data as Float32Array).subarray(from, to), from);
  }
}

/** What a prompt means that names no style, so that it is one thing and not a third of each. */
const usualStyle: Style = 'cartoon';

function drawCaption(scene: Scene, recipe: TransformerRecipe, random: Random): string {
  if (random.chance(recipe.captionDropout)) return '';
  const isUsual = scene.actors[0]!.style === usualStyle;
  const kinds = isUsual ? recipe.captions : recipe.captions.filter(namesStyle);
  return caption(scene, random.int(2 ** 31), random.pick(kinds));
}

/**
 * Puts noise on the latents of frames that are given, at a level of each clip's own up to `most`.
 * @param clips [B,outChannels,T,H,W] @param channels of it that are latents; layouts stay
 */
export function blurGiven(
  clips: Tensor,
  given: readonly GivenEnds[],
  channels: number,
  { draws, most }: { readonly draws: NoiseSource; readonly most: number },
): void {
  const [, all, frames, height, width] = clips.shape as [number, number, number, number, number];
  const area = height * width;
  const data = clips.data as Float32Array;
  for (const [i, ends] of given.entries()) {
    const level = most * draws.uniform();
    for (let plane = 0; plane < channels * frames; plane++) {
      if (!isGiven(ends, plane % frames, frames)) continue;
      const from = (i * all * frames + plane) * area;
      fillNormal(draws, new Float32Array(area)).forEach((z, at) => (data[from + at]! += level * z));
    }
  }
}

/** The task of training the transformer with a recipe. */
export function transformerTask(
  recipe: TransformerRecipe,
  sources: TransformerSources,
  inspect?: TrainingTask['inspect'],
  variation = wholeTransformer,
): TrainingTask {
  const { autoencoder, states } = sources;
  const byName = new Map(recipe.buckets.map((bucket) => [bucketName(bucket), bucket]));
  const lossOf = (name: string) => {
    const { scope, graph } = transformerLoss(recipe, autoencoder, byName.get(name)!, variation);
    return { scope, graph: { loss: graph.loss, parts: {} } };
  };
  return {
    layout: flatLayout(lossOf(bucketName(recipe.buckets[0]!)).scope.specs()),
    lossOf,
    batch: async (step, index) => {
      const random = randomOf(step * 64 + index, 9);
      const bucket = pickBucket(random, recipe.buckets);
      const world = worldOf(recipe, bucket);
      const scenes = Array.from({ length: bucket.batch }, () =>
        variation.sceneOf(random, bucket.scenes ?? recipe.scenes, world),
      );
      const shape = modelShape(recipe.config, autoencoder, bucket);
      const frames = shape[2]!;
      const draws = createRandom(step, index);
      const sigmas = drawSigmas(draws, recipe.sigma, bucket.batch);
      const perFrame = frames > 1 && recipe.firstFrameGiven > 0;
      const always = bucket.changes === true ? aPicture : bucket.given;
      const given = scenes.map(() => always ?? (random.chance(recipe.firstFrameGiven) ? aPicture : nothingGiven));
      const clips = stacked(
        await modelLatents(scenes, { ...sources, config: recipe.config }, { bucket, given }),
        shape,
      );
      if (recipe.givenNoise !== undefined)
        blurGiven(clips, given, autoencoder.zDim, { draws, most: recipe.givenNoise });
      const noise = tensor(fillNormal(draws, new Float32Array(sizeOf(shape))), shape);
      giveLayouts(clips, noise, scenes, layoutChannels(recipe.config, autoencoder.zDim));
      const feeds = {
        ...variation.feeds,
        clips,
        noise,
        sigma: perFrame
          ? tensor(sigmasOfFrames(sigmas, given, frames), [bucket.batch, frames])
          : tensor(sigmas, [bucket.batch]),
        ...(await states(scenes.map((scene) => variation.wordsOf(drawCaption(scene, recipe, random))))),
        weights: stacked(
          scenes.map((scene) => actorWeights(scene, bucket, autoencoder, recipe.actorWeight)),
          [bucket.batch, 1, ...shape.slice(2)],
        ),
      };
      return { bucket: bucketName(bucket), samples: bucket.batch, feeds };
    },
    ...(inspect === undefined ? {} : { inspect }),
  };
}
