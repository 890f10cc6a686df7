// What nano is made of and how it is taught. Numbers here were chosen by short runs; docs/training-nano.md tells which.
import { parseClipTextConfig } from '../conditioning/clip-text.ts';
import { parseClipVisionConfig } from '../conditioning/clip-vision.ts';
import { parseAutoencoderConfig } from '../compressor/config.ts';
import { LAYOUT_CHANNELS } from '../dit/layout-channels.ts';
import { POSITION_CHANNELS } from '../dit/position-channels.ts';
import { parseTransformerConfig } from '../dit/config.ts';
import type { AutoencoderRecipe } from './autoencoder.ts';
import type { ContrastiveRecipe } from './contrastive.ts';
import type { TransformerRecipe } from './transformer.ts';
import { maxTextLength, worldTokenizerFiles } from './words.ts';
import { fullWorld } from './world/scene.ts';
import type { WorldOptions } from './world/scene.ts';

const latentChannels = 96;

/** vae/config.json: 4x4 patches, two halvings of space and time, so 4x16x16 pixels to a latent position. */
export const autoencoderJson = {
  _class_name: 'AutoencoderKLWan',
  base_dim: 48,
  decoder_base_dim: null,
  z_dim: latentChannels,
  dim_mult: [1, 2, 2],
  num_res_blocks: 1,
  attn_scales: [],
  temperal_downsample: [true, true],
  is_residual: true,
  in_channels: 48,
  out_channels: 48,
  patch_size: 4,
  latents_mean: new Array<number>(latentChannels).fill(0),
  latents_std: new Array<number>(latentChannels).fill(1),
};

const autoencoderCommon = {
  config: parseAutoencoderConfig(autoencoderJson),
  weights: { kl: 1e-4, squared: 2, edges: 0.5 },
  noiseScale: 0.1,
  world: fullWorld,
};

const windowed = { edge: 128, window: 64 };

const clipBuckets = [
  { ...windowed, frames: 1, batch: 32, share: 0.15 },
  { ...windowed, frames: 5, batch: 12, share: 0.45 },
  { ...windowed, frames: 17, batch: 4, share: 0.3 },
  { edge: 128, window: 128, frames: 9, batch: 1, share: 0.1 },
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

/** transformer/config.json: one token per latent position, which the transformer is told. 9.8M parameters. */
export const transformerJson = {
  _class_name: 'WanTransformer3DModel',
  patch_size: [1, 1, 1],
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

/** The nouns of the first nano, clearly different in shape and colour; the gate's 24 come first. */
export const firstNouns = [
  ...['cat', 'penguin', 'frog', 'elephant', 'fish', 'butterfly', 'rose', 'cactus', 'mushroom', 'sun', 'star', 'apple'],
  ...[
    'banana',
    'pizza',
    'burger',
    'cake',
    'car',
    'bus',
    'rocket',
    'airplane',
    'soccer ball',
    'guitar',
    'robot',
    'ghost',
  ],
  ...[
    'dog',
    'owl',
    'turtle',
    'octopus',
    'panda',
    'flamingo',
    'crab',
    'sunflower',
    'moon',
    'snowman',
    'strawberry',
    'watermelon',
  ],
  ...[
    'pineapple',
    'donut',
    'tractor',
    'sailboat',
    'basketball',
    'balloon',
    'umbrella',
    'pumpkin',
    'drum',
    'house',
    'crown',
    'snail',
  ],
];

const calm: WorldOptions = {
  ...fullWorld,
  nouns: firstNouns,
  styles: ['cartoon'],
  motions: ['still'],
  positionJitter: 0,
  twoActors: 0,
  cameraMoves: 0,
  weather: 0,
};

const common = {
  config: parseTransformerConfig(transformerJson),
  sigma: { kind: 'logit-normal', mean: 0.8, std: 1.1, shift: 1 },
  actorWeight: 3,
  layoutWeight: 6,
  captionDropout: 0.1,
  firstFrameGiven: 0,
  captions: ['tag', 'plain', 'full'],
} as const;

/** Where an actor goes is decided while a clip is nearly noise, which single pictures with centred actors need not learn. */
const noisier = { kind: 'logit-normal', mean: 1.4, std: 1.3, shift: 1 } as const;

// Actors of about 50 to 60 pixels look the same in small and in large frames, so small ones teach nouns at a quarter of the cost.
const smallPicture = { frames: 1, width: 64, height: 64, batch: 32, sizeRange: [0.72, 0.95] } as const;
const picture = { frames: 1, width: 128, height: 128, batch: 8, sizeRange: [0.4, 0.56] } as const;
const smallClip = { frames: 17, width: 64, height: 64, batch: 8, sizeRange: [0.66, 0.88] } as const;
const clip = { frames: 17, width: 128, height: 128, batch: 2, sizeRange: [0.4, 0.56] } as const;

const middleClip = { frames: 17, width: 96, height: 96, batch: 6, sizeRange: [0.57, 0.6] } as const;

/** All motions, each always performed in the same way. */
const motionsAlone = {
  world: { ...calm, motions: fullWorld.motions, variety: 0 },
  sigma: noisier,
  firstFrameGiven: 0.2,
  scenes: 6_000,
} as const;

/**
 * The curriculum, narrow to wide. Each stage goes on from the checkpoint of the one before it. Latent frames after the first stand
 * for four frames and look different, so actors are learned in them anew, at rest, before they move. Then layouts, which say
 * where they go, and moves, which paint what the layouts say.
 */
export const transformerStages = {
  gate: {
    ...common,
    world: { ...calm, nouns: firstNouns.slice(0, 24), places: ['plain', 'meadow', 'snow', 'night', 'ocean'] },
    buckets: [{ ...smallPicture, share: 1 }],
    scenes: 20_000,
  },
  pictures: {
    ...common,
    world: calm,
    buckets: [
      { ...smallPicture, share: 0.75 },
      { ...picture, share: 0.25 },
    ],
    scenes: 40_000,
  },
  stills: {
    ...common,
    world: calm,
    buckets: [
      { ...smallPicture, share: 0.2 },
      { ...picture, share: 0.1 },
      { ...smallPicture, frames: 5, batch: 16, share: 0.35 },
      { ...smallClip, share: 0.15 },
      { ...clip, share: 0.2 },
    ],
    scenes: 20_000,
  },
  layouts: {
    ...common,
    ...motionsAlone,
    layoutWeight: 30,
    buckets: [
      { ...smallClip, sizeRange: [0.43, 0.45], batch: 24, share: 0.5 },
      { ...middleClip, share: 0.25 },
      { ...clip, sizeRange: [0.43, 0.45], batch: 3, share: 0.25 },
    ],
  },
  moves: {
    ...common,
    ...motionsAlone,
    buckets: [
      { ...smallClip, sizeRange: [0.86, 0.9], batch: 12, share: 0.35 },
      { ...middleClip, share: 0.3 },
      { ...clip, sizeRange: [0.43, 0.45], batch: 3, share: 0.35 },
    ],
  },
  paths: {
    ...common,
    ...motionsAlone,
    buckets: [
      { ...smallClip, sizeRange: [0.86, 0.9], batch: 12, share: 0.2 },
      { ...middleClip, share: 0.15 },
      { ...clip, sizeRange: [0.43, 0.45], batch: 3, share: 0.2 },
      { ...smallClip, sizeRange: [0.55, 0.7], batch: 12, share: 0.2, paths: true },
      { ...middleClip, sizeRange: [0.45, 0.6], share: 0.15, paths: true },
      { ...clip, sizeRange: [0.38, 0.48], batch: 3, share: 0.1, paths: true },
    ],
  },
  clips: {
    ...common,
    world: { ...calm, motions: fullWorld.motions },
    sigma: noisier,
    firstFrameGiven: 0.2,
    buckets: [
      { ...smallPicture, share: 0.1 },
      { ...smallClip, batch: 12, share: 0.55 },
      { ...clip, batch: 3, share: 0.35 },
    ],
    scenes: 4_000,
  },
  wide: {
    ...common,
    world: { ...calm, motions: fullWorld.motions, positionJitter: 1, cameraMoves: 0.1, weather: 0.08 },
    firstFrameGiven: 0.1,
    buckets: [
      { ...smallPicture, share: 0.1 },
      { ...picture, share: 0.1 },
      { ...smallClip, share: 0.15 },
      { ...clip, frames: 9, batch: 4, share: 0.1 },
      { ...clip, share: 0.45 },
      { ...clip, width: 160, height: 96, share: 0.05 },
      { ...clip, width: 96, height: 160, share: 0.05 },
    ],
    scenes: 12_000,
  },
} as const satisfies Record<string, TransformerRecipe>;

export type TransformerStage = keyof typeof transformerStages;
