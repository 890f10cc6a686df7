// The pre-norm transformer that both CLIP towers share (Radford et al. 2021; transformers' CLIPEncoder).
// Start values follow transformers' CLIPPreTrainedModel, so that training from scratch behaves as published.
// Does not know whether its tokens were words or patches.
import { z } from 'zod';
import { add, attention, gelu, layerNorm, linear, quickGelu } from '../graph/build.ts';
import type { Node } from '../graph/node.ts';
import type { Init, Parameters } from '../graph/parameters.ts';
import { count } from './model-config.ts';

/** What the two towers have in common. */
export interface ClipTowerConfig {
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly projectionSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly activation: 'gelu' | 'quick_gelu';
  readonly eps: number;
}

/** The keys of both towers' config.json. Sizes have no default here, as the two towers' defaults differ. */
export const clipTowerKeys = {
  projection_dim: count.default(512),
  hidden_act: z.enum(['gelu', 'quick_gelu']).default('quick_gelu'),
  layer_norm_eps: z.number().positive().default(1e-5),
};

const zeros: Init = { kind: 'zeros' };
const ones: Init = { kind: 'ones' };

/** Affine LayerNorm under transformers' names. x [...,D] */
export function clipNorm(p: Parameters, x: Node, eps: number): Node {
  const width = x.shape.at(-1)!;
  return layerNorm(x, { scale: p('weight', [width], ones), bias: p('bias', [width], zeros), eps });
}

/**
 * All layers of a tower.
 * @param p where `layers.0`, `layers.1`, … live
 * @param x [B,N,D]
 * @param bias additive attention bias, broadcastable to [B,heads,N,N]
 * @returns the input and every layer's output, [layers + 1] of [B,N,D]; none is normed
 */
export function clipEncoder(p: Parameters, config: ClipTowerConfig, x: Node, bias?: Node): readonly Node[] {
  const hiddenStates = [x];
  for (let layer = 0; layer < config.layers; layer++) {
    hiddenStates.push(clipLayer(p.at(`layers.${layer}`), config, hiddenStates.at(-1)!, bias));
  }
  return hiddenStates;
}

function clipLayer(p: Parameters, config: ClipTowerConfig, x: Node, bias?: Node): Node {
  const attended = add(x, selfAttention(p.at('self_attn'), config, clipNorm(p.at('layer_norm1'), x, config.eps), bias));
  return add(attended, mlp(p.at('mlp'), config, clipNorm(p.at('layer_norm2'), attended, config.eps)));
}

function selfAttention(p: Parameters, config: ClipTowerConfig, x: Node, bias?: Node): Node {
  const width = config.hiddenSize;
  const inStd = width ** -0.5 * (2 * config.layers) ** -0.5;
  const project = (name: string, from: Node, std: number) => dense(p.at(name), from, width, std);
  const q = project('q_proj', x, inStd);
  const k = project('k_proj', x, inStd);
  const v = project('v_proj', x, inStd);
  const mixed = attention(q, k, v, { heads: config.heads, bias }); // [B,N,D]
  return project('out_proj', mixed, width ** -0.5);
}

function mlp(p: Parameters, config: ClipTowerConfig, x: Node): Node {
  const width = config.hiddenSize;
  const wide = dense(p.at('fc1'), x, config.intermediateSize, (2 * width) ** -0.5); // [B,N,intermediate]
  const active = config.activation === 'gelu' ? gelu(wide, 'none') : quickGelu(wide);
  return dense(p.at('fc2'), active, width, width ** -0.5 * (2 * config.layers) ** -0.5); // [B,N,D]
}

function dense(p: Parameters, x: Node, width: number, std: number): Node {
  return linear(x, p('weight', [width, x.shape.at(-1)!], { kind: 'normal', std }), p('bias', [width], zeros));
}
