// A Llama decoder (Touvron et al. 2023; Llama 3 report for grouped queries and long-range rope; transformers'
// LlamaForCausalLM), which expands prompts. Two readings of one definition: the whole sequence at once, and step by step
// with a cache of keys and values whose place, mask and rotation are inputs, so that one static graph serves every step.
import {
  add,
  constant,
  gather,
  input,
  linear,
  matmul,
  mul,
  reshape,
  rmsNorm,
  rope,
  silu,
  softmax,
  sub,
  sum,
  transpose,
} from '../graph/build.ts';
import type { Node } from '../graph/node.ts';
import type { Init, Parameters } from '../graph/parameters.ts';
import { causalBias } from './attention-bias.ts';
import type { LlamaConfig } from './llama-config.ts';
import { rotationTables } from './llama-rope.ts';

interface Rotation {
  readonly cos: Node;
  readonly sin: Node;
}
/** Turns new keys and values [B,kvHeads,N,headDim] into all that the queries may look at [B,kvHeads,L,headDim]. */
type Remember = (layer: number, keys: Node, values: Node) => { readonly keys: Node; readonly values: Node };

/**
 * Logits after every position of whole sequences.
 * @param inputIds [B,N] int32 or int64
 * @returns hidden states before each layer and after the last norm, and logits [B,N,vocabulary]
 */
export function llamaLogits(
  p: Parameters,
  config: LlamaConfig,
  inputIds: Node,
): { hiddenStates: readonly Node[]; logits: Node } {
  const hiddenStates = llamaStates(p, config, llamaEmbeddings(p, config, inputIds));
  return { hiddenStates, logits: llamaHead(p, config, hiddenStates.at(-1)!) };
}

/** What stands for each token at the decoder's entrance: [B,N] -> [B,N,D]. */
export function llamaEmbeddings(p: Parameters, config: LlamaConfig, inputIds: Node): Node {
  return gather(embeddingTable(p, config), inputIds);
}

/**
 * Hidden states before each layer and after the last norm, of whole sequences.
 * @param embedded [B,N,D], words' or others' @param bias [1 or B,1,N,N], 0 where a position may look; causal if left out
 */
export function llamaStates(
  p: Parameters,
  config: LlamaConfig,
  embedded: Node,
  bias = causalBias(embedded.shape[1]!),
): readonly Node[] {
  const length = embedded.shape[1]!;
  const { cos, sin } = rotationTables(config, 0, length);
  const rotation = { cos: constant(cos), sin: constant(sin) };
  return decoder(p, config, { embedded, rotation, bias }, (_, keys, values) => ({ keys, values }));
}

/** The names of one layer's caches as inputs. As outputs, after the step, they are called `next.` and the same. */
export const cacheNames = (layer: number) => ({ keys: `keys.${layer}`, values: `values.${layer}` });

/**
 * A step of `tokens` new tokens over a cache with `slots` places. Inputs, by name:
 *   input_ids [1,tokens] int32 · cos, sin [tokens,headDim/2] at the tokens' positions ·
 *   slots [slots,tokens], one 1 per new token at its place in the cache (padding has none) ·
 *   bias [1,1,tokens,slots], 0 where the token may look · selected [1,tokens], 1 at the token whose logits are wanted ·
 *   keys.i, values.i [1,kvHeads,slots,headDim].
 * and with `pictures`: pictures [1,tokens,D], and shown [1,tokens,1], 1 where these rows stand in place of the words'.
 * @returns outputs: `logits` [1,vocabulary] and the caches with the new tokens in their places, `next.keys.0`, …
 */
export function llamaStep(
  p: Parameters,
  config: LlamaConfig,
  { tokens, slots, pictures = false }: { tokens: number; slots: number; pictures?: boolean },
): Record<string, Node> {
  const places = input('slots', [slots, tokens]);
  const untouched = sub(1, sum(places, [1], { keepDims: true })); // [slots,1]
  const outputs: Record<string, Node> = {};
  const write = (name: string, fresh: Node): Node => {
    const cache = input(name, [1, config.kvHeads, slots, config.headDim]);
    return (outputs[`next.${name}`] = add(mul(cache, untouched), matmul(places, fresh)));
  };
  const remember: Remember = (layer, keys, values) => {
    const names = cacheNames(layer);
    return { keys: write(names.keys, keys), values: write(names.values, values) };
  };
  const rotation = {
    cos: input('cos', [tokens, config.headDim / 2]),
    sin: input('sin', [tokens, config.headDim / 2]),
  };
  const words = llamaEmbeddings(p, config, input('input_ids', [1, tokens], 'int32'));
  const embedded = pictures ? withPictures(words) : words;
  const bias = input('bias', [1, 1, tokens, slots]);
  const states = decoder(p, config, { embedded, rotation, bias }, remember).at(-1)!; // [1,tokens,D]
  const last = matmul(input('selected', [1, tokens]), states); // [1,1,D]
  outputs['logits'] = reshape(llamaHead(p, config, last), [1, config.vocabularySize]);
  return outputs;
}

function withPictures(words: Node): Node {
  const [, tokens] = words.shape as [number, number, number];
  const shown = input('shown', [1, tokens, 1]);
  return add(mul(words, sub(1, shown)), mul(input('pictures', words.shape), shown));
}

interface DecoderInputs {
  /** [B,N,D] */
  readonly embedded: Node;
  readonly rotation: Rotation;
  readonly bias: Node;
}

function decoder(p: Parameters, config: LlamaConfig, inputs: DecoderInputs, remember: Remember): readonly Node[] {
  const model = p.at('model');
  const hiddenStates = [inputs.embedded]; // [B,N,D]
  for (let layer = 0; layer < config.layers; layer++) {
    const block = model.at(`layers.${layer}`);
    const x = hiddenStates.at(-1)!;
    const normed = norm(block.at('input_layernorm'), config, x);
    const attended = add(
      x,
      selfAttention(block.at('self_attn'), config, normed, inputs, (k, v) => remember(layer, k, v)),
    );
    hiddenStates.push(
      add(attended, mlp(block.at('mlp'), config, norm(block.at('post_attention_layernorm'), config, attended))),
    );
  }
  return [...hiddenStates.slice(0, -1), norm(model.at('norm'), config, hiddenStates.at(-1)!)];
}

type RememberHere = (keys: Node, values: Node) => ReturnType<Remember>;

function selfAttention(
  p: Parameters,
  config: LlamaConfig,
  x: Node,
  inputs: DecoderInputs,
  remember: RememberHere,
): Node {
  const { heads, kvHeads, headDim, hiddenSize, attentionBias } = config;
  const project = (name: string, width: number) => dense(p.at(name), config, x, width, attentionBias);
  const rotate = (states: Node, of: number) =>
    rope(states, inputs.rotation.cos, inputs.rotation.sin, { heads: of, interleaved: false });
  const q = rotate(project('q_proj', heads * headDim), heads); // [B,N,heads*headDim]
  const k = rotate(project('k_proj', kvHeads * headDim), kvHeads);
  const v = project('v_proj', kvHeads * headDim);
  const memory = remember(splitHeads(k, kvHeads), splitHeads(v, kvHeads)); // [B,kvHeads,L,headDim]
  const mixed = groupedAttention(q, memory, config, inputs.bias);
  return dense(p.at('o_proj'), config, mixed, hiddenSize, attentionBias);
}

/** [B,N,heads*headDim] -> [B,heads,N,headDim] */
function splitHeads(x: Node, heads: number): Node {
  const [batch, tokens, width] = x.shape as [number, number, number];
  return transpose(reshape(x, [batch, tokens, heads, width / heads]), [0, 2, 1, 3]);
}

/**
 * Attention in which each key head serves heads / kvHeads neighbouring query heads (Ainslie et al. 2023). The queries of
 * a group are stacked as rows, so keys and values are read where they lie and never repeated.
 * @param q [B,N,heads*headDim] @param memory [B,kvHeads,L,headDim] @param bias [1 or B,1,N,L]
 * @returns [B,N,heads*headDim]
 */
function groupedAttention(q: Node, memory: ReturnType<Remember>, config: LlamaConfig, bias: Node): Node {
  const { heads, kvHeads, headDim } = config;
  const [batch, tokens] = q.shape as [number, number];
  const group = heads / kvHeads;
  const length = memory.keys.shape[2]!;
  const rows = reshape(splitHeads(q, heads), [batch, kvHeads, group * tokens, headDim]);
  const scores = matmul(rows, memory.keys, { transB: true, alpha: headDim ** -0.5 }); // [B,kvHeads,group*N,L]
  const biased = add(
    reshape(scores, [batch, kvHeads, group, tokens, length]),
    reshape(bias, [bias.shape[0]!, 1, 1, tokens, length]),
  );
  const weights = reshape(softmax(biased), [batch, kvHeads, group * tokens, length]);
  const mixed = reshape(matmul(weights, memory.values), [batch, heads, tokens, headDim]);
  return reshape(transpose(mixed, [0, 2, 1, 3]), [batch, tokens, heads * headDim]);
}

function mlp(p: Parameters, config: LlamaConfig, x: Node): Node {
  const project = (name: string, from: Node, width: number) => dense(p.at(name), config, from, width, config.mlpBias);
  const gate = silu(project('gate_proj', x, config.intermediateSize));
  return project('down_proj', mul(gate, project('up_proj', x, config.intermediateSize)), config.hiddenSize);
}

/** Logits [B,N,vocabulary] of normed states [B,N,D]. */
export function llamaHead(p: Parameters, config: LlamaConfig, states: Node): Node {
  const { vocabularySize, hiddenSize } = config;
  const weight = config.tiedEmbeddings
    ? embeddingTable(p, config)
    : p('lm_head.weight', [vocabularySize, hiddenSize], start(config));
  return linear(states, weight); // [B,N,vocabulary]
}

function embeddingTable(p: Parameters, config: LlamaConfig): Node {
  return p('model.embed_tokens.weight', [config.vocabularySize, config.hiddenSize], start(config));
}

function norm(p: Parameters, config: LlamaConfig, x: Node): Node {
  return rmsNorm(x, p('weight', [config.hiddenSize], { kind: 'ones' }), config.eps);
}

function dense(p: Parameters, config: LlamaConfig, x: Node, width: number, withBias: boolean): Node {
  const weight = p('weight', [width, x.shape.at(-1)!], start(config));
  return linear(x, weight, withBias ? p('bias', [width], { kind: 'zeros' }) : undefined);
}

function start(config: LlamaConfig): Init {
  return { kind: 'normal', std: config.initializerRange };
}
