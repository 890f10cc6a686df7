// LoRA files in every spelling change the same tensors by the same amount.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { matchAdapters } from '../../dit/lora.ts';
import { floats, type Tensor, tensor } from '../../graph/tensor.ts';
import { isStored, type Weights } from '../../graph/weights.ts';
import { readStored, writeSafetensors } from '../../io/safetensors.ts';
import { loadRequestedModel } from '../../jobs/adapted-model.ts';
import { generate } from '../../jobs/generate.ts';
import { parseLora } from '../../jobs/lora.ts';
import { loadModel } from '../../jobs/model.ts';
import { scratch, settingsIn, sharedScratch } from './scratch.ts';
import { writeTinyModel } from './tiny-model.ts';

const shared = await sharedScratch();
const settings = settingsIn(shared);
beforeAll(() => writeTinyModel(join(shared, 'models', 'tiny')));

const width = 32;
const rank = 2;
const up = Float32Array.from({ length: width * rank }, (_, i) => Math.sin(i));
const down = Float32Array.from({ length: rank * width }, (_, i) => Math.cos(i));
const [A, B] = [tensor(down, [rank, width]), tensor(up, [width, rank])];
const alpha = tensor(Float32Array.of(1), []);
const target = 'blocks.1.attn1.to_q.weight';

const spellings: Readonly<Record<string, Record<string, Tensor>>> = {
  'PEFT under diffusers names': {
    'transformer.blocks.1.attn1.to_q.lora_A.weight': A,
    'transformer.blocks.1.attn1.to_q.lora_B.weight': B,
  },
  'Wan names, A and B': {
    'diffusion_model.blocks.1.self_attn.q.lora_A.weight': A,
    'diffusion_model.blocks.1.self_attn.q.lora_B.weight': B,
    'diffusion_model.blocks.1.self_attn.q.alpha': tensor(Float32Array.of(rank), []),
  },
  'Wan names, down and up': {
    'diffusion_model.blocks.1.self_attn.q.lora_down.weight': A,
    'diffusion_model.blocks.1.self_attn.q.lora_up.weight': B,
  },
  kohya: {
    'lora_unet_blocks_1_self_attn_q.lora_down.weight': A,
    'lora_unet_blocks_1_self_attn_q.lora_up.weight': B,
  },
};

async function write(tensors: Readonly<Record<string, Tensor>>): Promise<string> {
  const path = join(await scratch(), 'lora.safetensors');
  await writeSafetensors(path, Object.entries(tensors));
  return path;
}

async function valuesOf(weights: Weights, name: string): Promise<Float32Array> {
  const source = weights(name)!;
  return floats(isStored(source) ? await readStored(source) : source);
}

async function changeOf(lora: readonly string[], name = target, loraLenient = false): Promise<number[]> {
  const [plain, adapted] = [
    await loadModel('tiny', settings),
    await loadRequestedModel({ model: 'tiny', lora: [...lora], loraLenient }, settings),
  ];
  const before = await valuesOf(plain.transformer.weights, name);
  return [...(await valuesOf(adapted.transformer.weights, name))].map((value, i) => value - before[i]!);
}

const product = (scale: number): number[] =>
  Array.from({ length: width * width }, (_, i) => {
    const [row, column] = [Math.floor(i / width), i % width];
    return scale * (up[row * rank]! * down[column]! + up[row * rank + 1]! * down[width + column]!);
  });

function expectClose(actual: readonly number[], wanted: readonly number[]): void {
  const worst = Math.max(...actual.map((value, i) => Math.abs(value - wanted[i]!)));
  expect(worst).toBeLessThan(1e-5);
}

describe('a LoRA', { timeout: 120_000 }, () => {
  it.each(Object.keys(spellings))('is merged: %s', async (name) => {
    const path = await write(spellings[name]!);
    expectClose(await changeOf([path]), product(1));
    expectClose(await changeOf([path], 'blocks.0.attn1.to_q.weight'), new Array<number>(width * width).fill(0));
  });

  it('is scaled by alpha / rank and by its weight, and several add up', async () => {
    const one = await write({ ...spellings['kohya'], 'lora_unet_blocks_1_self_attn_q.alpha': alpha });
    expectClose(await changeOf([`${one}:0.5`]), product(0.5 / rank));
    const other = await write(spellings['PEFT under diffusers names']!);
    expectClose(await changeOf([`${one}:0.5`, `${other}:-2`]), product(0.5 / rank - 2));
  });

  it('may change tensors by whole differences, in the original spelling', async () => {
    const ones = tensor(new Float32Array(width).fill(1), [width]);
    const path = await write({
      'diffusion_model.blocks.0.norm3.diff': ones,
      'diffusion_model.blocks.0.self_attn.q.diff_b': ones,
      'diffusion_model.blocks.0.diff_m': tensor(new Float32Array(6 * width).fill(1), [1, 6, width]),
    });
    const expected = new Array<number>(width).fill(2);
    expectClose(await changeOf([`${path}:2`], 'blocks.0.norm2.weight'), expected);
    expectClose(await changeOf([`${path}:2`], 'blocks.0.attn1.to_q.bias'), expected);
    expectClose(await changeOf([`${path}:2`], 'blocks.0.scale_shift_table'), new Array<number>(6 * width).fill(2));
  });

  it('with names that match nothing is refused, unless it may be lenient', async () => {
    const strange = {
      ...spellings['kohya'],
      'lora_te_text_model_1.lora_up.weight': B,
      'blocks.9.attn1.to_q.lora_A.weight': A,
    };
    const path = await write(strange);
    await expect(changeOf([path])).rejects.toThrow(
      /2 of its tensors match nothing in this model: blocks\.9\.attn1\.to_q\.lora_A\.weight, lora_te_text_model_1\.lora_up\.weight.*--lora-lenient/,
    );
    expectClose(await changeOf([path], target, true), product(1));
    const { notices } = await loadRequestedModel({ model: 'tiny', lora: [path], loraLenient: true }, settings);
    expect(notices).toEqual([
      `${path}: 2 of its tensors match nothing in this model: blocks.9.attn1.to_q.lora_A.weight, lora_te_text_model_1.lora_up.weight. They are left out.`,
    ]);
    const half = await write({ 'blocks.1.attn1.to_q.lora_A.weight': A });
    await expect(changeOf([half], target, true)).rejects.toThrow('nothing in it changes this model');
  });

  it('says in a render what it left out', async () => {
    const path = await write({ ...spellings['kohya'], 'lora_te_text_model_1.lora_up.weight': B });
    const output = join(await scratch(), 'clip.mp4');
    const request = { prompt: 'a cat', model: 'tiny', steps: 1, frames: 1, lora: [path], loraLenient: true, output };
    const { notices } = await generate(request, { settings, engine: 'local' });
    expect(notices.filter((notice) => notice.includes('lora_te_text_model_1'))).toHaveLength(1);
  });

  it('of another width is refused with the name of the tensor', async () => {
    const path = await write({
      'transformer.blocks.1.attn1.to_q.lora_A.weight': tensor(new Float32Array(rank * 48), [rank, 48]),
      'transformer.blocks.1.attn1.to_q.lora_B.weight': B,
    });
    await expect(changeOf([path])).rejects.toThrow(
      /"transformer\.blocks\.1\.attn1\.to_q\.lora_A\.weight" of .* does not fit/,
    );
  });

  it('renders another clip, the same one each time, and is merged once', async () => {
    const path = await write(spellings['kohya']!);
    const folder = await scratch();
    const own = { ...settings, cacheFolder: join(folder, 'cache') };
    const render = async (name: string, lora?: string[]): Promise<string | undefined> => {
      const request = { prompt: 'a cat', model: 'tiny', steps: 2, output: join(folder, name), ...(lora && { lora }) };
      return (await generate(request, { settings: own, engine: 'local' })).clips[0]!.sha256;
    };
    const [plain, one, same, none] = [
      await render('plain.mp4'),
      await render('one.mp4', [`${path}:3`]),
      await render('same.mp4', [`${path}:3`]),
      await render('none.mp4', [`${path}:0`]),
    ];
    expect(one).not.toBe(plain);
    expect(same).toBe(one);
    expect(none).not.toBe(one);
    expect(await readdir(join(own.cacheFolder, 'merged'))).toHaveLength(2);
  });
});

describe('parseLora', () => {
  it.each([
    ['/a/b.safetensors', '/a/b.safetensors', 1],
    ['/a/b.safetensors:0.5', '/a/b.safetensors', 0.5],
    ['/a:b/c.safetensors', '/a:b/c.safetensors', 1],
  ])('reads %s', (text, path, weight) => {
    expect(parseLora(text)).toEqual({ path, weight });
  });
  it('refuses other weights', () => {
    expect(() => parseLora('x.safetensors:much')).toThrow('must be a number');
  });
});

describe('matchAdapters', () => {
  it('keeps names apart that underscores make alike', () => {
    const { adapters, unmatched } = matchAdapters(
      [
        'lora_unet_blocks_11_ffn_0.lora_up.weight',
        'lora_unet_blocks_11_ffn_0.lora_down.weight',
        'lora_unet_blocks_1_1_ffn_0.alpha',
      ],
      ['blocks.1.ffn.net.0.proj.weight', 'blocks.11.ffn.net.0.proj.weight'],
    );
    expect([...adapters.keys()]).toEqual(['blocks.11.ffn.net.0.proj.weight']);
    expect(unmatched).toEqual(['lora_unet_blocks_1_1_ffn_0.alpha']);
  });

  it('changes one of two experts where it says which', async () => {
    await writeTinyModel(join(shared, 'models', 'pair'), { boundary: 0.8 });
    const path = await write(spellings['kohya']!);
    const plain = await loadModel('pair', settings);
    const { transformer, experts } = await loadRequestedModel({ model: 'pair', lora: [`low=${path}:2`] }, settings);
    const low = await valuesOf(experts!.low.weights, target);
    expect(await valuesOf(transformer.weights, target)).toEqual(await valuesOf(plain.transformer.weights, target));
    expect(low).not.toEqual(await valuesOf(plain.experts!.low.weights, target));
    await expect(loadRequestedModel({ model: 'tiny', lora: [`low=${path}`] }, settings)).rejects.toThrow(
      'has one transformer',
    );
  });
});
