// CLIP's text tower (Radford et al. 2021, section 2.4; transformers' CLIPTextModelWithProjection).
// A causal transformer over word pieces; the state at the end-of-text token stands for the whole sentence.
// Knows no tokenizer: which position is pooled is computed on the host and given as a one-hot row.
import { z } from 'zod';
import { add, gather, linear, matmul, reshape, slice } from '../graph/build.ts';
import type { Node } from '../graph/node.ts';
import type { Parameters } from '../graph/parameters.ts';
import { tensor, type Tensor } from '../graph/tensor.ts';
import { causalBias, paddingBias } from './attention-bias.ts';
import { clipEncoder, clipNorm, clipTowerKeys, type ClipTowerConfig } from './clip-encoder.ts';
import { count, readModelConfig } from './model-config.ts';

export interface ClipTextConfig extends ClipTowerConfig {
  readonly vocabularySize: number;
  readonly maxPositions: number;
  /** End of text. 2 is the mark of old configurations and means: pool at the largest id. */
  readonly eosId: number;
}

const clipTextJson = z
  .object({
    ...clipTowerKeys,
    model_type: z.literal('clip_text_model'),
    vocab_size: count.default(49408),
    hidden_size: count.default(512),
    intermediate_size: count.default(2048),
    num_hidden_layers: count.default(12),
    num_attention_heads: count.default(8),
    max_position_embeddings: count.default(77),
    eos_token_id: z.number().int().nonnegative().default(49407),
  })
  .refine((c) => c.hidden_size % c.num_attention_heads === 0, {
    path: ['num_attention_heads'],
    message: 'does not divide hidden_size',
  })
  .transform((c): ClipTextConfig => ({
    vocabularySize: c.vocab_size,
    maxPositions: c.max_position_embeddings,
    eosId: c.eos_token_id,
    hiddenSize: c.hidden_size,
    intermediateSize: c.intermediate_size,
    projectionSize: c.projection_dim,
    layers: c.num_hidden_layers,
    heads: c.num_attention_heads,
    activation: c.hidden_act,
    eps: c.layer_norm_eps,
  }));

/** Reads the config.json of a CLIP text tower. @throws ModelFileError */
export function parseClipTextConfig(json: unknown, file = 'config.json'): ClipTextConfig {
  return readModelConfig(clipTextJson, json, file);
}

export interface ClipTextStates {
  /** Embeddings and each layer's output, not normed; [layers + 1] of [B,L,D]. */
  readonly hiddenStates: readonly Node[];
  /** After final_layer_norm, [B,L,D]. */
  readonly lastHiddenState: Node;
}

/**
 * States of every token.
 * @param inputIds [B,L] int32 or int64, L at most the configuration's maxPositions
 * @param attentionMask [B,L], 1 at words and 0 at padding. Padding after the text needs none, as no word looks ahead
 */
export function clipTextStates(
  p: Parameters,
  config: ClipTextConfig,
  inputIds: Node,
  attentionMask?: Node,
): ClipTextStates {
  const model = p.at('text_model');
  const length = inputIds.shape[1]!;
  const causal = causalBias(length);
  const bias = attentionMask ? add(causal, paddingBias(attentionMask)) : causal;
  const hiddenStates = clipEncoder(
    model.at('encoder'),
    config,
    embeddings(model.at('embeddings'), config, inputIds),
    bias,
  );
  const lastHiddenState = clipNorm(model.at('final_layer_norm'), hiddenStates.at(-1)!, config.eps);
  return { hiddenStates, lastHiddenState };
}

function embeddings(p: Parameters, config: ClipTextConfig, inputIds: Node): Node {
  const { vocabularySize, maxPositions, hiddenSize } = config;
  const init = { kind: 'normal', std: 0.02 } as const;
  const words = gather(p('token_embedding.weight', [vocabularySize, hiddenSize], init), inputIds); // [B,L,D]
  const positions = p('position_embedding.weight', [maxPositions, hiddenSize], init);
  return add(words, slice(positions, 0, 0, inputIds.shape[1]));
}

/**
 * The states at the end-of-text tokens, [B,D].
 * @param lastHiddenState [B,L,D]
 * @param pooled [B,L] float32, 1 at the end-of-text token (see pooledPositions)
 */
export function endOfTextStates(lastHiddenState: Node, pooled: Node): Node {
  const [batch, length, width] = lastHiddenState.shape as [number, number, number];
  return reshape(matmul(reshape(pooled, [batch, 1, length]), lastHiddenState), [batch, width]);
}

/** The sentence's vector in the space shared with pictures (not normalised). @returns [B,projection] */
export function clipTextEmbeds(p: Parameters, config: ClipTextConfig, lastHiddenState: Node, pooled: Node): Node {
  const width = config.hiddenSize;
  const init = { kind: 'normal', std: width ** -0.5 } as const;
  const projection = p('text_projection.weight', [config.projectionSize, width], init);
  return linear(endOfTextStates(lastHiddenState, pooled), projection);
}

/**
 * One-hot rows [B,L] that mark the pooled token: the first end-of-text token, or position 0 where there is none;
 * for configurations with eos_token_id 2, the first largest id, as OpenAI's vocabulary ends with end-of-text.
 */
export function pooledPositions(config: Pick<ClipTextConfig, 'eosId'>, inputIds: Tensor): Tensor {
  const [batch, length] = inputIds.shape as [number, number];
  const ids = Array.from(inputIds.data, Number);
  const pooled = new Float32Array(batch * length);
  for (let row = 0; row < batch; row++) {
    const words = ids.slice(row * length, (row + 1) * length);
    const sought = config.eosId === 2 ? Math.max(...words) : config.eosId;
    pooled[row * length + Math.max(0, words.indexOf(sought))] = 1;
  }
  return tensor(pooled, [batch, length]);
}
