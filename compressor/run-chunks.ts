// Runs clips through the autoencoder's graphs in an engine: a short clip as one graph, a long one chunk by chunk, where the
// state of the causal layers stays in the engine and passes from each chunk to the next.
import { input } from '../graph/build.ts';
import { compile } from '../graph/compile.ts';
import { type Engine, fetched, isKept, type Kept, type Value } from '../graph/engine.ts';
import type { Node } from '../graph/node.ts';
import { parameterScope } from '../graph/parameters.ts';
import type { Shape, Tensor } from '../graph/tensor.ts';
import type { Weights } from '../graph/weights.ts';
import { decodeChunk, encodeMoments } from './autoencoder.ts';
import type { AutoencoderConfig } from './config.ts';
import type { StreamState } from './place.ts';
import type { SessionCache } from './session-cache.ts';

/** `encode` gives moments [B,2*zDim,T',H',W'] with unclamped log variance, `decode` unclamped video [B,3,T,H,W]. */
export type Direction = 'encode' | 'decode';

/** An autoencoder's weights, and where they run. */
export interface Runner {
  readonly engine: Engine;
  readonly sessions: SessionCache;
  readonly config: AutoencoderConfig;
  readonly weights: Weights;
}

type KeptState = Readonly<Record<string, Kept>>;

/** Runs a whole clip as one graph. */
export async function runWhole(
  { sessions, config, weights }: Runner,
  direction: Direction,
  clip: Tensor,
): Promise<Tensor> {
  const key = `${direction} whole ${clip.shape.join('x')}`;
  const graph = () => compile({ outputs: { result: chunkGraph(config, direction, clip.shape).result }, weights });
  return fetched(await sessions.run(key, { chunk: clip }, { graph }), 'result');
}

/** Runs chunks in their order, the clip's first one first. The state is dropped at the end, also when the reader stops early. */
export async function* runChunks(
  runner: Runner,
  direction: Direction,
  chunks: AsyncIterable<Tensor>,
): AsyncGenerator<Tensor> {
  let past: KeptState | undefined;
  const replaceState = (next: KeptState | undefined) => {
    const lives = new Set(Object.values(next ?? {}).map(({ kept }) => kept));
    runner.engine.drop(Object.values(past ?? {}).filter(({ kept }) => !lives.has(kept)));
    past = next;
  };
  try {
    for await (const chunk of chunks) {
      const results = await runChunk(runner, direction, chunk, past);
      replaceState(stateOf(results));
      yield fetched(results, 'result');
    }
  } finally {
    replaceState(undefined);
  }
}

function runChunk(
  { sessions, config, weights }: Runner,
  direction: Direction,
  chunk: Tensor,
  past: KeptState | undefined,
): Promise<Record<string, Value>> {
  const graph = () => {
    const { result, state } = chunkGraph(config, direction, chunk.shape, past);
    return compile({ outputs: { result, ...rename(reversed(state), (name) => NEXT + name) }, weights });
  };
  const key = `${direction} ${past === undefined ? 'first' : 'next'} ${chunk.shape.join('x')}`;
  const feeds = { chunk, ...rename(past ?? {}, (name) => PAST + name) };
  // What a decoder's layer leaves is cut out of its past and present joined, which alone reads its past: it may be written there.
  const names = direction === 'decode' ? Object.keys(past ?? {}) : [];
  const over = Object.fromEntries(names.map((name) => [NEXT + name, PAST + name]));
  return sessions.run(key, feeds, {
    graph,
    options: { memoryPattern: false, arena: false },
    keeps: (output) => output.startsWith(NEXT),
    over,
    once: past === undefined, // the first chunk's memory is better used for those that follow
  });
}

const PAST = 'past.';
const NEXT = 'next.';

function stateOf(results: Readonly<Record<string, Value>>): KeptState {
  const kept = Object.entries(results).filter((entry): entry is [string, Kept] => isKept(entry[1]));
  return rename(Object.fromEntries(kept), (name) => name.slice(NEXT.length));
}

function chunkGraph(
  config: AutoencoderConfig,
  direction: Direction,
  shape: Shape,
  past?: KeptState,
): { readonly result: Node; readonly state: StreamState } {
  const p = parameterScope().parameters;
  const chunk = input('chunk', shape);
  const remembered =
    past && Object.fromEntries(Object.entries(past).map(([name, kept]) => [name, input(PAST + name, kept.shape)]));
  if (direction === 'decode') {
    const { video, state } = decodeChunk(p, config, chunk, remembered);
    return { result: video, state };
  }
  const { moments, state } = encodeMoments(p, config, chunk, remembered);
  return { result: moments, state };
}

/**
 * onnxruntime follows the last output first. In the order of layers each layer's state would be cut at the very end, and all
 * that they are cut from would stay in memory until then.
 */
const reversed = <T>(record: Readonly<Record<string, T>>): Record<string, T> =>
  Object.fromEntries(Object.entries(record).reverse());

function rename<T>(record: Readonly<Record<string, T>>, to: (name: string) => string): Record<string, T> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [to(name), value]));
}
