// A model is quantised once, block by block, and rendered with what was made; what loses too much stays as it is.
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { floats, type Tensor, tensor } from '../../graph/tensor.ts';
import { float32ToFloat16 } from '../../io/float16.ts';
import { openSafetensors, readTensor, writeSafetensors } from '../../io/safetensors.ts';
import { loadRequestedModel } from '../../jobs/adapted-model.ts';
import { generate } from '../../jobs/generate.ts';
import { checkMemory } from '../../jobs/memory.ts';
import { quantiseModel } from '../../jobs/quantise-model.ts';
import { parseRequest } from '../../jobs/request.ts';
import { resolveRequest } from '../../jobs/resolve-request.ts';
import { scratch, settingsIn, sharedScratch } from './scratch.ts';
import { writeTinyModel } from './tiny-model.ts';

const shared = await sharedScratch();
const settings = settingsIn(shared);
const folder = join(shared, 'models', 'tiny');
const outlier = 'blocks.1.ffn.net.2.weight';

/** One weight of a layer is far out. */
async function spoil(path: string, name: string): Promise<void> {
  const file = await openSafetensors(path);
  const tensors = await Promise.all([...file.tensors.keys()].map(async (key) => [key, await readTensor(file, key)] as const)); // prettier-ignore
  floats(new Map(tensors).get(name)!)[0] = 40;
  await writeSafetensors(path, tensors);
}

beforeAll(async () => {
  await writeTinyModel(folder, { family: 'wan2.1', boundary: 0.875 });
  await spoil(join(folder, 'transformer', 'diffusion_pytorch_model.safetensors'), outlier);
});

const render = async (more: object) => {
  const output = join(await scratch(), 'clip.mp4');
  return generate({ prompt: 'a cat', model: 'tiny', seed: 1, output, ...more }, { settings, engine: 'local' });
};

it('refuses to render with a copy that is not there, and names the command that makes it', async () => {
  await expect(render({ weights: 'int8' })).rejects.toThrow(
    'tessera models quantize tiny --to int8 --parts transformer',
  );
  await expect(quantiseModel('tiny', settings, { to: 'int8', parts: ['vae'] })).rejects.toThrow('parts (=vae)');
});

it('goes on where it was broken off, and says what each layer loses', async () => {
  const controller = new AbortController();
  const onProgress = ({ matrix }: { matrix: string }) => void (matrix.startsWith('blocks.1.') && controller.abort());
  const broken = quantiseModel('tiny', settings, { to: 'int8', signal: controller.signal, onProgress });
  await expect(broken).rejects.toMatchObject({ code: 'CANCELLED' });
  const first = join(folder, '.tessera', 'transformer-int8', 'blocks.0.safetensors');
  const before = await stat(first);

  const [high, low] = await quantiseModel('tiny', settings, { to: 'int8' });
  expect((await stat(first)).ino).toBe(before.ino);
  expect(high).toMatchObject({ part: 'transformer', matrices: 20 });
  expect(low).toMatchObject({ part: 'transformer_2', matrices: 20 });
  const kept = high!.layers.filter(({ isRounded }) => !isRounded);
  expect(kept).toMatchObject([{ name: outlier, reason: expect.stringContaining('more than 2 %') as string }]);
  expect(Math.max(...low!.layers.map(({ error }) => error))).toBeLessThan(0.01);

  const again = await quantiseModel('tiny', settings, { to: 'int8' });
  expect(again.map(({ missingBytes }) => missingBytes)).toEqual([0, 0]);
});

it('renders with it: another clip, the same one each time, and its record says so', async () => {
  await quantiseModel('tiny', settings, { to: 'int8' });
  await quantiseModel('tiny', settings, { to: 'int4' });
  const modes = { weights: 'int8', textWeights: 'int4' };
  const [plain, one, two] = [await render({}), await render(modes), await render(modes)];
  expect(one.clips[0]!.sha256).toBe(two.clips[0]!.sha256);
  expect(one.clips[0]!.sha256).not.toBe(plain.clips[0]!.sha256);
  expect(one.model.fingerprint).not.toBe(plain.model.fingerprint);
  expect(JSON.parse(await readFile(one.clips[0]!.sidecar, 'utf8'))).toMatchObject({ request: modes });
});

it('is refused before anything is opened where weights cannot be held so', async () => {
  const request = parseRequest({ prompt: 'a cat', model: 'tiny', weights: 'int8' });
  const model = await loadRequestedModel(request, settings);
  const held = model.weightBytes!.steps;
  expect(held).toBeGreaterThan(20_000);
  const [one] = resolveRequest(request, model);
  expect(() => checkMemory(model, one!, held - 1)).toThrow('As f16 they stay in their files');
});

it('says which layers a LoRA leaves unrounded, and counts what they take', async () => {
  await quantiseModel('tiny', settings, { to: 'int8' });
  const lora = join(await scratch(), 'lora.safetensors');
  const [rank, width] = [2, 32];
  const layers = ['blocks.0.attn1.to_q', 'blocks.1.attn1.to_k'];
  const halves = layers.flatMap((name): [string, Tensor][] => [
    [`${name}.lora_A.weight`, tensor(new Float32Array(rank * width).fill(0.1), [rank, width])],
    [`${name}.lora_B.weight`, tensor(new Float32Array(width * rank).fill(0.1), [width, rank])],
  ]);
  await writeSafetensors(lora, halves);
  const [plain, adapted] = [
    await loadRequestedModel({ model: 'tiny', weights: 'int8' }, settings),
    await loadRequestedModel({ model: 'tiny', weights: 'int8', lora: [`high=${lora}`] }, settings),
  ];
  expect(plain.notices ?? []).toEqual([]);
  expect(adapted.notices).toEqual([
    'A LoRA changes 2 layers that weights (=int8) rounded. They are not rounded any longer, which takes about 6 kB more memory.',
  ]);
  // Merged weights of 32 bits stay in their file.
  const { weights } = adapted.transformer;
  expect(layers.map((name) => weights(`${name}.weight`)?.dtype)).toEqual(['float32', 'float32']);
  expect((await loadRequestedModel({ model: 'tiny', lora: [lora] }, settings)).notices).toEqual([]);
});

it('changes nothing by f16 where nothing is stored in 16 bits, and says so', async () => {
  const narrow = await writeTinyModel(join(shared, 'models', 'narrow'), { boundary: 0.875 });
  const load = (modes: object) => loadRequestedModel({ model: 'narrow', ...modes }, settings);
  const asked = await load({ weights: 'f16', textWeights: 'f16' });
  expect(asked.fingerprint).toBe((await load({})).fingerprint);
  expect(asked.notices).toEqual([
    'weights (=f16) changes nothing: the transformer of narrow is stored in 32 bits, without 16-bit weights that could stay so.',
    'textWeights (=f16) changes nothing: the text encoder of narrow is stored in 32 bits, without 16-bit weights that could stay so.',
  ]);
  const path = join(narrow, 'transformer_2', 'diffusion_pytorch_model.safetensors');
  const file = await openSafetensors(path);
  const halved = async (name: string): Promise<[string, Tensor]> => {
    const value = await readTensor(file, name);
    return [name, { dtype: 'float16', shape: value.shape, data: float32ToFloat16(floats(value)) }];
  };
  await writeSafetensors(path, await Promise.all([...file.tensors.keys()].map(halved)));
  const [plain, kept] = [await load({}), await load({ weights: 'f16' })];
  expect(kept.notices).toBeUndefined();
  expect(kept.experts!.low.widen).toBe('late');
  expect(kept.fingerprint).not.toBe(plain.fingerprint);
});

it('forgets a copy when the weights have changed', async () => {
  await quantiseModel('tiny', settings, { to: 'int8' });
  await spoil(join(folder, 'transformer', 'diffusion_pytorch_model.safetensors'), 'blocks.0.attn1.to_q.weight');
  await expect(render({ weights: 'int8' })).rejects.toMatchObject({
    code: 'NOT_QUANTISED',
    message: expect.stringMatching(/^weights \(=int8\): tiny has no transformer in int8/) as string,
  });
});
