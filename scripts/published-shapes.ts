// The shapes of Wan's published checkpoints, as the config.json files of their diffusers folders say them. The numbers follow
// diffusers' scripts/convert_wan_to_diffusers.py, the picture tower is open_clip's ViT-H/14 as transformers' CLIPVisionModel.
import { parseTransformerConfig, transformerConfigJson } from '../dit/config.ts';

export type Json = Readonly<Record<string, unknown>>;

/** A checkpoint's parts: what model_index.json says of them, and their configs. */
export interface PublishedShape {
  readonly transformer: Json;
  readonly vae: Json;
  readonly pipeline: string;
  /** Of two experts: where transformer_2 takes over. */
  readonly boundary?: number;
  /** Has a picture tower beside it. */
  readonly looks?: true;
  /** Takes a first frame by timesteps for each token. */
  readonly expandsTimesteps?: true;
  readonly shift: number;
}

const small = { num_attention_heads: 12, ffn_dim: 8960, num_layers: 30 };
const large = { num_attention_heads: 40, ffn_dim: 13824, num_layers: 40 };
/** Latents of the picture and its mask behind the noise. */
const channels = { in_channels: 36, out_channels: 16 };
const picture = { ...channels, image_dim: 1280, added_kv_proj_dim: 5120 };
const vace = { _class_name: 'WanVACETransformer3DModel', vace_in_channels: 96 };
const every = (step: number, layers: number): number[] => Array.from({ length: layers / step }, (_, i) => i * step);

const wan21: Json = {
  _class_name: 'AutoencoderKLWan',
  ...{ base_dim: 96, z_dim: 16, dim_mult: [1, 2, 4, 4], num_res_blocks: 2, temperal_downsample: [false, true, true] },
};
const wan22: Json = {
  ...{ ...wan21, base_dim: 160, decoder_base_dim: 256, z_dim: 48 },
  ...{ is_residual: true, in_channels: 12, out_channels: 12, patch_size: 2 },
};
const words = { vae: wan21, pipeline: 'WanPipeline', shift: 3 };
const pictures = { ...words, pipeline: 'WanImageToVideoPipeline' };
const controls = { ...words, pipeline: 'WanVACEPipeline' };

export const publishedShapes = {
  '1.3b': { ...words, transformer: small },
  '14b': { ...words, transformer: large },
  'i2v-14b': { ...pictures, transformer: { ...large, ...picture }, looks: true },
  'flf2v-14b': { ...pictures, transformer: { ...large, ...picture, pos_embed_seq_len: 514 }, looks: true },
  'vace-1.3b': { ...controls, transformer: { ...small, ...vace, vace_layers: every(2, 30) } },
  'vace-14b': { ...controls, transformer: { ...large, ...vace, vace_layers: every(5, 40) } },
  '5b': {
    ...{ ...words, vae: wan22, shift: 5, expandsTimesteps: true },
    transformer: { num_attention_heads: 24, ffn_dim: 14336, num_layers: 30, in_channels: 48, out_channels: 48 },
  },
  a14b: { ...words, transformer: large, boundary: 0.875 },
  'i2v-a14b': { ...pictures, transformer: { ...large, ...channels }, boundary: 0.9 },
} as const satisfies Readonly<Record<string, PublishedShape>>;

export type PublishedName = keyof typeof publishedShapes;

export const isPublished = (name: string): name is PublishedName => Object.hasOwn(publishedShapes, name);

/** The transformer's config.json, with the published number of layers or the first of them. */
export function transformerJson({ transformer }: PublishedShape, layers?: number): Json {
  const count = layers ?? Number(transformer['num_layers']);
  const hinted = transformer['vace_layers'] as readonly number[] | undefined;
  const config = { _class_name: 'WanTransformer3DModel', ...transformer, num_layers: count };
  const kept = hinted && { vace_layers: hinted.filter((layer) => layer < count) };
  return transformerConfigJson(parseTransformerConfig({ ...config, ...kept }));
}

export function autoencoderJson({ vae }: PublishedShape): Json {
  const size = Number(vae['z_dim']);
  return { ...vae, latents_mean: new Array<number>(size).fill(0), latents_std: new Array<number>(size).fill(1) };
}

export function indexJson({ pipeline, boundary, looks, expandsTimesteps }: PublishedShape): Json {
  const network = ['diffusers', pipeline === 'WanVACEPipeline' ? 'WanVACETransformer3DModel' : 'WanTransformer3DModel'];
  return {
    _class_name: pipeline,
    text_encoder: ['transformers', 'UMT5EncoderModel'],
    tokenizer: ['transformers', 'T5TokenizerFast'],
    transformer: network,
    ...(boundary !== undefined && { transformer_2: network, boundary_ratio: boundary }),
    ...(looks && {
      image_encoder: ['transformers', 'CLIPVisionModel'],
      image_processor: ['transformers', 'CLIPImageProcessor'],
    }),
    ...(expandsTimesteps && { expand_timesteps: true }),
    vae: ['diffusers', 'AutoencoderKLWan'],
    scheduler: ['diffusers', 'UniPCMultistepScheduler'],
  };
}

export const schedulerJson = ({ shift }: PublishedShape): Json => ({
  ...{ _class_name: 'UniPCMultistepScheduler', prediction_type: 'flow_prediction' },
  ...{ use_flow_sigmas: true, flow_shift: shift },
});

/** T5-XXL's width and vocabulary: 5.7 B parameters. */
export const umt5 = {
  ...{ model_type: 'umt5', vocab_size: 256384, d_model: 4096, d_kv: 64, d_ff: 10240, num_layers: 24, num_heads: 64 },
};
/** States of the same width from next to no weights. */
export const smallUmt5 = { ...umt5, vocab_size: 64, d_ff: 1024, num_layers: 1, num_heads: 8 };

/** ViT-H/14, 632 M parameters, of which Wan reads the last but one states of 257 tokens. */
export const pictureTower = {
  ...{ model_type: 'clip_vision_model', hidden_size: 1280, intermediate_size: 5120, num_hidden_layers: 32 },
  ...{ num_attention_heads: 16, image_size: 224, patch_size: 14, projection_dim: 1024, hidden_act: 'gelu' },
};
/** CLIP's, in transformers' spelling. */
export const pictureProcessor = {
  ...{ image_processor_type: 'CLIPImageProcessor', rescale_factor: 1 / 255 },
  image_mean: [0.48145466, 0.4578275, 0.40821073],
  image_std: [0.26862954, 0.26130258, 0.27577711],
};
