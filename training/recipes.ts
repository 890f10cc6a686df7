// What nano is made of and how it is taught. Numbers here were chosen by short runs; docs/training-nano.md tells which.
import { parseClipTextConfig } from '../conditioning/clip-text.ts';
import { parseClipVisionConfig } from '../conditioning/clip-vision.ts';
import { parseAutoencoderConfig } from '../compressor/config.ts';
import { parseTransformerConfig } from '../dit/config.ts';
import { LAYOUT_CHANNELS } from '../dit/layout-channels.ts';
import { POSITION_CHANNELS } from '../dit/position-channels.ts';
import { predictionOf } from '../dit/scheduler-config.ts';
import type { AutoencoderRecipe } from './autoencoder.ts';
import type { ContrastiveRecipe } from './contrastive.ts';
import { maxTextLength, worldTokenizerFiles } from './words.ts';
import { fullWorld } from './world/scene.ts';

const latentChannels = 48;

/** vae/config.json: 2x2 patches, two halvings of space and time, so 4x8x8 pixels to a latent position. */
export const autoencoderJson = {
  _class_name: 'AutoencoderKLWan',
  base_dim: 32,
  decoder_base_dim: null,
  z_dim: latentChannels,
  dim_mult: [1, 2, 2],
  num_res_blocks: 1,
  attn_scales: [],
  temperal_downsample: [true, true],
  is_residual: true,
  in_channels: 12,
  out_channels: 12,
  patch_size: 2,
  latents_mean: new Array<number>(latentChannels).fill(0),
  latents_std: new Array<number>(latentChannels).fill(1),
};

const autoencoderCommon = {
  config: parseAutoencoderConfig(autoencoderJson),
  weights: { kl: 1e-4, squared: 10, edges: 0.5 },
  noiseScale: 0.1,
  world: fullWorld,
};

const windowed = { edge: 128, window: 64 };

const clipBuckets = [
  { ...windowed, frames: 1, batch: 32, share: 0.1 },
  { ...windowed, frames: 5, batch: 12, share: 0.3 },
  { ...windowed, frames: 17, batch: 4, share: 0.45 },
  { edge: 128, window: 128, frames: 9, batch: 1, share: 0.15 },
];

/**
 * Pictures first, which are cheap and teach all that is not motion; then clips. Refining goes on with all of it but keeps the
 * latents' axes and scale, so that a transformer follows with a little more training; the decoder alone leaves the latents
 * as they are.
 */
export const autoencoderStages = {
  pictures: { ...autoencoderCommon, buckets: [{ ...windowed, frames: 1, batch: 32, share: 1 }] },
  clips: { ...autoencoderCommon, noiseScale: 0.05, buckets: clipBuckets },
  refine: { ...autoencoderCommon, noiseScale: 0.05, buckets: clipBuckets },
  decoder: { ...autoencoderCommon, noiseScale: 0.05, buckets: clipBuckets },
} as const satisfies Record<string, AutoencoderRecipe>;

export type AutoencoderStage = keyof typeof autoencoderStages;

const tower = {
  hidden_size: 192,
  intermediate_size: 576,
  num_attention_heads: 4,
  projection_dim: 128,
  hidden_act: 'quick_gelu',
};

/** text_encoder/config.json. */
export const textJson = {
  ...tower,
  architectures: ['CLIPTextModelWithProjection'],
  model_type: 'clip_text_model',
  num_hidden_layers: 4,
  vocab_size: worldTokenizerFiles().vocabularySize,
  max_position_embeddings: maxTextLength,
  pad_token_id: 0,
  bos_token_id: 2,
  eos_token_id: 3,
  layer_norm_eps: 1e-5,
};

/** image_encoder/config.json. */
export const visionJson = {
  ...tower,
  architectures: ['CLIPVisionModelWithProjection'],
  model_type: 'clip_vision_model',
  num_hidden_layers: 4,
  image_size: 128,
  patch_size: 16,
  num_channels: 3,
  layer_norm_eps: 1e-5,
};

const towers = {
  text: parseClipTextConfig(textJson),
  vision: parseClipVisionConfig(visionJson),
  world: { ...fullWorld, twoActors: 0.1 },
  batch: 48,
  moments: 0.5,
} as const;

/** Both towers; or the picture tower alone, which leaves the words as a transformer learned them. */
export const towerStages = {
  both: { ...towers, alike: 0.6 },
  pictures: { ...towers, alike: 0.3 },
} as const satisfies Record<string, ContrastiveRecipe>;

export type TowerStage = keyof typeof towerStages;

/** transformer/config.json: a token for 2x2 latent positions, which the transformer is told. 9.8M parameters. */
export const transformerJson = {
  _class_name: 'WanTransformer3DModel',
  patch_size: [1, 2, 2],
  num_attention_heads: 4,
  attention_head_dim: 64,
  in_channels: latentChannels + LAYOUT_CHANNELS + POSITION_CHANNELS,
  out_channels: latentChannels + LAYOUT_CHANNELS,
  text_dim: tower.hidden_size,
  freq_dim: 256,
  ffn_dim: 1024,
  num_layers: 8,
  cross_attn_norm: true,
  qk_norm: 'rms_norm_across_heads',
  eps: 1e-6,
  image_dim: null,
  added_kv_proj_dim: null,
  pos_embed_seq_len: null,
  rope_max_seq_len: 1024,
};

/** How nano samples unless a request says otherwise. Latents are half whitened, so what an actor is shows above the noise early. */
export const sampling = { steps: 8, guidance: 4, sampler: 'unipc', shift: 5 } as const;

/** scheduler/scheduler_config.json, which also tells what the transformer predicts. */
export const schedulerJson = {
  _class_name: 'UniPCMultistepScheduler',
  num_train_timesteps: 1000,
  prediction_type: 'sample',
  use_flow_sigmas: true,
  flow_shift: sampling.shift,
};

export const transformerConfig = parseTransformerConfig(transformerJson, undefined, predictionOf(schedulerJson));
