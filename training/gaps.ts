// What a falling loss hides: whether the model reads its caption. The held-out loss with one word of the caption made wrong,
// against the loss with the right one, at several noise levels. A gap of zero means that the word is not read.
import type { AdamState } from '../graph/adamw.ts';
import { views } from '../graph/adamw.ts';
import { compile } from '../graph/compile.ts';
import { openRuntimeSession } from '../graph/session.ts';
import { floats, sizeOf, tensor } from '../graph/tensor.ts';
import type { Tensor } from '../graph/tensor.ts';
import { layoutChannels } from '../dit/layout-channels.ts';
import { fillNormal } from '../dit/noise.ts';
import { createRandom } from '../dit/random.ts';
import { actorWeights } from './latent-source.ts';
import { bucketName, giveLayouts, modelLatents, stacked, transformerLoss, worldOf } from './transformer.ts';
import type { TransformerBucket, TransformerRecipe, TransformerSources } from './transformer.ts';
import { caption } from './world/captions.ts';
import { randomOf } from './world/random.ts';
import { sampleScene } from './world/scene.ts';
import type { Scene } from './world/scene.ts';

const levels = [0.5, 0.7, 0.85, 0.95] as const;
const changes = ['noun', 'motion', 'place'] as const;
type Change = (typeof changes)[number];

/** The scene with its first actor, its motion or its place exchanged for another of the recipe's. */
function changed(scene: Scene, change: Change, { world }: TransformerRecipe): Scene {
  const random = randomOf(scene.seed, 21);
  const [first, ...rest] = scene.actors as [Scene['actors'][number], ...Scene['actors'][number][]];
  const other = <T>(all: readonly T[], own: T): T =>
    random.pick(all.length > 1 ? all.filter((one) => one !== own) : all);
  if (change === 'place') return { ...scene, place: other(world.places, scene.place) };
  if (change === 'noun') return { ...scene, actors: [{ ...first, noun: other(world.nouns, first.noun) }, ...rest] };
  return { ...scene, actors: [{ ...first, motion: other(world.motions, first.motion) }, ...rest] };
}

/** The loss of each sample, with a training's averaged weights. */
async function openLoss(
  recipe: TransformerRecipe,
  autoencoder: TransformerSources['autoencoder'],
  bucket: TransformerBucket,
  state: AdamState,
) {
  const { graph, shape, perFrame } = transformerLoss(recipe, autoencoder, bucket);
  const weights = views(state.layout, state.ema);
  const outputs = { perSample: graph.perSample };
  return {
    session: await openRuntimeSession(compile({ outputs, weights: (name) => weights[name] })),
    shape,
    perFrame,
  };
}

const sigmaAt = (level: number, shape: readonly number[]): Tensor =>
  tensor(new Float32Array(sizeOf(shape)).fill(level), shape);

/** Relative gaps `gap.<what>@<level>` on `count` held-out scenes of a bucket's shape, and `heldout@<level>`, the loss itself. */
export async function captionGaps(
  recipe: TransformerRecipe,
  sources: TransformerSources,
  state: AdamState,
  bucket: TransformerBucket,
  count = 32,
): Promise<Record<string, number>> {
  const { autoencoder, states } = sources;
  const batch = { ...bucket, batch: 8 };
  const { session, shape, perFrame } = await openLoss(recipe, autoencoder, batch, state);
  const sums = new Map<string, number>();
  for (let from = 0; from < count; from += batch.batch) {
    const scenes = Array.from({ length: batch.batch }, (_, i) =>
      sampleScene(8_000_000 + from + i, { ...worldOf(recipe, bucket), holdOut: 'heldout' }),
    );
    const fixed = {
      clips: stacked(await modelLatents(scenes, { ...sources, config: recipe.config }, { bucket }), shape),
      noise: tensor(fillNormal(createRandom(31, from), new Float32Array(sizeOf(shape))), shape),
      weights: stacked(
        scenes.map((scene) => actorWeights(scene, bucket, autoencoder, recipe.actorWeight)),
        [batch.batch, 1, ...shape.slice(2)],
      ),
    };
    for (const change of ['right', ...changes] as const) {
      const shown = change === 'right' ? scenes : scenes.map((scene) => changed(scene, change, recipe));
      const words = await states(shown.map((scene) => caption(scene, scene.seed, 'plain')));
      for (const level of levels) {
        const sigma = sigmaAt(level, perFrame ? [batch.batch, shape[2]!] : [batch.batch]);
        const results = await session.run({ ...fixed, ...words, sigma });
        const total = floats(results['perSample']!).reduce((a, b) => a + b, 0);
        const key = `${change}@${level}`;
        sums.set(key, (sums.get(key) ?? 0) + total / count);
      }
    }
  }
  await session.release();
  return gapsOf(sums, bucketName(bucket));
}

/** `gap.path@0.85`: how much worse the loss of held-out clips on paths gets with the layout of another one of them. */
export async function layoutGap(
  recipe: TransformerRecipe,
  sources: TransformerSources,
  state: AdamState,
  bucket: TransformerBucket,
): Promise<Record<string, number>> {
  const [count, level] = [16, 0.85];
  const batch = { ...bucket, batch: count };
  const { session, shape, perFrame } = await openLoss(recipe, sources.autoencoder, batch, state);
  const scenes = Array.from({ length: count }, (_, i) =>
    sampleScene(8_000_000 + i, { ...worldOf(recipe, bucket), holdOut: 'heldout' }),
  );
  const rows = await modelLatents(scenes, { ...sources, config: recipe.config }, { bucket: batch });
  const layout = layoutChannels(recipe.config, sources.autoencoder.zDim);
  const latents = rows[0]!.length * (1 - layout / recipe.config.outChannels);
  const fixed = {
    ...(await sources.states(scenes.map((scene) => caption(scene, scene.seed, 'plain')))),
    weights: stacked(
      scenes.map((scene) => actorWeights(scene, bucket, sources.autoencoder, recipe.actorWeight)),
      [count, 1, ...shape.slice(2)],
    ),
    sigma: sigmaAt(level, perFrame ? [count, shape[2]!] : [count]),
  };
  const lossWith = async (layoutFrom: number): Promise<number> => {
    const shown = rows.map((row, i) => {
      const own = row.slice();
      own.set(rows[(i + layoutFrom) % count]!.subarray(latents), latents);
      return own;
    });
    const clips = stacked(shown, shape);
    const noise = tensor(fillNormal(createRandom(31, 0), new Float32Array(sizeOf(shape))), shape);
    giveLayouts(clips, noise, scenes, layout);
    const { perSample } = await session.run({ ...fixed, clips, noise });
    return floats(perSample!).reduce((a, b) => a + b, 0);
  };
  const gap = (await lossWith(1)) / (await lossWith(0)) - 1;
  await session.release();
  return { [`gap.path@${level}.${bucketName(bucket)}`]: Number(gap.toFixed(4)) };
}

function gapsOf(sums: ReadonlyMap<string, number>, bucket: string): Record<string, number> {
  const lines: Record<string, number> = {};
  for (const level of levels) {
    const right = sums.get(`right@${level}`)!;
    lines[`heldout@${level}.${bucket}`] = Number(right.toFixed(4));
    for (const change of changes)
      lines[`gap.${change}@${level}.${bucket}`] = Number((sums.get(`${change}@${level}`)! / right - 1).toFixed(4));
  }
  return lines;
}
