// Batches of captions and pictures of the world, for the towers' training.
import { pooledPositions } from '../conditioning/clip-text.ts';
import type { ClipTextConfig } from '../conditioning/clip-text.ts';
import type { TextTokenizer } from '../conditioning/tokenizer.ts';
import type { Tensor } from '../graph/tensor.ts';
import { sceneMoments } from './scene-pictures.ts';
import { clipBatch, wholeFrame } from './clip-batch.ts';
import { tokenBatch } from './words.ts';
import type { Atlas } from './world/atlas.ts';
import { describe } from './world/captions.ts';
import type { CaptionKind } from './world/captions.ts';
import { isHeldOut } from './world/heldout.ts';
import type { Random } from './world/random.ts';
import { renderScene } from './world/render.ts';
import { sampleScene } from './world/scene.ts';
import type { Scene, WorldOptions } from './world/scene.ts';

export interface PairsRecipe {
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

export interface Pairs {
  readonly scenes: readonly Scene[];
  readonly captions: readonly string[];
  /** Whether a caption only hints at its noun ("an animal"). */
  readonly hinted: readonly boolean[];
  /** Whether the pictures show four moments, so that motion can be seen. */
  readonly inMoments: boolean;
  /** [B,length] int32 */
  readonly ids: Tensor;
  /** [B,length], 1 at the end of each caption. */
  readonly pooled: Tensor;
  /** [B,3,edge,edge] in [-1,1]. */
  readonly pixels: Tensor;
}

/** One frame of a clip: the first, middle or last. */
function drawFrame(scene: Scene, atlas: Atlas, edge: number, random: Random): Uint8Array {
  const frames = renderScene(scene, atlas, { frames: 3, width: edge, height: edge });
  return frames.subarray(random.int(3) * edge * edge * 3).subarray(0, edge * edge * 3);
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

export interface PairsChoice {
  readonly kind: CaptionKind;
  /** Tokens of a caption, padded. */
  readonly length: number;
  readonly holdOut: 'train' | 'heldout';
  readonly alike?: boolean;
}

/** What towers of these shapes are shown. @param edge pixels of a picture's side */
export function pairsSource(
  { world: anywhere, batch, ...shares }: PairsRecipe,
  atlas: Atlas,
  {
    text,
    tokenizer,
    edge,
  }: { readonly text: ClipTextConfig; readonly tokenizer: TextTokenizer; readonly edge: number },
) {
  return (random: Random, choice: PairsChoice): Pairs => {
    const world = { ...anywhere, holdOut: choice.holdOut };
    const alike = choice.alike ?? random.chance(shares.alike);
    const scenes = alike
      ? drawAlike(random, batch, world)
      : Array.from({ length: batch }, () => sampleScene(random.int(2 ** 31), world));
    const described = scenes.map((scene) => describe(scene, random.int(2 ** 31), choice.kind));
    const captions = described.map(({ text: words }) => words);
    const { ids } = tokenBatch(tokenizer, captions, choice.length);
    const inMoments = alike || random.chance(shares.moments);
    const size = { frames: 1, width: edge, height: edge };
    const pictures = scenes.map((scene) => ({
      frames: inMoments ? sceneMoments(scene, atlas, edge) : drawFrame(scene, atlas, edge, random),
      window: wholeFrame(size),
    }));
    return {
      scenes,
      captions,
      hinted: described.map(({ hypernym }) => hypernym),
      inMoments,
      ids,
      pooled: pooledPositions(text, ids),
      pixels: { ...clipBatch(pictures, size), shape: [batch, 3, edge, edge] },
    };
  };
}
