// Writes text with a Llama decoder, token by token, through an engine. Keys and values of past tokens stay in the engine;
// two static graphs, one for pieces of the prompt and one for single tokens, share the mapped weights.
// Knows token ids only: no tokenizer, no chat template.
import { compile } from '../graph/compile.ts';
import { type Engine, fetched, isKept, type Kept, type Session, type Value } from '../graph/engine.ts';
import { InvalidRequestError } from '../graph/errors.ts';
import { parameterScope } from '../graph/parameters.ts';
import { floats, int32Tensor, type Tensor, tensor, zeros } from '../graph/tensor.ts';
import type { Weights } from '../graph/weights.ts';
import { MASKED } from './attention-bias.ts';
import type { LlamaConfig } from './llama-config.ts';
import { rotationTables } from './llama-rope.ts';
import { cacheNames, llamaStep } from './llama.ts';
import { greedyToken, type TokenChoice } from './sample-token.ts';

export interface LlamaSource {
  readonly config: LlamaConfig;
  readonly weights: Weights;
  /** Tokens of the longest text, prompt included; the cache takes memory for all of them. */
  readonly slots: number;
  /** Prompt tokens run at once. */
  readonly chunk?: number;
  /** The token in whose places pictures stand; left out, prompts are words alone. */
  readonly pictureId?: number;
}

export interface WriteOptions {
  readonly maxNewTokens: number;
  /** Default: the most likely token. */
  readonly choose?: TokenChoice;
  /** Tokens that end the text (the last one is returned too). Default: those of the configuration. */
  readonly eosIds?: readonly number[];
  /** What stands in the prompt's picture tokens, in their order: [count,D]. */
  readonly pictures?: Float32Array;
  /** Looked at between tokens. */
  readonly signal?: AbortSignal;
  readonly onToken?: (id: number) => void;
}

export interface Llama {
  /** The new tokens after a prompt, at most maxNewTokens. @throws InvalidRequestError when both don't fit the slots */
  write(promptIds: readonly number[], options: WriteOptions): Promise<number[]>;
  release(): Promise<void>;
}

type Caches = Readonly<Record<string, Value>>;
interface Step {
  readonly logits: Float32Array;
  readonly caches: Caches;
}

/** Opens a decoder's two graphs in an engine. @throws ModelFileError when weights are missing or damaged */
export async function openLlama(engine: Engine, source: LlamaSource): Promise<Llama> {
  const { slots } = source;
  const chunk = Math.min(source.chunk ?? 64, slots);
  const prefill = await openStep(engine, source, chunk);
  const decode = await openStep(engine, source, 1);
  const step: Writing['step'] = async (ids, position, { caches, pictures }) => {
    const [session, width] = ids.length === 1 ? [decode, 1] : [prefill, chunk];
    const shown = source.pictureId === undefined ? {} : pictureFeeds(source, ids, width, pictures);
    const results = await session.run(
      { ...stepFeeds(source.config, { ids, position, width, slots }), ...shown, ...caches },
      { keep: Object.keys(caches).map((name) => `next.${name}`) },
    );
    engine.drop(keptOf(caches));
    const next = Object.keys(caches).map((name) => [name, results[`next.${name}`]!]);
    return { logits: floats(fetched(results, 'logits')), caches: Object.fromEntries(next) as Caches };
  };
  return {
    write: (promptIds, options) => write(engine, source, promptIds, { chunk, step, ...options }),
    release: async () => {
      await prefill.release();
      await decode.release();
    },
  };
}

function openStep(engine: Engine, source: LlamaSource, tokens: number): Promise<Session> {
  const { config, weights, slots, pictureId } = source;
  const shape = { tokens, slots, pictures: pictureId !== undefined };
  const outputs = llamaStep(parameterScope().parameters, config, shape);
  return engine.open(compile({ outputs, weights }));
}

interface Writing extends WriteOptions {
  readonly chunk: number;
  readonly step: (ids: readonly number[], position: number, past: Past) => Promise<Step>;
}
interface Past {
  readonly caches: Caches;
  /** Rows of the pictures that were not read yet. */
  readonly pictures: Float32Array;
}

async function write(engine: Engine, source: LlamaSource, prompt: readonly number[], w: Writing): Promise<number[]> {
  const { choose = greedyToken, eosIds = source.config.eosIds, maxNewTokens } = w;
  checkLength(prompt.length, maxNewTokens, source.slots);
  const written: number[] = [];
  let caches = emptyCaches(source);
  let pending = prompt;
  let pictures = w.pictures ?? new Float32Array(0);
  let position = 0;
  try {
    while (written.length < maxNewTokens) {
      w.signal?.throwIfAborted();
      const ids = pending.slice(0, w.chunk);
      const { logits, caches: next } = await w.step(ids, position, { caches, pictures });
      caches = next;
      const shown = ids.filter((id) => id === source.pictureId).length;
      pictures = pictures.subarray(shown * source.config.hiddenSize);
      position += ids.length;
      pending = pending.slice(ids.length);
      if (pending.length > 0) continue; // still reading the prompt
      const id = choose(logits);
      written.push(id);
      w.onToken?.(id);
      if (eosIds.includes(id)) break;
      pending = [id];
    }
    return written;
  } finally {
    engine.drop(keptOf(caches));
  }
}

function checkLength(promptTokens: number, maxNewTokens: number, slots: number): void {
  if (promptTokens === 0)
    throw new InvalidRequestError('The prompt for the language model is empty. Give it at least one token.');
  if (promptTokens + maxNewTokens <= slots) return;
  throw new InvalidRequestError(
    `The prompt has ${promptTokens} tokens and ${maxNewTokens} more are wanted, but the language model was opened for ` +
      `${slots} in all. Shorten the prompt, ask for fewer tokens, or open it with more slots.`,
  );
}

function emptyCaches({ config, slots }: LlamaSource): Caches {
  const empty = zeros([1, config.kvHeads, slots, config.headDim]);
  const layers = Array.from({ length: config.layers }, (_, layer) => cacheNames(layer));
  return Object.fromEntries(layers.flatMap(({ keys, values }) => [keys, values]).map((name) => [name, empty]));
}

function keptOf(caches: Caches): Kept[] {
  return Object.values(caches).filter(isKept);
}

interface StepTokens {
  readonly ids: readonly number[];
  /** Place of the first token in the text. */
  readonly position: number;
  /** Tokens that the graph takes; ids are padded up to it. */
  readonly width: number;
  readonly slots: number;
}

/** Rows for the picture tokens among the ids; none come after the prompt, where the next word alone is wanted. */
function pictureFeeds(
  { config, pictureId }: LlamaSource,
  ids: readonly number[],
  width: number,
  pictures: Float32Array,
): Record<string, Tensor> {
  const size = config.hiddenSize;
  const [rows, shown] = [new Float32Array(width * size), new Float32Array(width)];
  let next = 0;
  ids.forEach((id, token) => {
    if (id !== pictureId || next + size > pictures.length) return;
    rows.set(pictures.subarray(next, next + size), token * size);
    shown[token] = 1;
    next += size;
  });
  return { pictures: tensor(rows, [1, width, size]), shown: tensor(shown, [1, width, 1]) };
}

/** The inputs of a step graph, but for the caches (see llamaStep). */
function stepFeeds(config: LlamaConfig, { ids, position, width, slots }: StepTokens): Record<string, Tensor> {
  const places = new Float32Array(slots * width);
  const bias = new Float32Array(width * slots);
  for (let token = 0; token < width; token++) {
    if (token < ids.length) places[(position + token) * width + token] = 1;
    bias.fill(MASKED, token * slots + Math.min(position + token + 1, slots), (token + 1) * slots);
  }
  const selected = new Float32Array(width);
  selected[ids.length - 1] = 1;
  const padded = [...ids, ...Array.from({ length: width - ids.length }, () => 0)];
  return {
    input_ids: int32Tensor(padded, [1, width]),
    ...rotationTables(config, position, width),
    slots: tensor(places, [slots, width]),
    bias: tensor(bias, [1, 1, width, slots]),
    selected: tensor(selected, [1, width]),
  };
}
