// The config.json of a Llama decoder, as transformers 4 (rope_theta, rope_scaling) and 5 (rope_parameters) write it.
import { z } from 'zod';
import { count, readModelConfig } from './model-config.ts';

/** Llama 3.1's stretching of slow rotations; angles and context in tokens. */
export interface Llama3RopeScaling {
  readonly type: 'llama3';
  readonly factor: number;
  readonly lowFreqFactor: number;
  readonly highFreqFactor: number;
  readonly originalMaxPositions: number;
}
export type RopeScaling =
  { readonly type: 'default' } | { readonly type: 'linear'; readonly factor: number } | Llama3RopeScaling;

export interface LlamaConfig {
  readonly vocabularySize: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  /** Heads of keys and values; divides heads. */
  readonly kvHeads: number;
  readonly headDim: number;
  readonly maxPositions: number;
  readonly eps: number;
  readonly ropeTheta: number;
  readonly ropeScaling: RopeScaling;
  /** Whether the embedding table is also the output matrix. */
  readonly tiedEmbeddings: boolean;
  readonly attentionBias: boolean;
  readonly mlpBias: boolean;
  readonly initializerRange: number;
  /** Tokens that end a text. */
  readonly eosIds: readonly number[];
}

const ropeTheta = z.number().positive().optional();
const positive = z.number().positive();
const defaultRope = z.object({ rope_theta: ropeTheta, rope_type: z.literal('default') });
const linearRope = z.object({ rope_theta: ropeTheta, rope_type: z.literal('linear'), factor: positive });
const llama3Rope = z.object({
  rope_theta: ropeTheta,
  rope_type: z.literal('llama3'),
  factor: positive,
  low_freq_factor: positive,
  high_freq_factor: positive,
  original_max_position_embeddings: count,
});
/** Older files write `type` for `rope_type`. */
const ropeJson = z.preprocess(
  (json) => {
    if (typeof json !== 'object' || json === null || 'rope_type' in json) return json;
    return { ...json, rope_type: 'type' in json ? json.type : 'default' };
  },
  z.discriminatedUnion('rope_type', [defaultRope, linearRope, llama3Rope]),
);
type RopeJson = z.output<typeof ropeJson>;

const tokenId = z.number().int().nonnegative();

const llamaJson = z
  .object({
    model_type: z.literal('llama'),
    vocab_size: count.default(32000),
    hidden_size: count.default(4096),
    intermediate_size: count.default(11008),
    num_hidden_layers: count.default(32),
    num_attention_heads: count.default(32),
    num_key_value_heads: count.nullish(),
    head_dim: count.multipleOf(2).nullish(),
    hidden_act: z.literal('silu').default('silu'),
    max_position_embeddings: count.default(2048),
    initializer_range: z.number().nonnegative().default(0.02),
    rms_norm_eps: positive.default(1e-6),
    rope_theta: positive.default(10000),
    rope_scaling: ropeJson.nullish(),
    rope_parameters: ropeJson.nullish(),
    tie_word_embeddings: z.boolean().default(false),
    attention_bias: z.boolean().default(false),
    mlp_bias: z.boolean().default(false),
    eos_token_id: z.union([tokenId, z.array(tokenId)]).nullish(),
  })
  .refine((c) => c.num_attention_heads % (c.num_key_value_heads ?? c.num_attention_heads) === 0, {
    path: ['num_key_value_heads'],
    message: 'does not divide num_attention_heads',
  })
  .refine((c) => typeof c.head_dim === 'number' || c.hidden_size % (2 * c.num_attention_heads) === 0, {
    path: ['num_attention_heads'],
    message: 'does not divide hidden_size into heads of even width, and there is no head_dim',
  })
  .transform((c): LlamaConfig => {
    const rope = c.rope_parameters ?? c.rope_scaling ?? undefined;
    return {
      vocabularySize: c.vocab_size,
      hiddenSize: c.hidden_size,
      intermediateSize: c.intermediate_size,
      layers: c.num_hidden_layers,
      heads: c.num_attention_heads,
      kvHeads: c.num_key_value_heads ?? c.num_attention_heads,
      headDim: c.head_dim ?? c.hidden_size / c.num_attention_heads,
      maxPositions: c.max_position_embeddings,
      eps: c.rms_norm_eps,
      ropeTheta: rope?.rope_theta ?? c.rope_theta,
      ropeScaling: readRope(rope),
      tiedEmbeddings: c.tie_word_embeddings,
      attentionBias: c.attention_bias,
      mlpBias: c.mlp_bias,
      initializerRange: c.initializer_range,
      eosIds: [c.eos_token_id ?? []].flat(),
    };
  });

function readRope(rope: RopeJson | undefined): RopeScaling {
  if (rope?.rope_type === 'linear') return { type: 'linear', factor: rope.factor };
  if (rope?.rope_type !== 'llama3') return { type: 'default' };
  return {
    type: 'llama3',
    factor: rope.factor,
    lowFreqFactor: rope.low_freq_factor,
    highFreqFactor: rope.high_freq_factor,
    originalMaxPositions: rope.original_max_position_embeddings,
  };
}

/** Reads the config.json of a Llama decoder. @throws ModelFileError */
export function parseLlamaConfig(json: unknown, file = 'config.json'): LlamaConfig {
  return readModelConfig(llamaJson, json, file);
}
