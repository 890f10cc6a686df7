import { cp, rm, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { ModelFileError } from '../../graph/errors.ts';
import { checkModelSize, edgeMultiple, loadModel } from '../../jobs/model.ts';
import { findModel, listModels } from '../../jobs/model-names.ts';
import { verifyModel } from '../../jobs/verify-model.ts';
import { scratch, settingsIn, sharedScratch } from './scratch.ts';
import { writeTinyModel } from './tiny-model.ts';

const shared = await sharedScratch();
const tiny = join(shared, 'models', 'tiny');
const settings = settingsIn(shared);
beforeAll(() => writeTinyModel(tiny));

/** A copy of the model with one file changed. */
async function damaged(file: string, change: (text: string) => string): Promise<string> {
  const folder = join(await scratch(), 'model');
  await cp(tiny, folder, { recursive: true });
  await writeFile(join(folder, file), change(await readFile(join(folder, file), 'utf8')));
  return folder;
}

const changeJson = (edit: (json: Record<string, unknown>) => object) => (text: string) =>
  JSON.stringify(edit(JSON.parse(text) as Record<string, unknown>));

describe('loadModel', () => {
  it('reads parts, text length and defaults', async () => {
    const model = await loadModel(tiny, settings);
    expect(model.transformer.config.outChannels).toBe(model.autoencoder.config.zDim);
    expect(model.textLength).toBe(12);
    expect(model.defaults).toMatchObject({ width: 32, frames: 5, steps: 4, guidance: 3, negativePrompt: '' });
    expect(edgeMultiple(model)).toBe(16);
  });

  it('finds models by name, and names the same content alike wherever it lies', async () => {
    const [byName, byPath] = [await loadModel('tiny', settings), await loadModel(tiny, settings)];
    expect(byName.name).toBe('tiny');
    expect(byPath.name).toBe(tiny);
    expect(byName.fingerprint).toBe(byPath.fingerprint);
  });

  it('tells other weights apart', async () => {
    const other = await writeTinyModel(join(await scratch(), 'other'), { seed: 2 });
    const [first, second] = [await loadModel(tiny, settings), await loadModel(other, settings)];
    expect(first.fingerprint).not.toBe(second.fingerprint);
    expect(first.textEncoder.modelId).not.toBe(second.textEncoder.modelId);
  });

  it('takes the defaults of the published families where the folder says nothing', async () => {
    const folder = await damaged('model_index.json', (text) => text);
    await rm(join(folder, 'tessera.json'));
    const model = await loadModel(folder, settings);
    expect(model.textLength).toBe(512);
    expect(model.defaults).toMatchObject({ width: 832, height: 480, frames: 81, fps: 16, steps: 50, guidance: 5 });
  });

  it('knows two experts by their boundary', async () => {
    const folder = await writeTinyModel(join(await scratch(), 'experts'), { boundary: 0.875 });
    const model = await loadModel(folder, settings);
    expect(model.experts?.boundary).toBe(875);
  });

  it('learns from the scheduler that the transformer predicts the clip', async () => {
    expect((await loadModel(await writeTinyModel(join(await scratch(), 'flow')), settings)).transformer.config.prediction).toBe('flow_prediction'); // prettier-ignore
    const scheduler = { _class_name: 'UniPCMultistepScheduler', prediction_type: 'sample', use_flow_sigmas: true };
    const folder = await damaged(
      'scheduler/scheduler_config.json',
      changeJson(() => scheduler),
    );
    expect((await loadModel(folder, settings)).transformer.config.prediction).toBe('sample');
  });

  it.each([
    ['model_index.json', () => '{"_class_name": "WanPipeline"', 'model_index.json: it is no valid JSON'],
    ['tessera.json', () => '{"steps": "many"}', 'tessera.json: '],
    ['vae/config.json', changeJson((json) => ({ ...json, z_dim: 16 })), 'latents_mean'],
    ['transformer/config.json', changeJson((json) => ({ ...json, text_dim: 64 })), 'text states 64 wide'],
    ['transformer/diffusion_pytorch_model.safetensors', () => 'no weights', 'diffusion_pytorch_model.safetensors'],
    ['scheduler/scheduler_config.json', changeJson(() => ({ _class_name: 'DDIMScheduler' })), 'scheduler_config.json'],
  ] as const)('says what is wrong with %s', async (file, change, words) => {
    const folder = await damaged(file, change);
    const loading = loadModel(folder, settings);
    await expect(loading).rejects.toThrow(words);
    await expect(loading).rejects.toBeInstanceOf(ModelFileError);
  });

  it('says what is missing', async () => {
    const folder = await damaged('model_index.json', (text) => text);
    await rm(join(folder, 'vae'), { recursive: true });
    await expect(loadModel(folder, settings)).rejects.toThrow(/vae: there is no such folder/);
  });

  it('names the nearest sizes', async () => {
    const model = await loadModel(tiny, settings);
    expect(() => checkModelSize(model, { frames: 50, width: 100, height: 32 })).toThrow(
      'frames (=50) must be 4k+1 for this model. Use 49 or 53. width (=100) must be a multiple of 16 for this model. Use 96 or 112.',
    );
  });
});

describe('findModel', () => {
  it('refuses names that are not there, and tells which are', async () => {
    await expect(findModel('wan', settings)).rejects.toThrow(/There is tiny\..*\.\/wan/);
    await expect(findModel('./wan', settings)).rejects.toThrow('there is no such folder');
  });

  it('lists each name once, in the order of the folders', async () => {
    const twice = { ...settings, modelFolders: [...settings.modelFolders, join(shared, 'models'), '/nowhere'] };
    expect(await listModels(twice)).toEqual([{ name: 'tiny', folder: tiny }]);
  });
});

describe('verifyModel', () => {
  it('finds nothing wrong with a sound model', async () => {
    expect(await verifyModel(tiny, settings, { readAll: true })).toMatchObject({ ok: true, problems: [] });
  });

  it('finds configs that ask for other weights', async () => {
    const folder = await damaged(
      'transformer/config.json',
      changeJson((json) => ({ ...json, num_layers: 3 })),
    );
    const { ok, problems } = await verifyModel(folder, settings);
    expect(ok).toBe(false);
    expect(problems.join()).toContain('blocks.2');
  });

  it('finds files that were cut short', async () => {
    const folder = await damaged('vae/config.json', (text) => text);
    const weights = join(folder, 'vae', 'diffusion_pytorch_model.safetensors');
    await writeFile(weights, (await readFile(weights)).subarray(0, -4));
    expect((await verifyModel(folder, settings)).problems.join()).toContain('diffusion_pytorch_model.safetensors');
  });
});
