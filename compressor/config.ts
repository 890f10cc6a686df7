// The configuration of a Wan autoencoder, read from and written to the config.json of diffusers' AutoencoderKLWan.
// Wan 2.1 is flat (`is_residual` false, no patches), Wan 2.2 is residual and packs patches of pixels into channels.
// Spelling of the keys, `temperal_downsample` among them, is the reference's.
import { z } from 'zod';
import { ModelFileError } from '../graph/errors.ts';

/** What the autoencoder is made of. Channels are those after patches were packed, as in the file. */
export interface AutoencoderConfig {
  readonly baseDim: number;
  readonly decoderBaseDim: number;
  readonly zDim: number;
  /** Width of each level, from the pixels inwards, as a multiple of the base width. */
  readonly dimMult: readonly number[];
  readonly numResBlocks: number;
  /** Scales (1, 1/2, 1/4, ...) at which the flat encoder attends within frames. Empty in every published model. */
  readonly attnScales: readonly number[];
  /** Whether time is halved too, for each of the `dimMult.length - 1` spatial halvings, from the pixels inwards. */
  readonly temporalDownsample: readonly boolean[];
  readonly isResidual: boolean;
  readonly inChannels: number;
  readonly outChannels: number;
  /** Edge in pixels of the patches packed into channels; 1 for none. */
  readonly patchSize: number;
  readonly latentsMean: readonly number[];
  readonly latentsStd: readonly number[];
}

const WAN21_MEAN = [
  -0.7571, -0.7089, -0.9113, 0.1075, -0.1745, 0.9653, -0.1517, 1.5508, 0.4134, -0.0715, 0.5517, -0.3632, -0.1922,
  -0.9497, 0.2503, -0.2921,
];
const WAN21_STD = [
  2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743, 3.2687, 2.1526, 2.8652, 1.5579, 1.6382, 1.1253,
  2.8251, 1.916,
];

const count = z.int().positive();
const ConfigFile = z.object({
  _class_name: z.literal('AutoencoderKLWan').optional(),
  base_dim: count.default(96),
  decoder_base_dim: count.nullish(),
  z_dim: count.default(16),
  dim_mult: z.array(z.number().positive()).min(1).default([1, 2, 4, 4]),
  num_res_blocks: count.default(2),
  attn_scales: z.array(z.number()).default([]),
  temperal_downsample: z.array(z.boolean()).default([false, true, true]),
  is_residual: z.boolean().default(false),
  in_channels: count.default(3),
  out_channels: count.default(3),
  patch_size: count.nullish(),
  latents_mean: z.array(z.number()).default(WAN21_MEAN),
  latents_std: z.array(z.number().positive()).default(WAN21_STD),
});

/**
 * Reads a parsed config.json; keys left out take the reference's defaults, which are Wan 2.1.
 * @param source where the JSON came from, for messages
 * @throws ModelFileError naming the key that does not fit
 */
export function parseAutoencoderConfig(json: unknown, source = 'vae/config.json'): AutoencoderConfig {
  const parsed = ConfigFile.safeParse(json);
  if (!parsed.success) {
    throw new ModelFileError(`${source} is no autoencoder configuration: ${z.prettifyError(parsed.error)}`, {
      cause: parsed.error,
    });
  }
  const file = parsed.data;
  const config = {
    baseDim: file.base_dim,
    decoderBaseDim: file.decoder_base_dim ?? file.base_dim,
    zDim: file.z_dim,
    dimMult: file.dim_mult,
    numResBlocks: file.num_res_blocks,
    attnScales: file.attn_scales,
    temporalDownsample: file.temperal_downsample,
    isResidual: file.is_residual,
    inChannels: file.in_channels,
    outChannels: file.out_channels,
    patchSize: file.patch_size ?? 1,
    latentsMean: file.latents_mean,
    latentsStd: file.latents_std,
  };
  const problem = inconsistency(config);
  if (problem !== undefined) throw new ModelFileError(`${source}: ${problem}`);
  return config;
}

/** The config.json that diffusers reads for this configuration. */
export function autoencoderConfigJson(config: AutoencoderConfig): Record<string, unknown> {
  return {
    _class_name: 'AutoencoderKLWan',
    attn_scales: config.attnScales,
    base_dim: config.baseDim,
    decoder_base_dim: config.decoderBaseDim === config.baseDim ? null : config.decoderBaseDim,
    dim_mult: config.dimMult,
    dropout: 0,
    in_channels: config.inChannels,
    is_residual: config.isResidual,
    latents_mean: config.latentsMean,
    latents_std: config.latentsStd,
    num_res_blocks: config.numResBlocks,
    out_channels: config.outChannels,
    patch_size: config.patchSize === 1 ? null : config.patchSize,
    scale_factor_spatial: spatialFactor(config),
    scale_factor_temporal: temporalFactor(config),
    temperal_downsample: config.temporalDownsample,
    z_dim: config.zDim,
  };
}

/** Pixels along one edge of a latent position: 8 for Wan 2.1, 16 for Wan 2.2. */
export function spatialFactor(config: AutoencoderConfig): number {
  return config.patchSize * 2 ** (config.dimMult.length - 1);
}

/** Frames to a latent frame, after the first, which stands for one frame: 4 for every published model. */
export function temporalFactor(config: AutoencoderConfig): number {
  return 2 ** config.temporalDownsample.filter(Boolean).length;
}

/** One level of the encoder or decoder, in the order in which it runs. */
export interface Level {
  readonly inDim: number;
  readonly outDim: number;
  /** How the level ends: resampled in height and width (`space`), in time as well (`both`), or not (the last level). */
  readonly resample: 'none' | 'space' | 'both';
}

/** The encoder's levels, from the pixels inwards. */
export function encoderLevels(config: AutoencoderConfig): Level[] {
  const dims = [1, ...config.dimMult].map((mult) => config.baseDim * mult);
  return levels(dims, config.temporalDownsample);
}

/** The decoder's levels, from the latents outwards. The flat decoder's resampling halves the width, hence the inDim. */
export function decoderLevels(config: AutoencoderConfig): Level[] {
  const mults = [...config.dimMult].reverse();
  const dims = [mults[0]!, ...mults].map((mult) => config.decoderBaseDim * mult);
  const plain = levels(dims, [...config.temporalDownsample].reverse());
  if (config.isResidual) return plain;
  return plain.map((level, i) => (i === 0 ? level : { ...level, inDim: Math.floor(level.inDim / 2) }));
}

function levels(dims: readonly number[], halvesTime: readonly boolean[]): Level[] {
  return dims.slice(1).map((outDim, i) => {
    const isLast = i === dims.length - 2;
    return { inDim: dims[i]!, outDim, resample: isLast ? 'none' : halvesTime[i] ? 'both' : 'space' };
  });
}

function inconsistency(config: AutoencoderConfig): string | undefined {
  const { zDim, dimMult, temporalDownsample, inChannels, outChannels, patchSize } = config;
  if (config.latentsMean.length !== zDim || config.latentsStd.length !== zDim) {
    return `latents_mean (${config.latentsMean.length} numbers) and latents_std (${config.latentsStd.length}) must have one for each of the z_dim=${zDim} channels.`;
  }
  if (temporalDownsample.length !== dimMult.length - 1) {
    return `temperal_downsample must have one entry less than dim_mult (${dimMult.length}), but has ${temporalDownsample.length}.`;
  }
  if (inChannels % patchSize ** 2 !== 0 || outChannels % patchSize ** 2 !== 0) {
    return `in_channels=${inChannels} and out_channels=${outChannels} must be multiples of patch_size² = ${patchSize ** 2}.`;
  }
  const widths = [...encoderLevels(config), ...decoderLevels(config)].flatMap((level) => [level.inDim, level.outDim]);
  if (!widths.every(Number.isInteger)) return `dim_mult gives widths that are no whole numbers: ${widths.join(', ')}.`;
  return config.isResidual ? unevenShortcut(config) : undefined;
}

/** The residual shortcuts average or repeat channels in equal groups, so neighbouring widths must divide. */
function unevenShortcut(config: AutoencoderConfig): string | undefined {
  const averaged = encoderLevels(config).filter((level) => (level.inDim * positionsMerged(level)) % level.outDim !== 0);
  const repeated = decoderLevels(config).filter(
    (level) => level.resample !== 'none' && (level.outDim * positionsMerged(level)) % level.inDim !== 0,
  );
  const [level] = [...averaged, ...repeated];
  if (level === undefined) return undefined;
  return (
    `dim_mult=[${config.dimMult.join(', ')}] makes a residual level of ${level.inDim} to ${level.outDim} channels, ` +
    `which its shortcut cannot share evenly. The last two entries must be equal, the others powers of two apart.`
  );
}

function positionsMerged(level: Level): number {
  return { none: 1, space: 4, both: 8 }[level.resample];
}
