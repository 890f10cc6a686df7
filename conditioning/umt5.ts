// The encoder of UMT5 (Chung et al. 2023, "UniMax"; transformers' UMT5EncoderModel), which gives Wan its text states.
// T5 with a table of relative position biases in every block instead of only the first. No 1/sqrt(d) in its attention,
// no biases, norms without a mean. Knows no tokenizer.
import { z } from 'zod';
import { add, attention, constant, gather, gelu, linear, mul, reshape, rmsNorm, transpose } from '../graph/build.ts';
import type { Node } from '../graph/node.ts';
import type { Init, Parameters } from '../graph/parameters.ts';
import { int32Tensor } from '../graph/tensor.ts';
import { paddingBias } from './attention-bias.ts';
import { count, readModelConfig } from './model-config.ts';

export interface Umt5Config {
  readonly vocabularySize: number;
  readonly hiddenSize: number;
  /** Width of one head; heads * headDim may differ from hiddenSize. */
  readonly headDim: number;
  readonly heads: number;
  readonly layers: number;
  readonly intermediateSize: number;
  /** Buckets of the relative position table, half of them for keys after the query. */
  readonly buckets: number;
  /** Distance in tokens from which on all share the last bucket. */
  readonly maxDistance: number;
  readonly eps: number;
}

const umt5Json = z
  .object({
    model_type: z.literal('umt5'),
    vocab_size: count.default(250112),
    d_model: count.default(512),
    d_kv: count.default(64),
    d_ff: count.default(1024),
    num_layers: count.default(8),
    num_heads: count.default(6),
    relative_attention_num_buckets: count.multipleOf(4).default(32),
    relative_attention_max_distance: count.default(128),
    layer_norm_epsilon: z.number().positive().default(1e-6),
    feed_forward_proj: z.literal('gated-gelu').default('gated-gelu'),
  })
  .refine((c) => c.relative_attention_max_distance > c.relative_attention_num_buckets / 4, {
    path: ['relative_attention_max_distance'],
    message: 'must exceed a quarter of relative_attention_num_buckets',
  })
  .transform((c): Umt5Config => ({
    vocabularySize: c.vocab_size,
    hiddenSize: c.d_model,
    headDim: c.d_kv,
    heads: c.num_heads,
    layers: c.num_layers,
    intermediateSize: c.d_ff,
    buckets: c.relative_attention_num_buckets,
    maxDistance: c.relative_attention_max_distance,
    eps: c.layer_norm_epsilon,
  }));

/** Reads the config.json of a UMT5 model. @throws ModelFileError */
export function parseUmt5Config(json: unknown, file = 'config.json'): Umt5Config {
  return readModelConfig(umt5Json, json, file);
}

export interface Umt5States {
  /** Embeddings and each block's output, not normed, [layers + 1] of [B,L,D]. */
  readonly hiddenStates: readonly Node[];
  /** After final_layer_norm, [B,L,D]. */
  readonly lastHiddenState: Node;
}

/**
 * States of every token.
 * @param inputIds [B,L] int32 or int64
 * @param attentionMask [B,L], 1 at words and 0 at padding; without it every token is a word
 */
export function umt5States(p: Parameters, config: Umt5Config, inputIds: Node, attentionMask?: Node): Umt5States {
  const table = p('shared.weight', [config.vocabularySize, config.hiddenSize], { kind: 'normal', std: 1 });
  const encoder = p.at('encoder');
  const buckets = constant(relativeBuckets(config, inputIds.shape[1]!));
  const padding = attentionMask && paddingBias(attentionMask);
  const hiddenStates = [gather(table, inputIds)]; // [B,L,D]
  for (let layer = 0; layer < config.layers; layer++) {
    const block = encoder.at(`block.${layer}`);
    const attended = attentionBlock(block.at('layer.0'), config, hiddenStates.at(-1)!, buckets, padding);
    hiddenStates.push(feedForwardBlock(block.at('layer.1'), config, attended));
  }
  return { hiddenStates, lastHiddenState: norm(encoder.at('final_layer_norm'), config, hiddenStates.at(-1)!) };
}

function attentionBlock(p: Parameters, config: Umt5Config, x: Node, buckets: Node, padding?: Node): Node {
  const { heads, headDim, hiddenSize } = config;
  const inner = heads * headDim;
  const at = p.at('SelfAttention');
  const normed = norm(p.at('layer_norm'), config, x);
  const position = positionBias(at, config, buckets);
  const mixed = attention(
    linear(normed, at('q.weight', [inner, hiddenSize], normal((hiddenSize * headDim) ** -0.5))),
    linear(normed, at('k.weight', [inner, hiddenSize], normal(hiddenSize ** -0.5))),
    linear(normed, at('v.weight', [inner, hiddenSize], normal(hiddenSize ** -0.5))),
    { heads, scale: 1, bias: padding ? add(position, padding) : position },
  ); // [B,L,inner]
  return add(x, linear(mixed, at('o.weight', [hiddenSize, inner], normal(inner ** -0.5))));
}

/** The block's own bias by head and distance, [1,heads,L,L]. */
function positionBias(p: Parameters, config: Umt5Config, buckets: Node): Node {
  const [length] = buckets.shape as [number, number];
  const init = normal(config.hiddenSize ** -0.5);
  const table = p('relative_attention_bias.weight', [config.buckets, config.heads], init);
  return reshape(transpose(gather(table, buckets), [2, 0, 1]), [1, config.heads, length, length]);
}

function feedForwardBlock(p: Parameters, config: Umt5Config, x: Node): Node {
  const { hiddenSize, intermediateSize } = config;
  const dense = p.at('DenseReluDense'); // transformers' name; there is no ReLU in it
  const normed = norm(p.at('layer_norm'), config, x);
  const gate = linear(normed, dense('wi_0.weight', [intermediateSize, hiddenSize], normal(hiddenSize ** -0.5)));
  const value = linear(normed, dense('wi_1.weight', [intermediateSize, hiddenSize], normal(hiddenSize ** -0.5)));
  const out = dense('wo.weight', [hiddenSize, intermediateSize], normal(intermediateSize ** -0.5));
  return add(x, linear(mul(gelu(gate, 'tanh'), value), out));
}

function norm(p: Parameters, config: Umt5Config, x: Node): Node {
  return rmsNorm(x, p('weight', [config.hiddenSize], { kind: 'ones' }), config.eps);
}

function normal(std: number): Init {
  return { kind: 'normal', std };
}

/** Bucket of every (query, key) pair, [L,L] int32 (T5's _relative_position_bucket, bidirectional). */
export function relativeBuckets(config: Pick<Umt5Config, 'buckets' | 'maxDistance'>, length: number) {
  const ids = new Int32Array(length * length);
  for (let query = 0; query < length; query++) {
    for (let key = 0; key < length; key++) ids[query * length + key] = bucketOf(key - query, config);
  }
  return int32Tensor(ids, [length, length]);
}

/** A quarter of the buckets hold one distance each, a quarter grow logarithmically; both once more for later keys. */
function bucketOf(offset: number, { buckets, maxDistance }: Pick<Umt5Config, 'buckets' | 'maxDistance'>): number {
  const side = buckets / 2;
  const exact = side / 2;
  const after = offset > 0 ? side : 0;
  const distance = Math.abs(offset);
  if (distance < exact) return after + distance;
  // float32 step by step, as the reference truncates: a distance on a boundary must fall on the same side of it.
  const log = Math.fround(Math.log(Math.fround(distance / exact)));
  const share = Math.fround(log / Math.fround(Math.log(maxDistance / exact)));
  return after + Math.min(side - 1, exact + Math.trunc(Math.fround(share * (side - exact))));
}
