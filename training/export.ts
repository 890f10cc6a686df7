// A training's averaged weights into a model folder, as diffusers and transformers write these classes: fp16 safetensors and a
// config beside them. Each part is exported when its training ends, so the next part trains against the very files that ship.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { encode } from '../compressor/autoencoder.ts';
import type { AdamState } from '../graph/adamw.ts';
import { views } from '../graph/adamw.ts';
import { input } from '../graph/build.ts';
import { compile } from '../graph/compile.ts';
import { parameterScope } from '../graph/parameters.ts';
import { openRuntimeSession } from '../graph/session.ts';
import { floats } from '../graph/tensor.ts';
import type { Tensor } from '../graph/tensor.ts';
import type { Weights } from '../graph/weights.ts';
import { writeJsonFile } from '../io/json.ts';
import { readTensor, writeSafetensors } from '../io/safetensors.ts';
import type { SafetensorsFile } from '../io/safetensors.ts';
import { clipBatch, wholeFrame } from './clip-batch.ts';
import type { AutoencoderRecipe } from './autoencoder.ts';
import { momentsCollector, turnToPrincipalAxes } from './principal-latents.ts';
import type { LatentMoments } from './principal-latents.ts';
import { autoencoderJson, sampling, schedulerJson, textJson, transformerJson, visionJson } from './recipes.ts';
import { maxTextLength, worldTokenizerFiles } from './words.ts';
import type { Atlas } from './world/atlas.ts';
import { renderScene } from './world/render.ts';
import { sampleScene } from './world/scene.ts';

/** One part: its weights in fp16 and its config. */
export async function writePart(
  folder: string,
  file: string,
  tensors: Readonly<Record<string, Tensor>>,
  config: object,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeSafetensors(join(folder, file), Object.entries(tensors), { format: 'pt' }, { floats: 'float16' });
  await writeJsonFile(join(folder, 'config.json'), config, { overwrite: true });
}

/** Mean and covariance of the latents of clips of the world. */
async function latentMoments(
  recipe: AutoencoderRecipe,
  weights: Weights,
  atlas: Atlas,
  clips = 96,
): Promise<LatentMoments> {
  const size = { frames: 17, width: 128, height: 128 };
  const { mean } = encode(parameterScope().parameters, recipe.config, input('video', [1, 3, 17, 128, 128]));
  const session = await openRuntimeSession(compile({ outputs: { mean }, weights }));
  const collector = momentsCollector(recipe.config.zDim);
  for (let i = 0; i < clips; i++) {
    const frames = renderScene(sampleScene(7_000_000 + i, { ...recipe.world, holdOut: 'train' }), atlas, size);
    const video = clipBatch([{ frames, window: wholeFrame(size) }], size);
    collector.add(floats((await session.run({ video }))['mean']!));
  }
  await session.release();
  return collector.moments();
}

/** Its latents are turned to their principal axes on the way (principal-latents.ts). */
export async function exportAutoencoder(
  model: string,
  state: AdamState,
  recipe: AutoencoderRecipe,
  atlas: Atlas,
): Promise<void> {
  const averaged = views(state.layout, state.ema);
  const moments = await latentMoments(recipe, (name) => averaged[name], atlas);
  const { weights, ...statistics } = turnToPrincipalAxes(averaged, recipe.config, moments);
  await writePart(join(model, 'vae'), 'diffusion_pytorch_model.safetensors', weights, {
    ...autoencoderJson,
    ...statistics,
  });
}

/** What learned on, into the autoencoder that `file` is; the rest, the latents' axes and statistics stay. */
export async function exportInto(
  model: string,
  state: AdamState,
  file: SafetensorsFile,
  config: object,
): Promise<void> {
  const learned = views(state.layout, state.ema);
  const weights = { ...(await tensorsOf(file)), ...learned };
  await writePart(join(model, 'vae'), 'diffusion_pytorch_model.safetensors', weights, config);
}

/** All tensors of a file, by their names. */
export async function tensorsOf(file: SafetensorsFile): Promise<Record<string, Tensor>> {
  const tensors: Record<string, Tensor> = {};
  for (const name of file.tensors.keys()) tensors[name] = await readTensor(file, name);
  return tensors;
}

/** Both CLIP towers, each file with the tensors of its own class. @param still tensors of the text tower if it did not learn */
export async function exportTowers(
  model: string,
  state: AdamState,
  still: Readonly<Record<string, Tensor>> = {},
): Promise<void> {
  const all = Object.entries({ ...still, ...views(state.layout, state.ema) });
  const of = (...prefixes: string[]) =>
    Object.fromEntries(all.filter(([name]) => prefixes.some((prefix) => name.startsWith(prefix))));
  await writePart(join(model, 'text_encoder'), 'model.safetensors', of('text_model.', 'text_projection.'), textJson);
  await writePart(
    join(model, 'image_encoder'),
    'model.safetensors',
    of('vision_model.', 'visual_projection.'),
    visionJson,
  );
  const { tokenizer, config } = worldTokenizerFiles();
  await mkdir(join(model, 'tokenizer'), { recursive: true });
  await writeJsonFile(join(model, 'tokenizer', 'tokenizer.json'), tokenizer, { overwrite: true });
  await writeJsonFile(join(model, 'tokenizer', 'tokenizer_config.json'), config, { overwrite: true });
}

export async function exportTransformer(model: string, state: AdamState): Promise<void> {
  await writePart(
    join(model, 'transformer'),
    'diffusion_pytorch_model.safetensors',
    views(state.layout, state.ema),
    transformerJson,
  );
  await writeIndex(model);
}

/** model_index.json, the scheduler's config and Tessera's own defaults. */
async function writeIndex(model: string): Promise<void> {
  const index = {
    _class_name: 'WanPipeline',
    expand_timesteps: true, // a clean first frame may be given
    scheduler: ['diffusers', schedulerJson._class_name],
    text_encoder: ['transformers', 'CLIPTextModelWithProjection'],
    tokenizer: ['transformers', 'PreTrainedTokenizerFast'],
    transformer: ['diffusers', 'WanTransformer3DModel'],
    image_encoder: ['transformers', 'CLIPVisionModelWithProjection'],
    vae: ['diffusers', 'AutoencoderKLWan'],
  };
  const defaults = {
    width: 128,
    height: 128,
    frames: 17,
    fps: 8,
    ...sampling,
    max_sequence_length: maxTextLength,
    mask_text_padding: true,
  };
  await mkdir(join(model, 'scheduler'), { recursive: true });
  await writeJsonFile(join(model, 'model_index.json'), index, { overwrite: true });
  await writeJsonFile(join(model, 'scheduler', 'scheduler_config.json'), schedulerJson, { overwrite: true });
  await writeJsonFile(join(model, 'tessera.json'), defaults, { overwrite: true });
}
