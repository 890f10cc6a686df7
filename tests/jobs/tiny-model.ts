// Text-to-video models small enough for tests: the architectures of nano, or of Wan 2.1, at a few thousand parameters with
// random weights, written as a folder in the diffusers layout. Their clips are noise; everything on the way to them is real.
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { decode, encode } from '../../compressor/autoencoder.ts';
import { parseAutoencoderConfig } from '../../compressor/config.ts';
import { clipTextEmbeds, clipTextStates } from '../../conditioning/clip-text.ts';
import { clipImageEmbeds, clipVisionStates, parseClipVisionConfig } from '../../conditioning/clip-vision.ts';
import { parseTextEncoderConfig } from '../../conditioning/text-states.ts';
import { umt5States } from '../../conditioning/umt5.ts';
import { wordLevelTokenizer } from '../../conditioning/word-level.ts';
import { parseTransformerConfig } from '../../dit/config.ts';
import { fillNormal } from '../../dit/noise.ts';
import { createRandom, type Random } from '../../dit/random.ts';
import { input } from '../../graph/build.ts';
import { parameterScope, type ParameterSpec } from '../../graph/parameters.ts';
import { sizeOf, type Tensor, tensor } from '../../graph/tensor.ts';
import { writeSafetensors } from '../../io/safetensors.ts';
import { transformerGraph } from '../../jobs/verify-model.ts';

const words = 'a the cat dog penguin jumps walks on in snow snowy field meadow red'.split(' ');
const textLength = 12;
const tokenizer = wordLevelTokenizer(words, textLength);

const nano = {
  vae: {
    _class_name: 'AutoencoderKLWan',
    base_dim: 8,
    dim_mult: [1, 2, 2],
    num_res_blocks: 1,
    temperal_downsample: [true, true],
    is_residual: true,
    in_channels: 48,
    out_channels: 48,
    patch_size: 4,
    z_dim: 8,
    latents_mean: new Array<number>(8).fill(0.1),
    latents_std: new Array<number>(8).fill(1.5),
  },
  transformer: {
    _class_name: 'WanTransformer3DModel',
    patch_size: [1, 1, 1],
    num_attention_heads: 2,
    attention_head_dim: 16,
    in_channels: 8,
    out_channels: 8,
    text_dim: 32,
    freq_dim: 32,
    ffn_dim: 64,
    num_layers: 2,
  },
  text_encoder: {
    model_type: 'clip_text_model',
    vocab_size: tokenizer.vocabularySize,
    hidden_size: 32,
    intermediate_size: 64,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    max_position_embeddings: textLength,
    eos_token_id: 3,
  },
};

/** Flat autoencoder of 4x8x8 compression, patches of 1x2x2 latents, UMT5. */
const wan21: typeof nano = {
  vae: {
    ...nano.vae,
    dim_mult: [1, 1, 2, 2],
    temperal_downsample: [false, true, true],
    is_residual: false,
    in_channels: 3,
    out_channels: 3,
    patch_size: 1,
  },
  transformer: { ...nano.transformer, patch_size: [1, 2, 2] },
  text_encoder: {
    ...nano.text_encoder,
    ...{ model_type: 'umt5', d_model: 32, d_kv: 8, d_ff: 64, num_layers: 1, num_heads: 4 },
  },
};

/** Of the picture tower: 5 tokens. */
const tower = {
  ...{ model_type: 'clip_vision_model', hidden_size: 16, intermediate_size: 32, num_hidden_layers: 2 },
  ...{ num_attention_heads: 2, image_size: 28, patch_size: 14, projection_dim: 16 },
};
/** Wan's published variants, as their transformers differ from text-to-video: latents have 8 channels here. */
const variants = {
  i2v: { in_channels: 20, out_channels: 8, image_dim: 16, added_kv_proj_dim: 32 },
  flf2v: { in_channels: 20, out_channels: 8, image_dim: 16, added_kv_proj_dim: 32, pos_embed_seq_len: 10 },
  /** Wan 2.2's: no image tokens. */
  'i2v-a14b': { in_channels: 20, out_channels: 8 },
  vace: {
    ...{ _class_name: 'WanVACETransformer3DModel', num_layers: 4, vace_layers: [0, 2], vace_in_channels: 2 * 8 + 64 },
  },
};

const scheduler = {
  _class_name: 'UniPCMultistepScheduler',
  prediction_type: 'flow_prediction',
  use_flow_sigmas: true,
  flow_shift: 3,
};
const card = { width: 32, height: 32, frames: 5, fps: 8, steps: 4, guidance: 3 };

export interface TinyOptions {
  readonly family?: 'nano' | 'wan2.1';
  /** Weights are a pure function of it. */
  readonly seed?: number;
  /** A second transformer that takes over below this noise level, as in Wan 2.2 A14B. */
  readonly boundary?: number;
  /** Whether padding behind the text is hidden, as in nano. */
  readonly masksPadding?: boolean;
  /** Takes a first frame, by timesteps for each token frame. */
  readonly startsFromPicture?: boolean;
  /** A picture tower in the space of its text tower, as nano has. */
  readonly towers?: boolean;
  /** Of the family wan2.1. */
  readonly variant?: keyof typeof variants;
}

/** Writes the model into a folder, which is made. */
export async function writeTinyModel(folder: string, options: TinyOptions = {}): Promise<string> {
  const {
    family = 'nano',
    seed = 1,
    boundary,
    masksPadding = false,
    startsFromPicture = false,
    towers = false,
    variant,
  } = options;
  const plain = family === 'nano' ? nano : wan21;
  const configs = {
    ...plain,
    image_encoder: tower,
    text_encoder: { ...plain.text_encoder, ...(towers && { projection_dim: tower.projection_dim }) },
    transformer: { ...plain.transformer, ...(variant && variants[variant]) },
  };
  const looks = towers || variant === 'i2v' || variant === 'flf2v';
  const networks = [
    ...['vae', 'transformer', 'text_encoder'],
    ...(boundary === undefined ? [] : ['transformer_2']),
    ...(looks ? ['image_encoder'] : []),
  ];
  await writeJson(join(folder, 'model_index.json'), {
    ...indexOf(family, boundary),
    ...(looks && { image_encoder: ['transformers', 'CLIPVisionModel'] }),
    ...(startsFromPicture && { expand_timesteps: true }),
  });
  const usage = { max_sequence_length: variant && looks ? 512 : textLength, mask_text_padding: masksPadding };
  await writeJson(join(folder, 'tessera.json'), { ...card, ...usage });
  await writeJson(join(folder, 'scheduler', 'scheduler_config.json'), scheduler);
  await writeJson(join(folder, 'tokenizer', 'tokenizer.json'), tokenizer.tokenizer);
  await writeJson(join(folder, 'tokenizer', 'tokenizer_config.json'), tokenizer.config);
  for (const [i, name] of networks.entries()) {
    const kind = name.replace('_2', '') as keyof typeof configs;
    const file = kind.endsWith('_encoder') ? 'model.safetensors' : 'diffusion_pytorch_model.safetensors';
    const random = createRandom(seed, i);
    const specs = parametersOf(configs, kind);
    await writeJson(join(folder, name, 'config.json'), configs[kind]);
    const tensors = specs.map((spec): [string, Tensor] => [spec.name, startValue(spec, random)]);
    await writeSafetensors(join(folder, name, file), tensors, { format: 'pt' });
  }
  return folder;
}

function indexOf(family: 'nano' | 'wan2.1', boundary: number | undefined): object {
  const transformer = ['diffusers', 'WanTransformer3DModel'];
  return {
    _class_name: 'WanPipeline',
    text_encoder: ['transformers', family === 'nano' ? 'CLIPTextModel' : 'UMT5EncoderModel'],
    tokenizer: ['transformers', 'PreTrainedTokenizerFast'],
    transformer,
    vae: ['diffusers', 'AutoencoderKLWan'],
    scheduler: ['diffusers', 'UniPCMultistepScheduler'],
    ...(boundary === undefined ? {} : { boundary_ratio: boundary, transformer_2: transformer }),
  };
}

type Configs = typeof nano & { readonly image_encoder: typeof tower };

/** What each network asks for: its definition is run once, on inputs that reach every parameter. */
function parametersOf(configs: Configs, network: keyof Configs): readonly ParameterSpec[] {
  const scope = parameterScope();
  const p = scope.parameters;
  const isPair = 'projection_dim' in configs.text_encoder;
  if (network === 'vae') {
    const config = parseAutoencoderConfig(configs.vae);
    decode(p, config, encode(p, config, input('video', [1, 3, 5, 32, 32])).mean);
  } else if (network === 'transformer') {
    transformerGraph(parseTransformerConfig(configs.transformer), 2)(p);
  } else if (network === 'image_encoder') {
    const config = parseClipVisionConfig(configs.image_encoder);
    const { lastHiddenState } = clipVisionStates(
      p,
      config,
      input('pixels', [1, 3, config.imageSize, config.imageSize]),
    );
    if (isPair) clipImageEmbeds(p, config, lastHiddenState);
  } else {
    const encoder = parseTextEncoderConfig(configs.text_encoder);
    const ids = input('ids', [1, textLength], 'int32');
    if (encoder.kind === 'clip') {
      const { lastHiddenState } = clipTextStates(p, encoder.config, ids);
      if (isPair) clipTextEmbeds(p, encoder.config, lastHiddenState, input('pooled', [1, textLength]));
    } else umt5States(p, encoder.config, ids);
  }
  return scope.specs();
}

/** Matrices that training starts at zero get values too: a model of zeros would ignore its prompt. */
function startValue({ shape, init }: ParameterSpec, random: Random): Tensor {
  const values = fillNormal(random, new Float32Array(sizeOf(shape)));
  const [outputs, ...inputs] = shape;
  const scale = shape.length > 1 && outputs !== 1 ? 0.7 / Math.sqrt(sizeOf(inputs)) : 0.05;
  const centre = init.kind === 'ones' ? 1 : 0;
  return tensor(
    values.map((value) => centre + value * scale),
    shape,
  );
}

async function writeJson(path: string, value: unknown): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `${JSON.stringify(value, null, 2)}\n`);
}
