import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseClipTextConfig } from '../../conditioning/clip-text.ts';
import { parseClipVisionConfig } from '../../conditioning/clip-vision.ts';
import { autoencoderParameters } from '../../compressor/autoencoder.ts';
import { parseAutoencoderConfig, spatialFactor } from '../../compressor/config.ts';
import { parseTransformerConfig } from '../../dit/config.ts';
import { LAYOUT_CHANNELS } from '../../dit/layout-channels.ts';
import { createRandom } from '../../dit/random.ts';
import { adamDefaults, flatLayout, initialState, views } from '../../graph/adamw.ts';
import { tensor } from '../../graph/tensor.ts';
import { autoencoderTask, decoderTask } from '../../training/autoencoder.ts';
import { contrastiveTask, pictureTowerTask } from '../../training/contrastive.ts';
import { captionGaps } from '../../training/gaps.ts';
import { actorWeights, latentSource } from '../../training/latent-source.ts';
import { loopDefaults, train } from '../../training/loop.ts';
import type { TrainingTask } from '../../training/loop.ts';
import { promptStates } from '../../training/prompt-states.ts';
import { autoencoderJson, textJson, transformerJson, visionJson } from '../../training/recipes.ts';
import { openRunFolder } from '../../training/run-folder.ts';
import { blurGiven, transformerTask } from '../../training/transformer.ts';
import { loadAtlas } from '../../training/world/atlas.ts';
import type { Atlas } from '../../training/world/atlas.ts';
import { randomOf } from '../../training/world/random.ts';
import { fullWorld, sampleScene } from '../../training/world/scene.ts';

// Nano's own recipes at a fraction of its width: every part of the way from scene to update, in seconds.
const nouns = ['cat', 'apple', 'rocket'];
const world = { ...fullWorld, nouns, styles: ['cartoon'] as const, twoActors: 0 };
const latents = new Array<number>(8);
const autoencoder = parseAutoencoderConfig({
  ...autoencoderJson,
  base_dim: 8,
  z_dim: 8,
  latents_mean: latents.fill(0),
  latents_std: [...latents].fill(1),
});
const tower = {
  hidden_size: 16,
  intermediate_size: 32,
  num_attention_heads: 2,
  projection_dim: 8,
  num_hidden_layers: 1,
};
const text = parseClipTextConfig({ ...textJson, ...tower });
const vision = parseClipVisionConfig({ ...visionJson, ...tower, image_size: 32 });
const transformer = parseTransformerConfig({
  ...transformerJson,
  num_attention_heads: 2,
  attention_head_dim: 12,
  in_channels: 8 + LAYOUT_CHANNELS,
  out_channels: 8 + LAYOUT_CHANNELS,
  text_dim: 16,
  ffn_dim: 32,
  num_layers: 1,
});

let atlas: Atlas;
let folder: string;
beforeAll(async () => {
  atlas = await loadAtlas(['cartoon'], nouns);
  folder = await mkdtemp(join(tmpdir(), 'tessera-tasks-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** Trains for some steps and returns the state and the losses. */
async function learn(task: TrainingTask, steps: number, learningRate: number) {
  const random = randomOf(2);
  const state = initialState(task.layout, () => random.next());
  const run = await openRunFolder(join(folder, String(task.layout.size)));
  const losses: number[] = [];
  const { inspect: _, ...quiet } = task;
  const adam = { ...adamDefaults, learningRate };
  await train(
    quiet,
    run,
    { ...loopDefaults, steps, warmupSteps: 3, adam },
    { state, onProgress: ({ loss }) => losses.push(loss) },
  );
  return { state, losses };
}

const average = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

describe('the training tasks', () => {
  it('teaches the autoencoder pictures and clips', async () => {
    const recipe = {
      config: autoencoder,
      weights: { kl: 1e-4, squared: 2, edges: 0.5 },
      noiseScale: 0.1,
      world,
      buckets: [
        { frames: 1, edge: 64, window: 32, batch: 4, share: 1 },
        { frames: 5, edge: 64, window: 32, batch: 2, share: 1 },
      ],
    };
    const task = autoencoderTask(recipe, atlas, () => join(folder, 'sheet.png'));
    const { losses } = await learn(task, 160, 2e-3);
    expect(average(losses.slice(-10))).toBeLessThan(0.75 * average(losses.slice(0, 5)));
  });

  it('teaches the decoder alone to read a frozen encoder', async () => {
    const random = randomOf(4);
    const layout = flatLayout(autoencoderParameters(autoencoder));
    const weights = views(layout, initialState(layout, () => random.next()).parameters);
    const recipe = {
      config: autoencoder,
      weights: { kl: 0, squared: 2, edges: 0.5 },
      noiseScale: 0.05,
      world,
      buckets: [{ frames: 5, edge: 64, window: 32, batch: 2, share: 1 }],
    };
    const task = decoderTask(
      recipe,
      atlas,
      (name) => weights[name],
      () => join(folder, 'decoder.png'),
    );
    expect(task.layout.specs.every(({ name }) => /^(decoder|post_quant_conv)/.test(name))).toBe(true);
    const { losses, state } = await learn(task, 70, 8e-3);
    expect(average(losses.slice(-10))).toBeLessThan(0.8 * average(losses.slice(0, 3)));
    expect(await task.inspect!(state)).toHaveProperty('psnr');
  });

  it('teaches the towers to find a caption its picture', async () => {
    const task = contrastiveTask({ text, vision, world, batch: 8, moments: 0.3, alike: 0.3 }, atlas);
    const { losses, state } = await learn(task, 60, 3e-3);
    expect(average(losses.slice(-15))).toBeLessThan(average(losses.slice(0, 5)) - 0.2);
    const { retrieval } = (await task.inspect!(state)) as { retrieval: number };
    expect(retrieval).toBeGreaterThanOrEqual(0);
  });

  it('teaches the picture tower alone to a text tower that stays', async () => {
    const random = randomOf(6);
    const recipe = { text, vision, world, batch: 8, moments: 0.3, alike: 0.3 };
    const { layout } = contrastiveTask(recipe, atlas);
    const weights = views(layout, initialState(layout, () => random.next()).parameters);
    const task = pictureTowerTask(recipe, atlas, (name) => weights[name]);
    expect(task.layout.specs.filter(({ name }) => name.startsWith('text_model.'))).toEqual([]);
    const { losses, state } = await learn(task, 60, 3e-3);
    expect(average(losses.slice(-15))).toBeLessThan(average(losses.slice(0, 5)) - 0.2);
    expect(await task.inspect!(state)).toHaveProperty('retrieval');
  });

  it('teaches the transformer, the same batches for the same steps, and measures what it reads', async () => {
    const random = randomOf(3);
    const vaeTask = autoencoderTask(
      {
        config: autoencoder,
        weights: { kl: 0, squared: 1, edges: 0 },
        noiseScale: 0,
        world,
        buckets: [{ frames: 1, edge: 32, window: 32, batch: 1, share: 1 }],
      },
      atlas,
      () => '',
    );
    const clipTask = contrastiveTask({ text, vision, world, batch: 2, moments: 0, alike: 0 }, atlas);
    const weightsOf = (task: TrainingTask) => {
      const tensors = views(task.layout, initialState(task.layout, () => random.next()).parameters);
      return (name: string) => tensors[name];
    };
    const sources = {
      autoencoder,
      latents: latentSource(autoencoder, weightsOf(vaeTask), { atlas, keep: 100 }),
      states: promptStates(text, weightsOf(clipTask)),
    };
    const recipe = {
      config: transformer,
      world,
      buckets: [
        { frames: 1, width: 32, height: 32, batch: 4, share: 1 },
        { frames: 5, width: 48, height: 32, batch: 2, share: 1 },
        { frames: 5, width: 48, height: 32, batch: 2, share: 0.5, given: { first: 1, last: 0 } },
      ],
      sigma: { kind: 'logit-normal', mean: 0, std: 1, shift: 1 },
      actorWeight: 3,
      layoutWeight: 5,
      captionDropout: 0.1,
      firstFrameGiven: 0.5,
      scenes: 50,
      captions: ['plain'],
    } as const;
    const task = transformerTask(recipe, sources);
    const [once, again] = [await task.batch(7, 0), await task.batch(7, 0)];
    expect(again).toEqual(once);
    const { losses, state } = await learn(task, 40, 3e-3);
    expect(average(losses.slice(-10))).toBeLessThan(average(losses.slice(0, 5)));
    const gaps = await captionGaps(recipe, sources, state, recipe.buckets[1], 8);
    expect(Object.keys(gaps)).toContain('gap.noun@0.85.5x48x32');
  });

  it('puts noise on what is given, and on nothing else', () => {
    const clips = tensor(new Float32Array(2 * 3 * 4 * 2), [2, 3, 4, 1, 2]); // of 3 channels one is layout
    blurGiven(clips, [{ first: 2, last: 1 }, { first: 0, last: 0 }], 2, { draws: createRandom(1), most: 0.2 }); // prettier-ignore
    const changed = Array.from(clips.data as Float32Array, (value, i) => (value === 0 ? -1 : i)).filter((i) => i >= 0);
    const frames = [0, 1, 3].flatMap((frame) => [2 * frame, 2 * frame + 1]);
    expect(changed).toEqual([...frames, ...frames.map((at) => at + 8)]);
    expect(Math.max(...(clips.data as Float32Array))).toBeLessThan(0.2 * 5);
  });

  it('weighs the cells that an actor passes through', () => {
    const size = { frames: 5, width: 64, height: 64 };
    const scene = sampleScene(4, {
      ...world,
      motions: ['still'],
      positionJitter: 0,
      sizeRange: [0.5, 0.5],
      cameraMoves: 0,
    });
    const weights = actorWeights(scene, size, autoencoder, 3);
    const cells = size.width / spatialFactor(autoencoder);
    expect(weights).toHaveLength(2 * cells * cells);
    expect(new Set(weights)).toEqual(new Set([1, 3]));
    expect(new Set(weights.slice(0, cells))).toEqual(new Set([1])); // nobody at the top
  });
});
