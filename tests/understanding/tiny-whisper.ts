// A Whisper in form: log-mel features in, words between tokens of time out, read by a decoder that keeps a cache. What it says is
// a script; of the sound it tells high from low, and high sounds are German to it unless the prompt says otherwise, which it remembers
// by its cache alone.
import type { OnnxTensorProto, OnnxValueInfo } from '../../graph/onnx-proto.ts';
import { encode, FLOAT, INT64, ints, node, numbered, value, WIDTH, write } from './tiny-hub-models.ts';

const BOOL = 9;
const BANDS = 8;
const FRAMES = 1500;
const german: Readonly<Record<string, string>> = {
  a: 'ein',
  low: 'tiefer',
  high: 'hoher',
  tone: 'Ton',
  again: 'wieder',
};
const english = Object.keys(german);
const text = [...english, ...Object.values(german)];
const special = 'endoftext startoftranscript en de translate transcribe startoflm startofprev nospeech notimestamps'.split(' '); // prettier-ignore
const times = Array.from({ length: FRAMES + 1 }, (_, i) => (i / 50).toFixed(2));
const added = [...special, ...times].map((name) => `<|${name}|>`);
const id = numbered([...text, ...added]);
const zero = id['<|0.00|>']!;
const SIZE = text.length + added.length;
/** <|startoftranscript|> <|en|> <|transcribe|> */
const PROMPT = 3;

/** Half a second of silence lies between the two phrases. A pitch is said as it is heard. */
export const TWO_PHRASES = '<|0.00|> a pitch tone <|1.00|> <|1.50|> again <|2.00|>';

/**
 * Sound in, phrases with their times out, in English or German.
 * @param says what is said of each half minute: words, tokens of time, and `pitch` for low or high
 */
export async function writeTinyWhisper(folder: string, says = TWO_PHRASES): Promise<void> {
  await write(folder, {
    'config.json': {
      model_type: 'whisper',
      architectures: ['WhisperForConditionalGeneration'],
      is_encoder_decoder: true,
      d_model: WIDTH,
      ...{ encoder_layers: 1, encoder_attention_heads: 1, decoder_layers: 1, decoder_attention_heads: 1 },
      ...{ num_mel_bins: BANDS, max_source_positions: FRAMES, max_target_positions: 64, vocab_size: SIZE },
      ...{ decoder_start_token_id: id['<|startoftranscript|>'], eos_token_id: id['<|endoftext|>'] },
    },
    'generation_config.json': {
      is_multilingual: true,
      lang_to_id: { '<|en|>': id['<|en|>'], '<|de|>': id['<|de|>'] },
      task_to_id: { translate: id['<|translate|>'], transcribe: id['<|transcribe|>'] },
      no_timestamps_token_id: id['<|notimestamps|>'],
      decoder_start_token_id: id['<|startoftranscript|>'],
      ...{ bos_token_id: id['<|endoftext|>'], eos_token_id: id['<|endoftext|>'], pad_token_id: id['<|endoftext|>'] },
      begin_suppress_tokens: [id['<|endoftext|>']],
      ...{ alignment_heads: [[0, 0]], max_initial_timestamp_index: 50, max_length: 64, return_timestamps: false },
    },
    'preprocessor_config.json': {
      feature_extractor_type: 'WhisperFeatureExtractor',
      processor_class: 'WhisperProcessor',
      ...{ sampling_rate: 16_000, chunk_length: 30, n_samples: 480_000, nb_max_frames: 3000 },
      ...{ feature_size: BANDS, n_fft: 400, hop_length: 160, padding_side: 'right', padding_value: 0 },
    },
    ...tokenizer(),
    'onnx/encoder_model.onnx': encoder(),
    'onnx/decoder_model_merged.onnx': decoder(says),
  });
}

/** Byte-level BPE without merges; tokens of time are added ones that are not special, as in OpenAI's. */
function tokenizer(): Record<string, unknown> {
  const letters = text.map((word) => `Ġ${word}`);
  return {
    'tokenizer.json': {
      version: '1.0',
      added_tokens: added.map((content, i) => ({ id: text.length + i, content, special: i < special.length, single_word: false, lstrip: false, rstrip: false, normalized: false })), // prettier-ignore
      normalizer: null,
      pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
      post_processor: null,
      decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
      model: { type: 'BPE', vocab: numbered(letters), merges: [], unk_token: null, byte_fallback: false },
    },
    'tokenizer_config.json': { tokenizer_class: 'WhisperTokenizer', bos_token: '<|endoftext|>', eos_token: '<|endoftext|>', unk_token: '<|endoftext|>' }, // prettier-ignore
  };
}

/** The first of the 8 channels is how much louder the lower half of the bands is. */
function encoder(): Uint8Array {
  const bands = table('bands', BANDS, WIDTH, (band, channel) => (channel > 0 ? 0 : band < BANDS / 2 ? 50 : -50));
  return encode(
    [
      node('AveragePool', ['input_features'], ['halved'], { kernel_shape: [2], strides: [2] }), // [1,8,1500]
      node('Transpose', ['halved'], ['rows'], { perm: [0, 2, 1] }), // [1,1500,8]
      node('MatMul', ['rows', 'bands'], ['last_hidden_state']), // [1,1500,8]
    ],
    [bands],
    [value('input_features', FLOAT, 3)],
    [value('last_hidden_state', FLOAT, 3)],
  );
}

function decoder(says: string): Uint8Array {
  const script = says.split(' ');
  // What follows so many tokens: after the first the language, after the prompt the script, then the end.
  const next = table('next', PROMPT + script.length + 1, SIZE, (row, token) => {
    const word = row === 1 ? 'tongue' : (script[Math.max(row - PROMPT, 0)] ?? '<|endoftext|>');
    const fit = word === 'tongue' ? ['<|en|>', '<|de|>'] : word === 'pitch' ? ['low', 'high'] : [word];
    if (fit.some((one) => id[one] === token)) return 20;
    if (fit.some((one) => german[one] !== undefined && id[german[one]] === token)) return 15;
    // Where the time of the script is forbidden, the last one is said.
    return Math.max(token - zero, 0) / FRAMES;
  });
  const lowWords = ['low', 'tiefer', '<|en|>'].map((word) => id[word]);
  const highWords = ['high', 'hoher', '<|de|>'].map((word) => id[word]);
  const pitch = table('pitch', WIDTH, SIZE, (channel, token) =>
    channel > 0 ? 0 : lowWords.includes(token) ? 2 : highWords.includes(token) ? -2 : 0,
  );
  const memory = table('memory', SIZE, WIDTH, (token, channel) => (token === id['<|de|>'] && channel === 0 ? 1 : 0));
  const tongue = table('tongue', WIDTH, SIZE, (channel, token) => (channel === 0 && token < english.length ? -20 : 0));
  const cache = ['decoder.key', 'decoder.value', 'encoder.key', 'encoder.value'];
  return encode(
    [
      node('Gather', ['memory', 'input_ids'], ['embedded']), // [1,L,8]
      node('Unsqueeze', ['embedded', 'one'], ['kept']), // [1,1,L,8]
      ...cache.slice(0, 2).map((name) => node('Concat', [`past_key_values.0.${name}`, 'kept'], [`present.0.${name}`], { axis: 2 })), // prettier-ignore
      ...cache.slice(2).map((name) => node('Unsqueeze', ['encoder_hidden_states', 'one'], [`present.0.${name}`])),
      node('Shape', ['present.0.decoder.key'], ['count'], { start: 2, end: 3 }), // [1]
      node('Min', ['count', 'last'], ['place']),
      node('Gather', ['next', 'place'], ['script']), // [1,V]
      node('ReduceSum', ['present.0.decoder.value', 'heads'], ['remembered'], { keepdims: 0 }), // [1,8]
      node('MatMul', ['remembered', 'tongue'], ['language']), // [1,V]
      node('ReduceMean', ['encoder_hidden_states', 'one'], ['heard'], { keepdims: 0 }), // [1,8]
      node('Tanh', ['heard'], ['bounded']),
      node('MatMul', ['bounded', 'pitch'], ['height']), // [1,V]
      node('Sum', ['script', 'language', 'height'], ['scores']),
      node('Unsqueeze', ['scores', 'one'], ['logits']), // [1,1,V]
    ],
    [ints('one', [1]), ints('heads', [1, 2]), ints('last', [PROMPT + script.length]), next, pitch, memory, tongue],
    [
      ...[value('input_ids', INT64, 2), value('encoder_hidden_states', FLOAT, 3)],
      ...cache.map((name) => kept(`past_key_values.0.${name}`)),
      { name: 'use_cache_branch', type: { tensor_type: { elem_type: BOOL, shape: { dim: [{ dim_value: 1 }] } } } },
    ],
    [value('logits', FLOAT, 3), ...cache.map((name) => kept(`present.0.${name}`))],
  );
}

/** A part of the cache: [1, heads, length, headDim]. */
function kept(name: string): OnnxValueInfo {
  const dim = [{ dim_value: 1 }, { dim_value: 1 }, {} as { dim_value: number }, { dim_value: WIDTH }];
  return { name, type: { tensor_type: { elem_type: FLOAT, shape: { dim } } } };
}

function table(
  name: string,
  rows: number,
  columns: number,
  at: (row: number, column: number) => number,
): OnnxTensorProto {
  const values = Float32Array.from({ length: rows * columns }, (_, i) => at(Math.floor(i / columns), i % columns));
  return { name, dims: [rows, columns], data_type: FLOAT, raw_data: new Uint8Array(values.buffer) };
}
