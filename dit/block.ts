// One block of the Wan transformer: self-attention with rotary positions, cross-attention to the text (and, in
// image-to-video models, to image tokens), feed-forward. Self-attention and feed-forward are modulated and gated by the
// timestep, cross-attention is not. Names are those of diffusers, which swaps norm2 and norm3 against the original.
import { add, attention, gelu, layerNorm, rmsNorm, rope } from '../graph/build.ts';
import type { Node } from '../graph/node.ts';
import type { Parameters } from '../graph/parameters.ts';
import type { TransformerConfig } from './config.ts';
import { width } from './config.ts';
import { dense, ones, zeros } from './linear.ts';
import { gated, modulatedNorm, modulationPart } from './modulation.ts';
import type { RopeTables } from './rope.ts';

/** What tokens attend to besides each other. */
export interface Context {
  /** Embedded text [B,L,D]. */
  readonly text: Node;
  /** Added to the text's attention scores, [B,1,1,L]: large and negative where a position is padding. */
  readonly textBias: Node | undefined;
  /** Embedded image tokens [B,L',D]. */
  readonly image: Node | undefined;
}

export interface BlockInputs {
  readonly context: Context;
  /** [B,G,6,D], see TimeEmbedding. */
  readonly modulation: Node;
  readonly tables: RopeTables;
}

/** The three branches of a block, each before its residual sum; exported for tests that look inside. */
export interface BlockParts {
  readonly selfAttention: Node;
  readonly crossAttention: Node;
  readonly feedForward: Node;
  /** The block's output [B,N,D]. */
  readonly output: Node;
}

/** x [B,N,D] -> [B,N,D]; p is at `blocks.i`. */
export function block(p: Parameters, config: TransformerConfig, x: Node, inputs: BlockInputs): BlockParts {
  const { eps } = config;
  const dim = width(config);
  const table = p('scale_shift_table', [1, 6, dim], { kind: 'normal', std: 1 / Math.sqrt(dim) });
  const modulation = add(inputs.modulation, table); // [B,G,6,D]
  const part = (index: number): Node => modulationPart(modulation, index);

  const attended = modulatedNorm(x, { shift: part(0), scale: part(1), eps });
  const selfAttention = selfAttend(p.at('attn1'), config, attended, inputs.tables);
  const mixed = add(x, gated(selfAttention, part(2)));

  const crossAttention = crossAttend(p.at('attn2'), config, crossNorm(p.at('norm2'), config, mixed), inputs.context);
  const told = add(mixed, crossAttention);

  const feedForward = feed(p.at('ffn.net'), config, modulatedNorm(told, { shift: part(3), scale: part(4), eps }));
  return { selfAttention, crossAttention, feedForward, output: add(told, gated(feedForward, part(5))) };
}

function crossNorm(p: Parameters, config: TransformerConfig, x: Node): Node {
  if (!config.crossAttnNorm) return x;
  const dim = width(config);
  return layerNorm(x, { scale: p('weight', [dim], ones), bias: p('bias', [dim], zeros), eps: config.eps });
}

/** Root-mean-square norm over the whole width, before heads are told apart. */
function headsNorm(p: Parameters, config: TransformerConfig, x: Node): Node {
  return rmsNorm(x, p('weight', [width(config)], ones), config.eps);
}

function selfAttend(p: Parameters, config: TransformerConfig, x: Node, { cos, sin }: RopeTables): Node {
  const dim = width(config);
  const turn = (y: Node): Node => rope(y, cos, sin, { heads: config.heads, interleaved: true });
  const q = turn(headsNorm(p.at('norm_q'), config, dense(p.at('to_q'), x, dim)));
  const k = turn(headsNorm(p.at('norm_k'), config, dense(p.at('to_k'), x, dim)));
  const v = dense(p.at('to_v'), x, dim);
  return dense(p.at('to_out.0'), attention(q, k, v, { heads: config.heads }), dim);
}

/** Two softmaxes over one query, text's and image's, summed before the output projection. */
function crossAttend(p: Parameters, config: TransformerConfig, x: Node, { text, textBias, image }: Context): Node {
  const dim = width(config);
  const q = headsNorm(p.at('norm_q'), config, dense(p.at('to_q'), x, dim));
  const k = headsNorm(p.at('norm_k'), config, dense(p.at('to_k'), text, dim));
  const fromText = attention(q, k, dense(p.at('to_v'), text, dim), { heads: config.heads, bias: textBias });
  const both = image === undefined ? fromText : add(fromText, attendToImage(p, config, q, image));
  return dense(p.at('to_out.0'), both, dim);
}

function attendToImage(p: Parameters, config: TransformerConfig, q: Node, image: Node): Node {
  const k = headsNorm(p.at('norm_added_k'), config, dense(p.at('add_k_proj'), image, width(config)));
  return attention(q, k, dense(p.at('add_v_proj'), image, width(config)), { heads: config.heads });
}

function feed(p: Parameters, config: TransformerConfig, x: Node): Node {
  return dense(p.at('2'), gelu(dense(p.at('0.proj'), x, config.ffnDim), 'tanh'), width(config));
}
