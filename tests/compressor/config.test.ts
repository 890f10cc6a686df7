import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { autoencoderParameters } from '../../compressor/autoencoder.ts';
import {
  autoencoderConfigJson,
  parseAutoencoderConfig,
  spatialFactor,
  temporalFactor,
} from '../../compressor/config.ts';
import { ModelFileError } from '../../graph/errors.ts';
import { openSafetensors } from '../../io/safetensors.ts';
import { goldenCases, readGolden } from '../goldens/folder.ts';
import { forms, residual } from './models.ts';

describe('parseAutoencoderConfig', () => {
  it('takes Wan 2.1 for what is left out', () => {
    const config = parseAutoencoderConfig({});
    expect([spatialFactor(config), temporalFactor(config)]).toEqual([8, 4]);
    expect(config).toMatchObject({ baseDim: 96, decoderBaseDim: 96, zDim: 16, patchSize: 1, isResidual: false });
  });

  it('gives compression 16x16x4 to Wan 2.2', () => {
    expect([spatialFactor(residual), temporalFactor(residual)]).toEqual([16, 4]);
  });

  it.each(Object.entries(forms))('reads what it has written (%s)', (_, config) => {
    expect(parseAutoencoderConfig(JSON.parse(JSON.stringify(autoencoderConfigJson(config))))).toEqual(config);
  });

  const wan22 = { is_residual: true, z_dim: 16 };
  it.each([
    [{ base_dim: 'wide' }, /vae\.json.*base_dim/s],
    [{ _class_name: 'AutoencoderKL' }, /_class_name/],
    [{ z_dim: 8 }, /latents_mean \(16 numbers\).*z_dim=8/],
    [{ temperal_downsample: [true] }, /temperal_downsample must have one entry less than dim_mult \(4\), but has 1/],
    [{ patch_size: 2 }, /in_channels=3.*patch_size² = 4/],
    [{ base_dim: 6, dim_mult: [1, 1.25, 2, 2] }, /no whole numbers/],
    [{ ...wan22, dim_mult: [1, 2, 4], temperal_downsample: [true, true] }, /cannot share evenly.*last two/],
  ])('says which key does not fit: %j', (json, message) => {
    expect(() => parseAutoencoderConfig(json, 'vae.json')).toThrow(ModelFileError);
    expect(() => parseAutoencoderConfig(json, 'vae.json')).toThrow(message);
  });
});

describe.each(goldenCases('wan_vae'))('parameters of wan_vae/%s', (name) => {
  it('have the names and shapes of the reference, all of them and no others', async () => {
    const { config, folder } = await readGolden('wan_vae', name);
    const file = await openSafetensors(join(folder, 'diffusion_pytorch_model.safetensors'));
    const stored = Object.fromEntries([...file.tensors].map(([tensor, { shape }]) => [tensor, [...shape]]));
    const asked = autoencoderParameters(parseAutoencoderConfig(config)).map((spec) => [spec.name, [...spec.shape]]);
    expect(Object.fromEntries(asked)).toEqual(stored);
  });
});
