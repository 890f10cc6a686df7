// The configuration of a Wan transformer, read from and written to the config.json of diffusers' WanTransformer3DModel.
import { z } from 'zod';
import { ModelFileError } from '../graph/errors.ts';

/** What a transformer gives: the velocity, or the clean latents. Its config.json does not tell, the scheduler's does. */
export type Prediction = 'flow_prediction' | 'sample';

/** What the transformer is made of. */
export interface TransformerConfig {
  /** Latent frames, rows and columns that one token stands for. */
  readonly patchSize: readonly [number, number, number];
  readonly heads: number;
  readonly headDim: number;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly textDim: number;
  readonly freqDim: number;
  readonly ffnDim: number;
  readonly layers: number;
  readonly crossAttnNorm: boolean;
  readonly eps: number;
  /** Width of the image tokens of image-to-video models, else null. */
  readonly imageDim: number | null;
  /** Whether text cross-attention has a second branch for image tokens. */
  readonly attendsToImage: boolean;
  /** Image tokens of the first and the last frame together, in first-and-last-frame models, else null. */
  readonly posEmbedLength: number | null;
  /** VACE: behind which blocks its hints are added, and the channels of its control latents; else null. */
  readonly vace: { readonly layers: readonly number[]; readonly inChannels: number } | null;
  readonly prediction: Prediction;
}

/** Width D of the tokens. */
export const width = (config: TransformerConfig): number => config.heads * config.headDim;

const count = z.int().positive();
const ConfigFile = z.object({
  _class_name: z.enum(['WanTransformer3DModel', 'WanVACETransformer3DModel']).optional(),
  patch_size: z.tuple([count, count, count]).default([1, 2, 2]),
  num_attention_heads: count.default(40),
  attention_head_dim: z.int().min(6).multipleOf(2).default(128),
  in_channels: count.default(16),
  out_channels: count.nullish(),
  text_dim: count.default(4096),
  freq_dim: z.int().positive().multipleOf(2).default(256),
  ffn_dim: count.default(13824),
  num_layers: count.default(40),
  cross_attn_norm: z.boolean().default(true),
  qk_norm: z.literal('rms_norm_across_heads').default('rms_norm_across_heads'),
  eps: z.number().positive().default(1e-6),
  image_dim: count.nullish(),
  added_kv_proj_dim: count.nullish(),
  pos_embed_seq_len: z.int().positive().multipleOf(2).nullish(),
  vace_layers: z.array(z.int().min(0)).min(1).default([0, 5, 10, 15, 20, 25, 30, 35]),
  vace_in_channels: count.default(96),
});

/**
 * Reads a parsed config.json; keys left out take the reference's defaults, which are Wan 2.1 14B.
 * @param source where the JSON came from, for messages
 * @throws ModelFileError naming the key that does not fit
 */
export function parseTransformerConfig(
  json: unknown,
  source = 'transformer/config.json',
  prediction: Prediction = 'flow_prediction',
): TransformerConfig {
  const parsed = ConfigFile.safeParse(fromOriginal(json));
  if (!parsed.success) {
    throw new ModelFileError(`${source} is no transformer configuration: ${z.prettifyError(parsed.error)}`, {
      cause: parsed.error,
    });
  }
  const file = parsed.data;
  const config = {
    patchSize: file.patch_size,
    heads: file.num_attention_heads,
    headDim: file.attention_head_dim,
    inChannels: file.in_channels,
    outChannels: file.out_channels ?? file.in_channels,
    textDim: file.text_dim,
    freqDim: file.freq_dim,
    ffnDim: file.ffn_dim,
    layers: file.num_layers,
    crossAttnNorm: file.cross_attn_norm,
    eps: file.eps,
    imageDim: file.image_dim ?? null,
    attendsToImage: file.added_kv_proj_dim != null,
    posEmbedLength: file.pos_embed_seq_len ?? null,
    vace: vaceOf(file, source),
    prediction,
  };
  const added = file.added_kv_proj_dim;
  if (added != null && added !== width(config)) {
    throw new ModelFileError(
      `${source}: added_kv_proj_dim (=${added}) must be the width of the tokens, num_attention_heads x attention_head_dim = ${width(config)}.`,
    );
  }
  if (config.attendsToImage !== (config.imageDim !== null)) {
    throw new ModelFileError(`${source}: image_dim and added_kv_proj_dim must both be set or both be null.`);
  }
  return config;
}

function vaceOf(file: z.infer<typeof ConfigFile>, source: string): TransformerConfig['vace'] {
  if (file._class_name !== 'WanVACETransformer3DModel') return null;
  const layers = file.vace_layers;
  if (layers[0] !== 0 || layers.some((layer) => layer >= file.num_layers)) {
    throw new ModelFileError(
      `${source}: vace_layers must begin with 0 and stay below num_layers (=${file.num_layers}).`,
    );
  }
  return { layers, inChannels: file.vace_in_channels };
}

const OriginalFile = z.looseObject({
  _class_name: z.enum(['WanModel', 'VaceWanModel']),
  model_type: z.enum(['t2v', 'i2v', 'flf2v', 'ti2v', 'vace']).optional(),
  dim: count,
  ffn_dim: count,
  num_heads: count,
  num_layers: count,
  in_dim: count,
  out_dim: count,
  freq_dim: count.optional(),
  eps: z.number().optional(),
  vace_layers: z.array(z.int()).optional(),
  vace_in_dim: count.optional(),
});

/** Width of the tokens of the CLIP tower that Wan 2.1's own image-to-video models look through. */
const ORIGINAL_IMAGE_DIM = 1280;

/** The config.json of Wan's own code in the words of diffusers; any other is returned as it is. */
function fromOriginal(json: unknown): unknown {
  const parsed = OriginalFile.safeParse(json);
  if (!parsed.success) return json;
  const file = parsed.data;
  const looks = file.model_type === 'i2v' || file.model_type === 'flf2v';
  return {
    ...(file._class_name === 'VaceWanModel' && { _class_name: 'WanVACETransformer3DModel' }),
    ...(file.vace_layers && { vace_layers: file.vace_layers }),
    ...(file.vace_in_dim !== undefined && { vace_in_channels: file.vace_in_dim }),
    num_attention_heads: file.num_heads,
    attention_head_dim: file.dim / file.num_heads,
    in_channels: file.in_dim,
    out_channels: file.out_dim,
    ffn_dim: file.ffn_dim,
    num_layers: file.num_layers,
    ...(file.freq_dim !== undefined && { freq_dim: file.freq_dim }),
    ...(file.eps !== undefined && { eps: file.eps }),
    ...(typeof file['text_dim'] === 'number' && { text_dim: file['text_dim'] }),
    ...(Array.isArray(file['patch_size']) && { patch_size: file['patch_size'] }),
    ...(looks && { image_dim: ORIGINAL_IMAGE_DIM, added_kv_proj_dim: file.dim }),
    ...(file.model_type === 'flf2v' && { pos_embed_seq_len: 514 }),
  };
}

/** The config.json that diffusers reads for this configuration. */
export function transformerConfigJson(config: TransformerConfig): Record<string, unknown> {
  return {
    _class_name: config.vace === null ? 'WanTransformer3DModel' : 'WanVACETransformer3DModel',
    ...(config.vace && { vace_layers: config.vace.layers, vace_in_channels: config.vace.inChannels }),
    added_kv_proj_dim: config.attendsToImage ? width(config) : null,
    attention_head_dim: config.headDim,
    cross_attn_norm: config.crossAttnNorm,
    eps: config.eps,
    ffn_dim: config.ffnDim,
    freq_dim: config.freqDim,
    image_dim: config.imageDim,
    in_channels: config.inChannels,
    num_attention_heads: config.heads,
    num_layers: config.layers,
    out_channels: config.outChannels,
    patch_size: config.patchSize,
    pos_embed_seq_len: config.posEmbedLength,
    qk_norm: 'rms_norm_across_heads',
    rope_max_seq_len: 1024,
    text_dim: config.textDim,
  };
}
