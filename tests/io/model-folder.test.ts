import { mkdir, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ModelFileError } from '../../graph/errors.ts';
import { tensor } from '../../graph/tensor.ts';
import { openComponent, openModelFolder, requireComponent } from '../../io/model-folder.ts';
import { verifyModelFolder } from '../../io/model-health.ts';
import { readTensor, writeSafetensors } from '../../io/safetensors.ts';

let root: string;
let model: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tessera-models-'));
});
afterAll(() => rm(root, { recursive: true }));
beforeEach(async () => {
  model = await mkdtemp(join(root, 'mödel '));
  await writeModel();
});

const weight = (value: number): ReturnType<typeof tensor> => tensor(new Float32Array([value, 2]), [2]);
const put = (name: string, value: unknown): Promise<void> => writeFile(join(model, name), JSON.stringify(value));

/** A model with one file of weights, one sharded, one component without weights and one that is absent. */
async function writeModel(): Promise<void> {
  for (const folder of ['transformer', 'vae', 'scheduler', 'tokenizer']) await mkdir(join(model, folder));
  await put('model_index.json', {
    _class_name: 'WanPipeline',
    _diffusers_version: '0.35.0',
    boundary_ratio: null,
    image_encoder: [null, null],
    scheduler: ['diffusers', 'UniPCMultistepScheduler'],
    tokenizer: ['transformers', 'T5TokenizerFast'],
    transformer: ['diffusers', 'WanTransformer3DModel'],
    vae: ['diffusers', 'AutoencoderKLWan'],
  });
  await put('transformer/config.json', { _class_name: 'WanTransformer3DModel', num_layers: 2 });
  for (const i of [1, 2]) await writeSafetensors(join(model, `transformer/d-${i}.safetensors`), [[`w${i}`, weight(i)]]);
  await put('transformer/diffusion_pytorch_model.safetensors.index.json', {
    weight_map: { w1: 'd-1.safetensors', w2: 'd-2.safetensors' },
  });
  await put('vae/config.json', { z_dim: 16 });
  await writeSafetensors(join(model, 'vae/diffusion_pytorch_model.safetensors'), [['v', weight(3)]]);
  await put('scheduler/scheduler_config.json', { flow_shift: 5 });
  await put('tokenizer/tokenizer.json', {});
}

describe('a sound model', () => {
  test('opens with configs and weights of each component', async () => {
    const { className, index, components } = await openModelFolder(model);
    expect(className).toBe('WanPipeline');
    expect(index['boundary_ratio']).toBeNull();
    expect(Object.keys(components).sort()).toEqual(['scheduler', 'tokenizer', 'transformer', 'vae']);
    expect(components['transformer']?.config).toMatchObject({ num_layers: 2 });
    expect((await readTensor(components['transformer']!.weights!, 'w2')).data).toEqual(new Float32Array([2, 2]));
    expect([...components['vae']!.weights!.tensors.keys()]).toEqual(['v']);
    expect(components['scheduler']).toMatchObject({ config: { flow_shift: 5 }, weights: undefined });
    expect(components['tokenizer']).toMatchObject({ className: 'T5TokenizerFast', config: {}, weights: undefined });
  });

  test('is healthy', async () => {
    const health = await verifyModelFolder(model, { readAll: true });
    expect(health).toMatchObject({ ok: true, className: 'WanPipeline', parameters: 6, problems: [] });
    const transformer = health.components.find(({ name }) => name === 'transformer');
    expect(transformer?.files).toHaveLength(2);
    expect(transformer?.files[0]).toMatchObject({ tensors: 1, parameters: 2, dtypes: ['float32'] });
  });

  test('one component opens alone', async () => {
    const component = await openComponent(join(model, 'vae'));
    expect(component).toMatchObject({ name: 'vae', config: { z_dim: 16 } });
    expect(component.weights?.tensors.size).toBe(1);
  });

  test.each(['diffusion_pytorch_model.fp16.safetensors', 'model.safetensors', 'anything.safetensors'])(
    'finds weights named %s',
    async (name) => {
      const old = join(model, 'vae/diffusion_pytorch_model.safetensors');
      await writeFile(join(model, 'vae', name), await readFile(old));
      await rm(old);
      expect((await openModelFolder(model)).components['vae']?.weights?.tensors.size).toBe(1);
    },
  );

  test('asking for a component it lacks says which it has', async () => {
    const opened = await openModelFolder(model);
    expect(() => requireComponent(opened, 'image_encoder')).toThrow(
      /no component "image_encoder" \(it has: scheduler, tokenizer, transformer, vae\)/,
    );
    expect(requireComponent(opened, 'vae').name).toBe('vae');
    expect(() => requireComponent(opened, 'constructor')).toThrow(ModelFileError);
  });
});

describe('a damaged model', () => {
  const damages: [string, () => Promise<void>, RegExp][] = [
    [
      'a component without its folder',
      () => rm(join(model, 'vae'), { recursive: true }),
      /vae: there is no such folder/,
    ],
    [
      'a component without weights',
      () => rm(join(model, 'vae/diffusion_pytorch_model.safetensors')),
      /vae: it has no weights/,
    ],
    [
      'a component with pickles only',
      async () => {
        await rm(join(model, 'vae/diffusion_pytorch_model.safetensors'));
        await writeFile(join(model, 'vae/diffusion_pytorch_model.bin'), 'x');
      },
      /vae: .*only as PyTorch pickles/,
    ],
    [
      'shards without their index',
      () => rm(join(model, 'transformer/diffusion_pytorch_model.safetensors.index.json')),
      /transformer: it holds several .safetensors files .* no index/,
    ],
    ['a missing shard', () => rm(join(model, 'transformer/d-2.safetensors')), /d-2.safetensors: there is no such file/],
    [
      'a shard that is cut short',
      () => truncate(join(model, 'transformer/d-2.safetensors'), 68),
      /"w2" of .*d-2.safetensors/,
    ],
    [
      'an empty file of weights',
      () => truncate(join(model, 'vae/diffusion_pytorch_model.safetensors'), 0),
      /vae.diffusion_pytorch_model.safetensors: it has only 0 bytes/,
    ],
    [
      'a config that is no JSON',
      () => writeFile(join(model, 'vae/config.json'), '{'),
      /vae.config.json: it is no valid JSON/,
    ],
    ['a config that is a list', () => put('vae/config.json', []), /vae.config.json: it must hold a JSON object/],
    [
      'an index that is no JSON',
      () => writeFile(join(model, 'model_index.json'), 'x'),
      /model_index.json: it is no valid JSON/,
    ],
    ['an index that is a list', () => put('model_index.json', []), /model_index.json: it must hold a JSON object/],
    ['no index', () => rm(join(model, 'model_index.json')), /there is no model_index.json, so this is no model/],
    [
      'a component outside the folder',
      () => put('model_index.json', { '../../x': ['a', 'B'] }),
      /"..\/..\/x" is no name/,
    ],
    [
      'an LFS pointer',
      () => writeFile(join(model, 'vae/config.json'), 'version https://git-lfs.github.com/spec/v1'),
      /git lfs pull/,
    ],
  ];
  test.each(damages)('%s: open refuses, verify reports', async (_, damage, message) => {
    await damage();
    const error: unknown = await openModelFolder(model).then(() => undefined, (reason: unknown) => reason); // prettier-ignore
    expect(error).toBeInstanceOf(ModelFileError);
    expect((error as Error).message).toMatch(message);
    const health = await verifyModelFolder(model);
    expect(health.ok).toBe(false);
    expect(health.problems.join('\n')).toMatch(message);
  });

  test('verify names every problem at once, and NaN only when it reads all', async () => {
    await writeFile(join(model, 'scheduler/scheduler_config.json'), '');
    await writeSafetensors(join(model, 'vae/diffusion_pytorch_model.safetensors'), [
      ['good', tensor(new Float32Array([3e38]), [1])],
      ['bad', tensor(new Float32Array([NaN, 1, -Infinity]), [3])],
      ['half', { dtype: 'float16', shape: [2], data: new Uint16Array([0x7c00, 0x7bff]) }],
      ['brain', { dtype: 'bfloat16', shape: [1], data: new Uint16Array([0x7f81]) }],
      ['int', { dtype: 'int32', shape: [1], data: new Int32Array([-1]) }],
    ]);
    expect((await verifyModelFolder(model)).problems).toHaveLength(1);
    const { problems } = await verifyModelFolder(model, { readAll: true });
    expect(problems).toHaveLength(4);
    expect(problems.join('\n')).toMatch(
      /scheduler_config.json[^]*"bad" of .*: 2 of 3 values[^]*"half".*: 1 of 2[^]*"brain".*: 1 of 1/,
    );
  });

  test('a path that is no model says what it is', async () => {
    await expect(openModelFolder(join(model, 'vae'))).rejects.toThrow(
      /one component of a model; give the folder above/,
    );
    await expect(openModelFolder(join(model, 'model_index.json'))).rejects.toThrow(
      /this is a file; a model is a folder/,
    );
    await expect(openModelFolder(join(root, 'nothing'))).rejects.toThrow(/no such folder/);
    expect(await verifyModelFolder(join(root, 'nothing'))).toMatchObject({ ok: false, components: [] });
  });

  test('reading all can be stopped', async () => {
    const signal = AbortSignal.abort();
    await expect(verifyModelFolder(model, { readAll: true, signal })).rejects.toThrow(/abort/);
  });
});
