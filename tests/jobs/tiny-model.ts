// A text-to-video model small enough for tests: nano's architectures at a few thousand parameters with random weights,
// written as a folder in the diffusers layout. Its clips are noise, but everything on the way to them is real.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decode, encode } from '../../compressor/autoencoder.ts';
import { autoencoderConfigJson, parseAutoencoderConfig } from '../../compressor/config.ts';
import { clipTextStates, parseClipTextConfig } from '../../conditioning/clip-text.ts';
import { wordLevelTokenizer } from '../../conditioning/word-level.ts';
import { parseTransformerConfig, transformerConfigJson } from '../../dit/config.ts';
import { fillNormal } from '../../dit/noise.ts';
import { createRandom, type Random } from '../../dit/random.ts';
import { velocity } from '../../dit/transformer.ts';
import { input } from '../../graph/build.ts';
import { parameterScope, type Parameters, type ParameterSpec } from '../../graph/parameters.ts';
import { sizeOf, type Tensor, tensor } from '../../graph/tensor.ts';
import { writeSafetensors } from '../../io/safetensors.ts';

const words = 'a the cat dog penguin jumps walks on in snow snowy field meadow red'.split(' ');
const textLength = 12;

const vae = parseAutoencoderConfig({
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
});
const transformer = parseTransformerConfig({
  patch_size: [1, 1, 1],
  num_attention_heads: 2,
  attention_head_dim: 16,
  in_channels: 8,
  out_channels: 8,
  text_dim: 32,
  freq_dim: 32,
  ffn_dim: 64,
  num_layers: 2,
});
const tokenizer = wordLevelTokenizer(words, textLength);
const textJson = {
  model_type: 'clip_text_model',
  architectures: ['CLIPTextModel'],
  vocab_size: tokenizer.vocabularySize,
  hidden_size: 32,
  intermediate_size: 64,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  max_position_embeddings: textLength,
  projection_dim: 32,
  eos_token_id: 3,
};

const index = {
  _class_name: 'WanPipeline',
  text_encoder: ['transformers', 'CLIPTextModel'],
  tokenizer: ['transformers', 'PreTrainedTokenizerFast'],
  transformer: ['diffusers', 'WanTransformer3DModel'],
  vae: ['diffusers', 'AutoencoderKLWan'],
  scheduler: ['diffusers', 'UniPCMultistepScheduler'],
};
const scheduler = {
  _class_name: 'UniPCMultistepScheduler',
  prediction_type: 'flow_prediction',
  use_flow_sigmas: true,
  flow_shift: 3,
};
const card = {
  max_sequence_length: textLength,
  width: 32,
  height: 32,
  frames: 5,
  fps: 8,
  steps: 4,
  guidance: 3,
};

export interface TinyOptions {
  /** Weights are a pure function of it. */
  readonly seed?: number;
  /** A second transformer that takes over below this noise level, as in Wan 2.2 A14B. */
  readonly boundary?: number;
  /** Whether padding behind the text is hidden, as in nano. */
  readonly masksPadding?: boolean;
}

/** Writes the model into a folder, which is made. */
export async function writeTinyModel(folder: string, options: TinyOptions = {}): Promise<string> {
  const { seed = 1, boundary, masksPadding = false } = options;
  const experts = { boundary_ratio: boundary, transformer_2: index.transformer };
  await writeJson(join(folder, 'model_index.json'), boundary === undefined ? index : { ...index, ...experts });
  await writeJson(join(folder, 'tessera.json'), { ...card, mask_text_padding: masksPadding });
  await writeJson(join(folder, 'scheduler', 'scheduler_config.json'), scheduler);
  await writeJson(join(folder, 'tokenizer', 'tokenizer.json'), tokenizer.tokenizer);
  await writeJson(join(folder, 'tokenizer', 'tokenizer_config.json'), tokenizer.config);
  const networks = [
    'vae',
    'transformer',
    'text_encoder',
    ...(boundary === undefined ? [] : ['transformer_2']),
  ] as const;
  for (const [i, name] of networks.entries()) {
    const kind = name === 'transformer_2' ? 'transformer' : (name as 'vae' | 'transformer' | 'text_encoder');
    await writeJson(join(folder, name, 'config.json'), configs[kind]);
    const file = name === 'text_encoder' ? 'model.safetensors' : 'diffusion_pytorch_model.safetensors';
    const random = createRandom(seed, i);
    const tensors = parametersOf(kind).map((spec): [string, Tensor] => [spec.name, startValue(spec, random)]);
    await writeSafetensors(join(folder, name, file), tensors, { format: 'pt' });
  }
  return folder;
}

const configs = {
  vae: autoencoderConfigJson(vae),
  transformer: transformerConfigJson(transformer),
  text_encoder: textJson,
};

function parametersOf(network: keyof typeof configs): readonly ParameterSpec[] {
  const scope = parameterScope();
  const define = {
    vae: (p: Parameters) => decode(p, vae, encode(p, vae, input('video', [1, 3, 5, 32, 32])).mean),
    transformer: (p: Parameters) =>
      velocity(p, transformer, {
        latents: input('latents', [1, 8, 2, 2, 2]),
        timestep: input('timestep', [1]),
        text: input('text', [1, textLength, 32]),
      }),
    text_encoder: (p: Parameters) =>
      clipTextStates(p, parseClipTextConfig(textJson), input('ids', [1, textLength], 'int32')).lastHiddenState,
  };
  define[network](scope.parameters);
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
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, `${JSON.stringify(value, null, 2)}\n`);
}
