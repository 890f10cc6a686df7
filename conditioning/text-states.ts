// From a prompt to the states that a video transformer attends to, as Wan's pipelines do it: clean the text, tokenise,
// encode, cut at the text's length (special tokens included), fill up with zero vectors. CLIP's tower stands in for UMT5
// in small models. Graphs open when a prompt is not in the cache and can be released before the transformer loads.
import { z } from 'zod';
import { input } from '../graph/build.ts';
import { compile } from '../graph/compile.ts';
import { type Engine, fetched, type Session } from '../graph/engine.ts';
import { ModelFileError } from '../graph/errors.ts';
import { parameterScope } from '../graph/parameters.ts';
import { floats, int32Tensor, type Tensor, tensor } from '../graph/tensor.ts';
import type { Weights } from '../graph/weights.ts';
import { cleanPrompt } from './clean-prompt.ts';
import { type ClipTextConfig, clipTextStates, parseClipTextConfig } from './clip-text.ts';
import { readModelConfig } from './model-config.ts';
import { memoryStateCache, type StateCache, stateKey } from './state-cache.ts';
import type { TextTokenizer } from './tokenizer.ts';
import { parseUmt5Config, type Umt5Config, umt5States } from './umt5.ts';

export type TextEncoderModel =
  { readonly kind: 'clip'; readonly config: ClipTextConfig } | { readonly kind: 'umt5'; readonly config: Umt5Config };

/** Reads the config.json of a `text_encoder` folder, whichever of the two it is. @throws ModelFileError */
export function parseTextEncoderConfig(json: unknown, file = 'config.json'): TextEncoderModel {
  const { model_type: type } = readModelConfig(z.looseObject({ model_type: z.string() }), json, file);
  if (type === 'clip_text_model') return { kind: 'clip', config: parseClipTextConfig(json, file) };
  if (type === 'umt5') return { kind: 'umt5', config: parseUmt5Config(json, file) };
  throw new ModelFileError(`${file}: text encoders of type ${type} are not known, only clip_text_model and umt5.`);
}

export type TextEncoderSource = TextEncoderModel & {
  /** Tells this encoder's states from any other's in the cache, such as a checksum of the weights. */
  readonly modelId: string;
  readonly weights: Weights;
  /** When 16-bit weights become float32, see CompileRequest. */
  readonly widen?: 'once' | 'late';
  readonly tokenizer: TextTokenizer;
  /** Default: the last 64 prompts, in memory. */
  readonly cache?: StateCache;
};

export interface PromptEncoder {
  /** Width D of a state. */
  readonly width: number;
  /**
   * The prompt's states [1,maxLength,D], zero after its last token. A prompt with more than maxLength tokens (or more
   * than the model has positions) loses its last words. The tensor is the caller's own.
   */
  encode(prompt: string, maxLength: number): Promise<Tensor & { data: Float32Array }>;
  /** Words of the cleaned prompt that the vocabulary cannot express. */
  unknownWords(prompt: string): readonly string[];
  /** Whether the prompt has more tokens than are encoded. */
  isTruncated(prompt: string, maxLength: number): boolean;
  /** Closes the graphs and frees their memory. The next prompt that is not in the cache opens them again. */
  release(): Promise<void>;
}

/** A text encoder over an engine. Opens nothing yet: missing weights show at the first prompt. */
export function openTextEncoder(engine: Engine, source: TextEncoderSource): PromptEncoder {
  const { tokenizer, modelId, cache = memoryStateCache() } = source;
  const width = source.config.hiddenSize;
  const sessions = new Map<number, Promise<Session>>();
  const limitOf = (maxLength: number) => Math.min(maxLength, longestText(source));
  const tokens = (prompt: string, maxLength: number) => tokenizer.encode(cleanPrompt(prompt), limitOf(maxLength));

  const release = async (): Promise<void> => {
    const open = [...sessions.values()];
    sessions.clear();
    await Promise.all(open.map(async (session) => (await session).release()));
  };

  let turn: Promise<unknown> = Promise.resolve();
  /** One after the other, so that none closes the graph that another runs. */
  const inTurn = <T>(job: () => Promise<T>): Promise<T> => {
    const done = turn.then(job, job);
    turn = done;
    return done;
  };

  const compute = async (prompt: string, maxLength: number): Promise<Float32Array> => {
    const { ids } = tokens(prompt, maxLength);
    const length = Math.min(limitOf(maxLength), graphLength(ids.length));
    // Each length's graph may hold all weights in memory of its own, which UMT5 is too large for.
    if (source.kind === 'umt5' && !sessions.has(length)) await release();
    const session = sessions.get(length) ?? engine.open(statesGraph(source, length));
    sessions.set(length, session);
    const results = await (await session).run(feeds(ids, length, tokenizer.padId));
    return floats(fetched(results, 'states')).slice(0, ids.length * width);
  };

  return {
    width,
    encode: async (prompt, maxLength) => {
      const key = stateKey(modelId, cleanPrompt(prompt), maxLength);
      const known = await cache.get(key);
      const states = known && fits(known, width, maxLength) ? known : await inTurn(() => compute(prompt, maxLength));
      if (states !== known) await cache.set(key, states);
      const padded = new Float32Array(maxLength * width);
      padded.set(states);
      return tensor(padded, [1, maxLength, width]);
    },
    unknownWords: (prompt) => tokenizer.unknownWords(cleanPrompt(prompt)),
    isTruncated: (prompt, maxLength) => tokens(prompt, maxLength).truncated,
    release: () => inTurn(release),
  };
}

/** 1 for each of the states [B,L,D] that belongs to a text, 0 for the zero vectors behind it: [B,L]. */
export function wordMask(states: Tensor): Tensor & { data: Float32Array } {
  const [batch, length, width] = states.shape as [number, number, number];
  const values = floats(states);
  const isWord = (row: number) => values.subarray(row * width, (row + 1) * width).some((value) => value !== 0);
  return tensor(
    Float32Array.from({ length: batch * length }, (_, row) => (isWord(row) ? 1 : 0)),
    [batch, length],
  );
}

/** CLIP has a table of positions; UMT5's are relative and never end. */
function longestText(model: TextEncoderModel): number {
  return model.kind === 'clip' ? model.config.maxPositions : Infinity;
}

/** Graphs have static shapes: a few lengths serve all prompts, each at most twice as long as the text. */
function graphLength(tokens: number): number {
  return Math.max(16, 2 ** Math.ceil(Math.log2(tokens)));
}

/** A damaged file in the cache has another number of values. */
function fits(states: Float32Array, width: number, maxLength: number): boolean {
  return states.length % width === 0 && states.length <= maxLength * width;
}

function statesGraph(source: TextEncoderSource, length: number) {
  const p = parameterScope().parameters;
  const inputIds = input('input_ids', [1, length], 'int32');
  // CLIP needs no mask: the padding comes after the text, and no word looks ahead.
  const { lastHiddenState: states } =
    source.kind === 'clip'
      ? clipTextStates(p, source.config, inputIds)
      : umt5States(p, source.config, inputIds, input('attention_mask', [1, length]));
  return compile({ outputs: { states }, weights: source.weights, ...(source.widen && { widen: source.widen }) });
}

function feeds(ids: readonly number[], length: number, padId: number): Record<string, Tensor> {
  const padded = new Int32Array(length).fill(padId);
  padded.set(ids);
  const mask = new Float32Array(length).fill(1, 0, ids.length);
  return { input_ids: int32Tensor(padded, [1, length]), attention_mask: tensor(mask, [1, length]) };
}
