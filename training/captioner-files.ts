// nano's captioner as a part of its model folder, captioner/: weights in fp16 and configs under the names that transformers'
// LlavaForConditionalGeneration reads, with its processor's files. A stage goes on from the files of the one before it.
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Tensor } from '../graph/tensor.ts';
import { writeJsonFile } from '../io/json.ts';
import { openComponent } from '../io/model-folder.ts';
import { readTensor, type SafetensorsFile } from '../io/safetensors.ts';
import { InvalidRequestError, ModelFileError } from '../graph/errors.ts';
import { freshCaptioner } from './captioner.ts';
import { type CaptionerRecipe, captionerTokenizerFiles } from './captioner-recipe.ts';
import { writePart } from './export.ts';

const folderOf = (model: string): string => join(model, 'captioner');

async function weightsOf(folder: string): Promise<SafetensorsFile> {
  const { weights } = await openComponent(folder);
  if (weights === undefined) throw new ModelFileError(`${folder} has no weights. Train that part first.`);
  return weights;
}

async function tensorsOf(
  file: SafetensorsFile,
  prefix = '',
  isWanted: (name: string) => boolean = () => true,
): Promise<Record<string, Tensor>> {
  const tensors: Record<string, Tensor> = {};
  for (const name of [...file.tensors.keys()].filter(isWanted)) tensors[prefix + name] = await readTensor(file, name);
  return tensors;
}

/** All tensors of nano's own picture tower, under their names in the captioner; those of its last layers too. */
async function towerOf(model: string): Promise<Record<string, Tensor>> {
  const file = await weightsOf(join(model, 'image_encoder'));
  return tensorsOf(file, 'vision_tower.', (name) => name.startsWith('vision_model.'));
}

/** The captioner that a stage begins with: the one in the model, or for `words`, a fresh one around the model's tower. */
export async function captionerBefore(model: string, recipe: CaptionerRecipe): Promise<Record<string, Tensor>> {
  if (recipe.stage === 'words') return { ...freshCaptioner(recipe), ...(await towerOf(model)) };
  const folder = folderOf(model);
  const isThere = await stat(join(folder, 'config.json')).then(() => true, () => false); // prettier-ignore
  if (!isThere)
    throw new InvalidRequestError(`stage (=${recipe.stage}) goes on from ${folder}, which is not there. Begin with --stage words.`); // prettier-ignore
  return tensorsOf(await weightsOf(folder));
}

/** The file that a later stage takes its first weights from. */
export const captionerFile = (model: string): Promise<SafetensorsFile> => weightsOf(folderOf(model));

/** Writes all of it; `weights` has every tensor. */
export async function exportCaptioner(
  model: string,
  recipe: CaptionerRecipe,
  weights: Readonly<Record<string, Tensor>>,
): Promise<void> {
  const folder = folderOf(model);
  const { tokenizer, config } = captionerTokenizerFiles();
  const { imageSize: edge, patchSize } = recipe.config.vision;
  const half = [0.5, 0.5, 0.5];
  await writePart(folder, 'model.safetensors', weights, recipe.json);
  const files = {
    'tokenizer.json': tokenizer,
    'tokenizer_config.json': config,
    'preprocessor_config.json': {
      image_processor_type: 'CLIPImageProcessor',
      processor_class: 'LlavaProcessor',
      do_resize: true,
      size: { height: edge, width: edge },
      do_center_crop: false,
      do_rescale: true,
      rescale_factor: 1 / 255,
      do_normalize: true,
      image_mean: half,
      image_std: half,
    },
    'processor_config.json': {
      processor_class: 'LlavaProcessor',
      patch_size: patchSize,
      vision_feature_select_strategy: 'default',
      num_additional_image_tokens: 1,
      image_token: '<image>',
    },
  };
  for (const [name, json] of Object.entries(files)) await writeJsonFile(join(folder, name), json, { overwrite: true });
}
