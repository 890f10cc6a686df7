// Writes a checkpoint of random weights in the shapes, names and types of a published one, to measure with: the real ones cannot
// be had everywhere. Never committed: it is as large as the real one.
//   npx tsx scripts/random-checkpoint.ts <1.3b|14b|5b|a14b> <folder> [--text small] [--layers <n>] [--type float16|bfloat16|float32]
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { decode, encode } from '../compressor/autoencoder.ts';
import { parseAutoencoderConfig, spatialFactor, temporalFactor } from '../compressor/config.ts';
import { umt5States, parseUmt5Config } from '../conditioning/umt5.ts';
import { wordLevelTokenizer } from '../conditioning/word-level.ts';
import { parseTransformerConfig } from '../dit/config.ts';
import { fillNormal } from '../dit/noise.ts';
import { createRandom } from '../dit/random.ts';
import { velocity } from '../dit/transformer.ts';
import { input } from '../graph/build.ts';
import { parameterScope, type ParameterSpec } from '../graph/parameters.ts';
import { sizeOf, type Tensor, type TensorData } from '../graph/tensor.ts';
import { float32ToFloat16 } from '../io/float16.ts';
import { streamSafetensors, type TensorSpec } from '../io/safetensors-stream.ts';

type Json = Readonly<Record<string, unknown>>;
type Float = 'float32' | 'float16' | 'bfloat16';

const transformers: Readonly<Record<string, Json>> = {
  '1.3b': { num_attention_heads: 12, ffn_dim: 8960, num_layers: 30 },
  '14b': { num_attention_heads: 40, ffn_dim: 13824, num_layers: 40 },
  '5b': { num_attention_heads: 24, ffn_dim: 14336, num_layers: 30, in_channels: 48, out_channels: 48 },
  a14b: { num_attention_heads: 40, ffn_dim: 13824, num_layers: 40 },
};
const wan21 = {
  base_dim: 96,
  z_dim: 16,
  dim_mult: [1, 2, 4, 4],
  num_res_blocks: 2,
  temperal_downsample: [false, true, true],
};
const wan22 = {
  ...{ base_dim: 160, decoder_base_dim: 256, z_dim: 48, dim_mult: [1, 2, 4, 4], num_res_blocks: 2 },
  ...{ temperal_downsample: [false, true, true], is_residual: true, in_channels: 12, out_channels: 12, patch_size: 2 },
};
const umt5 = {
  model_type: 'umt5',
  vocab_size: 256384,
  d_model: 4096,
  d_kv: 64,
  d_ff: 10240,
  num_layers: 24,
  num_heads: 64,
};
const smallText = { ...umt5, vocab_size: 64, d_ff: 1024, num_layers: 1, num_heads: 8 };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { text: { type: 'string' }, layers: { type: 'string' }, type: { type: 'string', default: 'float16' } },
});
const [kind = '', folder = ''] = positionals;
const shape = transformers[kind];
if (shape === undefined || folder === '') {
  console.error(`Give a kind (${Object.keys(transformers).join(', ')}) and a folder.`);
  process.exit(2);
}
await writeCheckpoint(folder, shape);

async function writeCheckpoint(path: string, transformer: Json): Promise<void> {
  const type = values.type as Float;
  const layers = values.layers === undefined ? {} : { num_layers: Number(values.layers) };
  const dit = {
    _class_name: 'WanTransformer3DModel',
    attention_head_dim: 128,
    in_channels: 16,
    out_channels: 16,
    ...transformer,
    ...layers,
  };
  const vae = withStatistics({ _class_name: 'AutoencoderKLWan', ...(kind === '5b' ? wan22 : wan21) });
  const text = values.text === 'small' ? smallText : umt5;
  const network = ['diffusers', 'WanTransformer3DModel'];
  await writeJson(join(path, 'model_index.json'), {
    _class_name: 'WanPipeline',
    text_encoder: ['transformers', 'UMT5EncoderModel'],
    tokenizer: ['transformers', 'T5TokenizerFast'],
    transformer: network,
    ...(kind === 'a14b' && { transformer_2: network, boundary_ratio: 0.875 }),
    vae: ['diffusers', 'AutoencoderKLWan'],
    scheduler: ['diffusers', 'UniPCMultistepScheduler'],
  });
  await writeJson(join(path, 'scheduler/scheduler_config.json'), {
    ...{
      _class_name: 'UniPCMultistepScheduler',
      prediction_type: 'flow_prediction',
      use_flow_sigmas: true,
      flow_shift: 3,
    },
  });
  const tokenizer = wordLevelTokenizer('a the cat dog penguin jumps walks on in snow field'.split(' '), 512);
  await writeJson(join(path, 'tokenizer/tokenizer.json'), tokenizer.tokenizer);
  await writeJson(join(path, 'tokenizer/tokenizer_config.json'), tokenizer.config);
  await writePart(join(path, 'text_encoder'), 'model', text, type, textParameters(text));
  await writePart(join(path, 'vae'), 'diffusion_pytorch_model', vae, 'float32', vaeParameters(vae));
  for (const name of kind === 'a14b' ? ['transformer', 'transformer_2'] : ['transformer']) {
    await writePart(join(path, name), 'diffusion_pytorch_model', dit, type, transformerParameters(dit));
  }
}

function withStatistics<T extends { z_dim?: number }>(config: Json & T): Json {
  const size = Number(config.z_dim);
  return { ...config, latents_mean: new Array<number>(size).fill(0), latents_std: new Array<number>(size).fill(1) };
}

async function writePart(
  path: string,
  file: string,
  config: Json,
  type: Float,
  specs: readonly ParameterSpec[],
): Promise<void> {
  await writeJson(join(path, 'config.json'), config);
  const byName = new Map(specs.map((spec) => [spec.name, spec]));
  const pattern = fillNormal(createRandom(1), new Float32Array(2 ** 20));
  const tensors = specs.map(({ name, shape: of }): TensorSpec => ({ name, shape: of, dtype: type }));
  await streamSafetensors(
    join(path, `${file}.safetensors`),
    tensors,
    (spec) => pieces(byName.get(spec.name)!, type, pattern),
    { format: 'pt' },
  );
  const parameters = specs.reduce((sum, { shape: of }) => sum + sizeOf(of), 0);
  console.log(`${path}: ${(parameters / 1e9).toFixed(2)} B parameters as ${type}`);
}

/** The same million values over and over, scaled by the inputs of a row. No two tensors begin alike: onnxruntime keeps equal ones once. */
function* pieces({ name, shape: of, init }: ParameterSpec, type: Float, pattern: Float32Array): Generator<Tensor> {
  const [, ...inputs] = of;
  const scale = of.length > 1 && of[0] !== 1 ? 0.7 / Math.sqrt(sizeOf(inputs)) : 0.05;
  const centre = init.kind === 'ones' ? 1 : 0;
  const data = narrowed(pattern.map((value) => centre + value * scale), type); // prettier-ignore
  let from = createHash('sha256').update(name).digest().readUInt32LE() % data.length;
  for (let left = sizeOf(of); left > 0; from = 0) {
    const piece = data.subarray(from, Math.min(from + left, data.length)) as TensorData;
    yield { dtype: type, shape: [piece.length], data: piece };
    left -= piece.length;
  }
}

function narrowed(data: Float32Array, type: Float): Float32Array | Uint16Array {
  if (type === 'float16') return float32ToFloat16(data);
  return type === 'float32' ? data : Uint16Array.from(new Uint32Array(data.buffer), (bits) => bits >>> 16);
}

function transformerParameters(json: Json): readonly ParameterSpec[] {
  const config = parseTransformerConfig(json);
  const scope = parameterScope();
  velocity(scope.parameters, config, {
    latents: input('latents', [1, config.inChannels, 1, 2, 2]),
    timestep: input('timestep', [1]),
    text: input('text', [1, 1, config.textDim]),
  });
  return scope.specs();
}

function vaeParameters(json: Json): readonly ParameterSpec[] {
  const config = parseAutoencoderConfig(json);
  const scope = parameterScope();
  const edge = spatialFactor(config);
  decode(
    scope.parameters,
    config,
    encode(scope.parameters, config, input('video', [1, 3, 1 + temporalFactor(config), edge, edge])).mean,
  );
  return scope.specs();
}

function textParameters(json: Json): readonly ParameterSpec[] {
  const scope = parameterScope();
  umt5States(scope.parameters, parseUmt5Config(json), input('ids', [1, 2], 'int32'));
  return scope.specs();
}

async function writeJson(path: string, value: unknown): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `${JSON.stringify(value, null, 2)}\n`);
}
