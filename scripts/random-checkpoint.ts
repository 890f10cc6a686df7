// Writes a checkpoint of random weights in the shapes, names and types of a published one, to measure with: the real ones cannot
// be had everywhere. Never committed: it is as large as the real one.
//   npx tsx scripts/random-checkpoint.ts <1.3b|14b|i2v-14b|flf2v-14b|vace-1.3b|vace-14b|5b|a14b|i2v-a14b> <folder>
//     [--layers <n>] of each transformer, whose width stays [--text small|<layers>] [--type float16|bfloat16|float32]
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { decode, encode } from '../compressor/autoencoder.ts';
import { parseAutoencoderConfig, spatialFactor, temporalFactor } from '../compressor/config.ts';
import { clipImageEmbeds, clipVisionStates, parseClipVisionConfig } from '../conditioning/clip-vision.ts';
import { umt5States, parseUmt5Config } from '../conditioning/umt5.ts';
import { wordLevelTokenizer } from '../conditioning/word-level.ts';
import { parseTransformerConfig } from '../dit/config.ts';
import { fillNormal } from '../dit/noise.ts';
import { createRandom } from '../dit/random.ts';
import { input } from '../graph/build.ts';
import { parameterScope, type ParameterSpec } from '../graph/parameters.ts';
import { sizeOf, type Tensor, type TensorData } from '../graph/tensor.ts';
import { float32ToFloat16 } from '../io/float16.ts';
import { streamSafetensors, type TensorSpec } from '../io/safetensors-stream.ts';
import { transformerGraph } from '../jobs/verify-model.ts';
import {
  autoencoderJson,
  indexJson,
  isPublished,
  type Json,
  pictureProcessor,
  pictureTower,
  publishedShapes,
  type PublishedShape,
  schedulerJson,
  smallUmt5,
  transformerJson,
  umt5,
} from './published-shapes.ts';

type Float = 'float32' | 'float16' | 'bfloat16';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { text: { type: 'string' }, layers: { type: 'string' }, type: { type: 'string', default: 'float16' } },
});
const [kind = '', folder = ''] = positionals;
if (!isPublished(kind) || folder === '') {
  console.error(`Give a kind (${Object.keys(publishedShapes).join(', ')}) and a folder.`);
  process.exit(2);
}
await writeCheckpoint(folder, publishedShapes[kind]);

async function writeCheckpoint(path: string, shape: PublishedShape): Promise<void> {
  const type = values.type as Float;
  const dit = transformerJson(shape, values.layers === undefined ? undefined : Number(values.layers));
  const vae = autoencoderJson(shape);
  const text = textOf(values.text);
  await writeJson(join(path, 'model_index.json'), indexJson(shape));
  await writeJson(join(path, 'scheduler/scheduler_config.json'), schedulerJson(shape));
  const tokenizer = wordLevelTokenizer('a the cat dog penguin jumps walks on in snow field'.split(' '), 512);
  await writeJson(join(path, 'tokenizer/tokenizer.json'), tokenizer.tokenizer);
  await writeJson(join(path, 'tokenizer/tokenizer_config.json'), tokenizer.config);
  await writePart(join(path, 'text_encoder'), 'model', text, type, textParameters(text));
  await writePart(join(path, 'vae'), 'diffusion_pytorch_model', vae, 'float32', vaeParameters(vae));
  if (shape.looks) {
    await writeJson(join(path, 'image_processor/preprocessor_config.json'), pictureProcessor);
    await writePart(join(path, 'image_encoder'), 'model', pictureTower, type, towerParameters(pictureTower));
  }
  for (const name of shape.boundary === undefined ? ['transformer'] : ['transformer', 'transformer_2']) {
    await writePart(join(path, name), 'diffusion_pytorch_model', dit, type, transformerParameters(dit));
  }
}

function textOf(wanted: string | undefined): Json {
  if (wanted === 'small') return smallUmt5;
  return wanted === undefined ? umt5 : { ...umt5, num_layers: Number(wanted) };
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
  const scope = parameterScope();
  transformerGraph(parseTransformerConfig(json), 2)(scope.parameters);
  return scope.specs();
}

/** The published tower has its last norm, which nothing here reads, and no projection. */
function towerParameters(json: Json): readonly ParameterSpec[] {
  const config = parseClipVisionConfig(json);
  const scope = parameterScope();
  const pixels = input('pixels', [1, config.channels, config.imageSize, config.imageSize]);
  clipImageEmbeds(scope.parameters, config, clipVisionStates(scope.parameters, config, pixels).lastHiddenState);
  return scope.specs().filter(({ name }) => name.startsWith('vision_model.'));
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
