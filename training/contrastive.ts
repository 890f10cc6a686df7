// Trains the CLIP towers on frames of the world and their captions. The text tower then conditions nano's transformer.
// Progress is told by retrieval: among 64 unseen frames, how often a caption finds its own first.
import type { ClipTextConfig } from '../conditioning/clip-text.ts';
import { pooledPositions } from '../conditioning/clip-text.ts';
import type { ClipVisionConfig } from '../conditioning/clip-vision.ts';
import { contrastiveLoss } from '../conditioning/contrastive.ts';
import type { AdamState } from '../graph/adamw.ts';
import { flatLayout, views } from '../graph/adamw.ts';
import { add, input } from '../graph/build.ts';
import { compile } from '../graph/compile.ts';
import { parameterScope } from '../graph/parameters.ts';
import { openRuntimeSession } from '../graph/session.ts';
import type { Tensor } from '../graph/tensor.ts';
import { clipBatch, wholeFrame } from './clip-batch.ts';
import type { TrainingTask } from './loop.ts';
import { saidFeeds, saidLoss } from './said.ts';
import { maxTextLength, tokenBatch, worldTokenizer } from './words.ts';
import type { Atlas } from './world/atlas.ts';
import { describe } from './world/captions.ts';
import type { CaptionKind } from './world/captions.ts';
import { randomOf } from './world/random.ts';
import type { Random } from './world/random.ts';
import { renderScene } from './world/render.ts';
import { isHeldOut } from './world/heldout.ts';
import { sampleScene } from './world/scene.ts';
import type { Scene, WorldOptions } from './world/scene.ts';

export interface ContrastiveRecipe {
  readonly text: ClipTextConfig;
  readonly vision: ClipVisionConfig;
  readonly world: WorldOptions;
  readonly batch: number;
  /** Share of batches that show four moments of each clip instead of one, so that words for motion get a meaning. */
  readonly moments: number;
  /**
   * Share of batches whose clips differ in their motion alone, in groups. Noun and place mostly tell 48 clips apart, so without
   * such batches the towers forget what moves how: a linear probe found the motion in 32 % of pooled text states.
   */
  readonly alike: number;
}

/** Captions of a kind fit this many tokens; short ones make a shorter, cheaper batch. */
const lengthOf = { tag: 28, plain: 28, full: maxTextLength } satisfies Record<CaptionKind, number>;

/** One frame of a clip: the first, middle or last. */
function drawFrame(scene: Scene, atlas: Atlas, edge: number, random: Random): Uint8Array {
  const frames = renderScene(scene, atlas, { frames: 3, width: edge, height: edge });
  return frames.subarray(random.int(3) * edge * edge * 3).subarray(0, edge * edge * 3);
}

/** Four moments of a clip at half the size, two by two: what motion looks like to a tower for pictures. */
function drawMoments(scene: Scene, atlas: Atlas, edge: number): Uint8Array {
  const half = edge / 2;
  const frames = renderScene(scene, atlas, { frames: 9, width: half, height: half });
  const picture = new Uint8Array(edge * edge * 3);
  for (let moment = 0; moment < 4; moment++) {
    const frame = frames.subarray((2 * moment + 1) * half * half * 3);
    const corner = Math.floor(moment / 2) * half * edge + (moment % 2) * half;
    for (let y = 0; y < half; y++)
      picture.set(frame.subarray(y * half * 3, (y + 1) * half * 3), (corner + y * edge) * 3);
  }
  return picture;
}

/** Scenes of one noun, place and style each, a group for every few, that differ in how the actor moves. */
function drawAlike(random: Random, count: number, world: WorldOptions): Scene[] {
  const scenes: Scene[] = [];
  while (scenes.length < count) {
    const [noun, place, style] = [random.pick(world.nouns), random.pick(world.places), random.pick(world.styles)];
    const one = { ...world, nouns: [noun], places: [place], styles: [style] };
    const motions = world.motions.filter((motion) => world.holdOut !== 'train' || !isHeldOut(noun, place, motion));
    const group = motions.map((motion) => sampleScene(random.int(2 ** 31), { ...one, motions: [motion] }));
    scenes.push(...group.slice(0, count - scenes.length));
  }
  return scenes;
}

/** The task of training both towers from scratch on the world. */
export function contrastiveTask(recipe: ContrastiveRecipe, atlas: Atlas): TrainingTask {
  const tokenizer = worldTokenizer();
  const { batch, vision, text } = recipe;
  const edge = vision.imageSize;

  const lossOf = (kind: string) => {
    const length = lengthOf[kind as CaptionKind];
    const scope = parameterScope();
    const pooled = input('pooled', [batch, length]);
    const { loss, logits, words } = contrastiveLoss(scope.parameters, text, vision, {
      inputIds: input('ids', [batch, length], 'int32'),
      pooled,
      pixels: input('pixels', [batch, 3, edge, edge]),
    });
    const said = saidLoss(scope.parameters, words, pooled);
    return { scope, graph: { loss: add(loss, said), parts: { contrast: loss, said } }, logits };
  };

  const feedsOf = (
    kind: CaptionKind,
    random: Random,
    world: WorldOptions,
    alike = random.chance(recipe.alike),
  ): Record<string, Tensor> => {
    const size = { frames: 1, width: edge, height: edge };
    const scenes = alike
      ? drawAlike(random, batch, world)
      : Array.from({ length: batch }, () => sampleScene(random.int(2 ** 31), world));
    const captions = scenes.map((scene) => describe(scene, random.int(2 ** 31), kind));
    const { ids } = tokenBatch(
      tokenizer,
      captions.map(({ text: words }) => words),
      lengthOf[kind],
    );
    const draw = alike || random.chance(recipe.moments) ? drawMoments : drawFrame;
    const clips = scenes.map((scene) => ({ frames: draw(scene, atlas, edge, random), window: wholeFrame(size) }));
    const pixels = { ...clipBatch(clips, size), shape: [batch, 3, edge, edge] };
    const said = saidFeeds(
      scenes,
      captions.map(({ hypernym }) => hypernym),
    );
    return { ids, pooled: pooledPositions(text, ids), pixels, ...said };
  };

  const inspect = async (state: AdamState) => {
    const { logits } = lossOf('full');
    const weights = views(state.layout, state.ema);
    const session = await openRuntimeSession(compile({ outputs: { logits }, weights: (name) => weights[name] }));
    const retrieval = async (holdOut: 'train' | 'heldout', alike: boolean): Promise<number> => {
      const results = await session.run(feedsOf('full', randomOf(77), { ...recipe.world, holdOut }, alike));
      const scores = results['logits']!.data as Float32Array;
      const rows = Array.from({ length: batch }, (_, i) => scores.subarray(i * batch, (i + 1) * batch));
      return rows.filter((row, i) => row.every((score) => score <= row[i]!)).length / batch;
    };
    const found = { retrieval: await retrieval('heldout', false), retrievalAlike: await retrieval('train', true) };
    await session.release();
    return found;
  };

  return {
    layout: flatLayout(lossOf('full').scope.specs()),
    lossOf,
    batch: (step, index) => {
      const random = randomOf(step * 64 + index, 5);
      const kind = random.pick(['tag', 'plain', 'full'] as const);
      return Promise.resolve({
        bucket: kind,
        samples: batch,
        feeds: feedsOf(kind, random, { ...recipe.world, holdOut: 'train' }),
      });
    },
    inspect,
  };
}
