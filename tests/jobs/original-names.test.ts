// Models in Wan's own spelling are the same models.
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { originalVaeName } from '../../compressor/original-names.ts';
import { parseTransformerConfig } from '../../dit/config.ts';
import { originalName } from '../../dit/original-names.ts';
import { isStored } from '../../graph/weights.ts';
import { openSafetensors, readTensor, writeSafetensors } from '../../io/safetensors.ts';
import { loadModel } from '../../jobs/model.ts';
import { verifyModel } from '../../jobs/verify-model.ts';
import { scratch, settingsIn, sharedScratch } from './scratch.ts';
import { writeTinyModel } from './tiny-model.ts';

const shared = await sharedScratch();
const settings = settingsIn(shared);
const tiny = join(shared, 'tiny');
beforeAll(() => writeTinyModel(tiny, { family: 'wan2.1' }));

async function respell(file: string, rename: (name: string) => string): Promise<readonly string[]> {
  const found = await openSafetensors(file);
  const names = [...found.tensors.keys()];
  const entries = await Promise.all(names.map(async (name) => [rename(name), await readTensor(found, name)] as const));
  await writeSafetensors(file, entries);
  return names;
}

describe('a model in the original spelling', () => {
  it.each(['', 'model.diffusion_model.'])('is read by the same names, under the prefix "%s"', async (prefix) => {
    const folder = await writeTinyModel(join(await scratch(), 'original'), { family: 'wan2.1' });
    const file = (part: string): string => join(folder, part, 'diffusion_pytorch_model.safetensors');
    const names = await respell(file('transformer'), (name) => prefix + originalName(name));
    const vaeNames = await respell(file('vae'), originalVaeName);
    const json = JSON.parse(await readFile(join(folder, 'transformer/config.json'), 'utf8')) as Record<string, number>;
    await writeFile(
      join(folder, 'transformer/config.json'),
      JSON.stringify({
        _class_name: 'WanModel',
        model_type: 't2v',
        dim: 32,
        num_heads: 2,
        num_layers: 2,
        in_dim: 8,
        out_dim: 8,
        ffn_dim: 64,
        freq_dim: 32,
        text_dim: json['text_dim'],
      }),
    );
    const [spelled, plain] = [await loadModel(folder, settings), await loadModel(tiny, settings)];
    expect(spelled.transformer.config).toEqual(plain.transformer.config);
    expect((await verifyModel(folder, settings)).problems).toEqual([]);
    for (const [part, all] of [
      ['transformer', names],
      ['autoencoder', vaeNames],
    ] as const) {
      // prettier-ignore
      for (const name of all) {
        const [one, other] = [spelled[part].weights(name), plain[part].weights(name)];
        expect(await bytesOf(one), name).toEqual(await bytesOf(other));
      }
    }
  });

  it('names what is missing by the file', async () => {
    const folder = await writeTinyModel(join(await scratch(), 'original'), { family: 'wan2.1' });
    const file = join(folder, 'transformer/diffusion_pytorch_model.safetensors');
    await respell(file, (name) => (name.includes('1.attn2.to_k.weight') ? 'other' : originalName(name)));
    expect((await verifyModel(folder, settings)).problems.join()).toContain('blocks.1.attn2.to_k.weight');
    await rm(file);
    await writeFile(join(folder, 'transformer/model.pth'), 'pickle');
    await expect(loadModel(folder, settings)).rejects.toThrow('only as PyTorch pickles');
  });
});

async function bytesOf(source: ReturnType<Awaited<ReturnType<typeof loadModel>>['transformer']['weights']>) {
  if (source === undefined || !isStored(source)) throw new Error('not stored');
  return (await readFile(source.path)).subarray(source.byteOffset, source.byteOffset + source.byteLength);
}

describe('originalName', () => {
  it.each([
    ['blocks.3.attn1.to_q.weight', 'blocks.3.self_attn.q.weight'],
    ['blocks.3.attn1.to_out.0.bias', 'blocks.3.self_attn.o.bias'],
    ['blocks.3.attn2.norm_k.weight', 'blocks.3.cross_attn.norm_k.weight'],
    ['blocks.3.attn2.add_k_proj.weight', 'blocks.3.cross_attn.k_img.weight'],
    ['blocks.3.attn2.norm_added_k.weight', 'blocks.3.cross_attn.norm_k_img.weight'],
    ['blocks.3.norm2.weight', 'blocks.3.norm3.weight'],
    ['blocks.3.scale_shift_table', 'blocks.3.modulation'],
    ['blocks.3.ffn.net.0.proj.weight', 'blocks.3.ffn.0.weight'],
    ['blocks.3.ffn.net.2.bias', 'blocks.3.ffn.2.bias'],
    ['scale_shift_table', 'head.modulation'],
    ['proj_out.weight', 'head.head.weight'],
    ['patch_embedding.weight', 'patch_embedding.weight'],
    ['condition_embedder.time_proj.weight', 'time_projection.1.weight'],
    ['condition_embedder.image_embedder.ff.net.2.weight', 'img_emb.proj.3.weight'],
    ['condition_embedder.image_embedder.pos_embed', 'img_emb.emb_pos'],
    ['vace_blocks.0.proj_in.weight', 'vace_blocks.0.before_proj.weight'],
  ])('%s is %s', (name, original) => {
    expect(originalName(name)).toBe(original);
  });

  it('knows the autoencoder of Wan 2.1 too', () => {
    expect(originalVaeName('decoder.up_blocks.1.resnets.0.conv_shortcut.weight')).toBe(
      'decoder.upsamples.4.shortcut.weight',
    );
    expect(originalVaeName('decoder.up_blocks.2.upsamplers.0.resample.1.bias')).toBe(
      'decoder.upsamples.11.resample.1.bias',
    );
    expect(originalVaeName('encoder.down_blocks.2.time_conv.weight')).toBe('encoder.downsamples.2.time_conv.weight');
    expect(originalVaeName('encoder.mid_block.resnets.1.norm2.gamma')).toBe('encoder.middle.2.residual.3.gamma');
    expect(originalVaeName('encoder.mid_block.attentions.0.to_qkv.weight')).toBe('encoder.middle.1.to_qkv.weight');
    expect(originalVaeName('decoder.norm_out.gamma')).toBe('decoder.head.0.gamma');
  });

  it('reads the original config of an image-to-video model', () => {
    const config = parseTransformerConfig({
      ...{ _class_name: 'WanModel', model_type: 'i2v', dim: 5120, ffn_dim: 13824, num_heads: 40, num_layers: 40 },
      ...{ in_dim: 36, out_dim: 16, freq_dim: 256, eps: 1e-6, text_len: 512 },
    });
    expect(config).toMatchObject({
      headDim: 128,
      inChannels: 36,
      outChannels: 16,
      imageDim: 1280,
      attendsToImage: true,
    });
  });
});
