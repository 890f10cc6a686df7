// Adaptive layer norm (DiT, Peebles and Xie 2023): the timestep shifts, scales and gates what flows through a block.
// Tokens that share a timestep are neighbours, so tokens [B,N,D] are viewed as [B,G,N/G,D] and one row is broadcast over
// each group; no modulation is ever spread out to one row per token unless each token has a timestep of its own.
import { add, layerNorm, mul, reshape, slice } from '../graph/build.ts';
import type { Node } from '../graph/node.ts';

/** Part `index` of a modulation [B,G,parts,D]: [B,1,D] when one timestep holds for all tokens, else [B,G,1,D]. */
export function modulationPart(modulation: Node, index: number): Node {
  const part = slice(modulation, 2, index, index + 1); // [B,G,1,D]
  const [batch, groups, , dim] = part.shape as [number, number, number, number];
  return groups === 1 ? reshape(part, [batch, 1, dim]) : part;
}

/** Applies `rule` to tokens viewed so that a modulation part broadcasts over them. */
function perGroup(tokens: Node, part: Node, rule: (grouped: Node) => Node): Node {
  if (part.shape.length === 3) return rule(tokens);
  const [batch, n, dim] = tokens.shape as [number, number, number];
  const groups = part.shape[1]!;
  return reshape(rule(reshape(tokens, [batch, groups, n / groups, dim])), [batch, n, dim]);
}

/** norm(x) * (1 + scale) + shift; x [B,N,D]. */
export function modulatedNorm(x: Node, { shift, scale, eps }: { shift: Node; scale: Node; eps: number }): Node {
  return perGroup(layerNorm(x, { eps }), shift, (norm) => add(mul(norm, add(scale, 1)), shift));
}

/** x * gate; x [B,N,D]. */
export function gated(x: Node, gate: Node): Node {
  return perGroup(x, gate, (grouped) => mul(grouped, gate));
}
