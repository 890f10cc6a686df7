// Models of the hub's format, small enough for tests: config, tokenizer, preprocessor and ONNX files as transformers.js reads
// them, with random weights. What they say is nonsense; everything on the way to it is real.
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createRandom, type Random } from '../../dit/random.ts';
import { encodeModel, type OnnxNodeProto, type OnnxTensorProto, type OnnxValueInfo } from '../../graph/onnx-proto.ts';
import { fillNormal } from '../../dit/noise.ts';

export const FLOAT = 1;
export const INT64 = 7;
export const WIDTH = 8;
const words = '<s> </s> <unk> <image> a the dog cat red blue house tree runs sits on in'.split(' ');

/** A picture in, words out: a ViT-GPT2 in form, for the pipeline image-to-text. */
export async function writeTinyCaptioner(folder: string): Promise<void> {
  const random = createRandom(7);
  const encoder = encode(
    [
      node('AveragePool', ['pixel_values'], ['pooled'], { kernel_shape: [8, 8], strides: [8, 8] }), // [1,3,4,4]
      node('Reshape', ['pooled', 'tokens'], ['patches']), // [1,3,16]
      node('Transpose', ['patches'], ['rows'], { perm: [0, 2, 1] }), // [1,16,3]
      node('MatMul', ['rows', 'projection'], ['last_hidden_state']), // [1,16,8]
    ],
    [ints('tokens', [1, 3, 16]), weights('projection', [3, WIDTH], random)],
    [value('pixel_values', FLOAT, 4)],
    [value('last_hidden_state', FLOAT, 3)],
  );
  const decoder = encode(
    [
      node('Gather', ['next', 'input_ids'], ['words']), // [1,L,V]
      node('ReduceMean', ['encoder_hidden_states', 'axis'], ['seen'], { keepdims: 1 }), // [1,1,8]
      node('MatMul', ['seen', 'reading'], ['picture']), // [1,1,V]
      node('Add', ['words', 'picture'], ['logits']),
    ],
    [ints('axis', [1]), plain(weights('next', [words.length, words.length], random)), weights('reading', [WIDTH, words.length], random)], // prettier-ignore
    [value('input_ids', INT64, 2), value('encoder_hidden_states', FLOAT, 3)],
    [value('logits', FLOAT, 3)],
  );
  await write(folder, {
    'config.json': {
      model_type: 'vision-encoder-decoder',
      architectures: ['VisionEncoderDecoderModel'],
      is_encoder_decoder: true,
      encoder: { model_type: 'vit', hidden_size: WIDTH, image_size: 32, patch_size: 8 },
      decoder: { model_type: 'gpt2', n_layer: 1, n_head: 1, n_embd: WIDTH, vocab_size: words.length },
      decoder_start_token_id: 0,
      eos_token_id: 1,
      pad_token_id: 1,
    },
    'generation_config.json': { decoder_start_token_id: 0, eos_token_id: 1, pad_token_id: 1, max_new_tokens: 6 },
    'preprocessor_config.json': pictures('ViTFeatureExtractor'),
    ...tokenizer('GPT2Tokenizer'),
    'onnx/encoder_model.onnx': encoder,
    'onnx/decoder_model_merged.onnx': decoder,
  });
}

/** A picture and a question in, words out: a LLaVA in form, with a chat template. */
export async function writeTinyChat(folder: string): Promise<void> {
  const random = createRandom(11);
  const embed = encode(
    [node('Gather', ['table', 'input_ids'], ['inputs_embeds'])],
    [weights('table', [words.length, WIDTH], random)],
    [value('input_ids', INT64, 2)],
    [value('inputs_embeds', FLOAT, 3)],
  );
  const vision = encode(
    [
      node('AveragePool', ['pixel_values'], ['pooled'], { kernel_shape: [8, 8], strides: [8, 8] }),
      node('Reshape', ['pooled', 'tokens'], ['patches']),
      node('Transpose', ['patches'], ['rows'], { perm: [0, 2, 1] }),
      node('MatMul', ['rows', 'projection'], ['image_features']), // [1,16,8]
    ],
    [ints('tokens', [1, 3, 16]), weights('projection', [3, WIDTH], random)],
    [value('pixel_values', FLOAT, 4)],
    [value('image_features', FLOAT, 3)],
  );
  const decoder = encode(
    [node('MatMul', ['inputs_embeds', 'head'], ['scores']), node('Add', ['scores', 'bias'], ['logits'])],
    [weights('head', [WIDTH, words.length], random), plain(weights('bias', [1, words.length], random))],
    [value('inputs_embeds', FLOAT, 3)],
    [value('logits', FLOAT, 3)],
  );
  await write(folder, {
    'config.json': {
      model_type: 'llava',
      architectures: ['LlavaForConditionalGeneration'],
      image_token_index: 3,
      image_token_id: 3,
      vision_config: { model_type: 'clip_vision_model', hidden_size: WIDTH, image_size: 32, patch_size: 8 },
      text_config: { model_type: 'llama', num_hidden_layers: 1, num_attention_heads: 1, num_key_value_heads: 1, hidden_size: WIDTH, vocab_size: words.length }, // prettier-ignore
      eos_token_id: 1,
      pad_token_id: 1,
    },
    'generation_config.json': { eos_token_id: 1, pad_token_id: 1, max_new_tokens: 6 },
    'preprocessor_config.json': { ...pictures('CLIPImageProcessor'), processor_class: 'LlavaProcessor' },
    'processor_config.json': {
      processor_class: 'LlavaProcessor',
      image_token: '<image>',
      patch_size: 8,
      num_additional_image_tokens: 0,
    },
    ...tokenizer('LlamaTokenizer'),
    'onnx/embed_tokens.onnx': embed,
    'onnx/vision_encoder.onnx': vision,
    'onnx/decoder_model_merged.onnx': decoder,
  });
}

/** A picture or a text in, a vector out: a CLIP or a SigLIP in form, which differ in the names of their outputs and in padding. */
export async function writeTinyClip(folder: string, model_type: 'clip' | 'siglip' = 'clip'): Promise<void> {
  const random = createRandom(13);
  const [said, seen] = model_type === 'clip' ? ['text_embeds', 'image_embeds'] : ['pooler_output', 'pooler_output'];
  const text = encode(
    [
      node('Gather', ['table', 'input_ids'], ['words']), // [1,L,8]
      node('ReduceMean', ['words', 'axis'], [said], { keepdims: 0 }), // [1,8]
    ],
    [ints('axis', [1]), weights('table', [words.length, WIDTH], random)],
    [value('input_ids', INT64, 2)],
    [value(said, FLOAT, 2)],
  );
  const vision = encode(
    [
      node('AveragePool', ['pixel_values'], ['pooled'], { kernel_shape: [8, 8], strides: [8, 8] }), // [P,3,4,4]
      node('Reshape', ['pooled', 'flat'], ['values']), // [P,48]
      node('MatMul', ['values', 'projection'], [seen]), // [P,8]
    ],
    [ints('flat', [0, -1]), weights('projection', [48, WIDTH], random)],
    [value('pixel_values', FLOAT, 4)],
    [value(seen, FLOAT, 2)],
  );
  const files = tokenizer('CLIPTokenizer') as Record<string, object>;
  await write(folder, {
    'config.json': { model_type, architectures: [model_type === 'clip' ? 'CLIPModel' : 'SiglipModel'] },
    'preprocessor_config.json': pictures(model_type === 'clip' ? 'CLIPImageProcessor' : 'SiglipImageProcessor'),
    ...files,
    'tokenizer_config.json': { ...files['tokenizer_config.json'], pad_token: '</s>', model_max_length: 8 },
    'onnx/text_model.onnx': text,
    'onnx/vision_model.onnx': vision,
  });
}

/** Words in, words out: a GPT-2 in form, each of whose words follows from the one before. */
export async function writeTinyWriter(folder: string): Promise<void> {
  const random = createRandom(17);
  const files = tokenizer('GPT2Tokenizer') as Record<string, object>;
  const model = encode(
    [node('Gather', ['next', 'input_ids'], ['logits'])], // [1,L,V]
    [weights('next', [words.length, words.length], random)],
    [value('input_ids', INT64, 2)],
    [value('logits', FLOAT, 3)],
  );
  await write(folder, {
    'config.json': {
      model_type: 'gpt2',
      architectures: ['GPT2LMHeadModel'],
      ...{ n_layer: 1, n_head: 1, n_embd: WIDTH, vocab_size: words.length, eos_token_id: 1, pad_token_id: 1 },
    },
    'generation_config.json': { eos_token_id: 1, pad_token_id: 1 },
    ...files,
    'tokenizer_config.json': {
      ...files['tokenizer_config.json'],
      chat_template: "{% for message in messages %}{{ message['content'] }}{% endfor %}",
    },
    'onnx/model.onnx': model,
  });
}

/** Sound in, letters out: a Wav2Vec2 in form. */
export async function writeTinyListener(folder: string): Promise<void> {
  const random = createRandom(5);
  const letters = ['<pad>', '<s>', '</s>', '<unk>', '|', ...'ABCDEFGHIJ'];
  const model = encode(
    [
      node('Unsqueeze', ['input_values', 'axis'], ['sound']), // [1,1,N]
      node('Conv', ['sound', 'kernel'], ['features'], { strides: [320] }), // [1,V,T]
      node('Transpose', ['features'], ['logits'], { perm: [0, 2, 1] }),
    ],
    [ints('axis', [1]), weights('kernel', [letters.length, 1, 400], random)],
    [value('input_values', FLOAT, 2)],
    [value('logits', FLOAT, 3)],
  );
  const special = letters.slice(0, 4).map((content, id) => ({ id, content, special: true, single_word: false, lstrip: false, rstrip: false, normalized: false })); // prettier-ignore
  await write(folder, {
    'config.json': {
      model_type: 'wav2vec2',
      architectures: ['Wav2Vec2ForCTC'],
      vocab_size: letters.length,
      pad_token_id: 0,
    },
    'preprocessor_config.json': { feature_extractor_type: 'Wav2Vec2FeatureExtractor', sampling_rate: 16000, feature_size: 1, do_normalize: true, padding_value: 0 }, // prettier-ignore
    'tokenizer.json': {
      version: '1.0',
      added_tokens: special,
      normalizer: null,
      pre_tokenizer: { type: 'Split', pattern: { Regex: '' }, behavior: 'Isolated', invert: false },
      post_processor: null,
      decoder: { type: 'CTC', pad_token: '<pad>', word_delimiter_token: '|', cleanup: true },
      model: { type: 'WordLevel', vocab: numbered(letters), unk_token: '<unk>' },
    },
    'tokenizer_config.json': { tokenizer_class: 'Wav2Vec2CTCTokenizer', unk_token: '<unk>', pad_token: '<pad>', word_delimiter_token: '|' }, // prettier-ignore
    'onnx/model.onnx': model,
  });
}

export const numbered = (tokens: readonly string[]): Record<string, number> =>
  Object.fromEntries(tokens.map((token, id) => [token, id]));

function tokenizer(tokenizer_class: string): Record<string, unknown> {
  const special = words.slice(0, 4).map((content, id) => ({ id, content, special: true, single_word: false, lstrip: false, rstrip: false, normalized: false })); // prettier-ignore
  return {
    'tokenizer.json': {
      version: '1.0',
      added_tokens: special,
      normalizer: { type: 'Lowercase' },
      pre_tokenizer: { type: 'Whitespace' },
      post_processor: null,
      decoder: null,
      model: { type: 'WordLevel', vocab: numbered(words), unk_token: '<unk>' },
    },
    'tokenizer_config.json': {
      tokenizer_class,
      unk_token: '<unk>',
      eos_token: '</s>',
      chat_template:
        "{% for m in messages %}{% for c in m['content'] %}{% if c['type'] == 'image' %}<image>{% else %} {{ c['text'] }}{% endif %}{% endfor %}{% endfor %}",
    },
  };
}

const pictures = (image_processor_type: string): Record<string, unknown> => ({
  image_processor_type,
  do_resize: true,
  size: { height: 32, width: 32 },
  do_rescale: true,
  rescale_factor: 1 / 255,
  do_normalize: true,
  image_mean: [0.5, 0.5, 0.5],
  image_std: [0.5, 0.5, 0.5],
});

export async function write(folder: string, files: Readonly<Record<string, unknown>>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content instanceof Uint8Array ? content : JSON.stringify(content));
  }
}

export function encode(
  nodes: readonly OnnxNodeProto[],
  initializer: readonly OnnxTensorProto[],
  input: readonly OnnxValueInfo[],
  output: readonly OnnxValueInfo[],
): Uint8Array {
  return encodeModel({ name: 'tiny', node: nodes, initializer, input, output });
}

export function node(
  op_type: string,
  input: readonly string[],
  output: readonly string[],
  attributes: Readonly<Record<string, number | readonly number[]>> = {},
): OnnxNodeProto {
  const attribute = Object.entries(attributes).map(([name, value]) =>
    typeof value === 'number' ? { name, type: 2, i: value } : { name, type: 7, ints: value },
  );
  return { name: output[0]!, op_type, domain: '', input, output, attribute };
}

/** A value of so many axes, of any length each. */
export function value(name: string, elem_type: number, axes: number): OnnxValueInfo {
  const dim = Array.from({ length: axes }, () => ({})) as { dim_value: number }[];
  return { name, type: { tensor_type: { elem_type, shape: { dim } } } };
}

export const ints = (name: string, values: readonly number[]): OnnxTensorProto => ({
  name,
  dims: [values.length],
  data_type: INT64,
  raw_data: new Uint8Array(BigInt64Array.from(values, BigInt).buffer),
});

function weights(name: string, dims: readonly number[], random: Random): OnnxTensorProto {
  const values = new Float32Array(dims.reduce((product, length) => product * length, 1));
  fillNormal(random, values);
  return { name, dims, data_type: FLOAT, raw_data: new Uint8Array(values.buffer) };
}

/** Scores under which the special words, which are the first four, are never said. */
function plain(tensor: OnnxTensorProto): OnnxTensorProto {
  const values = new Float32Array(tensor.raw_data!.buffer as ArrayBuffer);
  for (const i of values.keys()) if (i % tensor.dims[1]! < 4) values[i] = -50;
  return tensor;
}
