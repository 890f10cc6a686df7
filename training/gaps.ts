// What a falling loss hides: whether the model reads its caption. The held-out loss with one word of the caption made wrong,
// against the loss with the right one, at several noise levels. A gap of zero means that the word is not read.
import type { AdamState } from '../graph/adamw.ts';
import { views } from '../graph/adamw.ts';
import { compile } from '../graph/compile.ts';
import { openRuntimeSession } from '../graph/session.ts';
import { floats, sizeOf, tensor } from '../graph/tensor.ts';
import { fillNormal } from '../dit/noise.ts';
import { createRandom } from '../dit/random.ts';
import { actorWeights } from './latent-source.ts';
import { bucketName, modelLatents, stacked, transformerLoss, worldOf } from './transformer.ts';
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
  const { graph, shape, perFrame } = transformerLoss(recipe, autoencoder, batch);
  const weights = views(state.layout, state.ema);
  const session = await openRuntimeSession(
    compile({ outputs: { perSample: graph.perSample }, weights: (name) => weights[name] }),
  );
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
        const sigmaShape = perFrame ? [batch.batch, shape[2]!] : [batch.batch];
        const sigma = tensor(new Float32Array(sizeOf(sigmaShape)).fill(level), sigmaShape);
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
