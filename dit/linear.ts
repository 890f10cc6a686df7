// Linear layers under the names that PyTorch gives them, and how they start when trained from scratch:
// Xavier's uniform weights (Glorot and Bengio 2010), as Wan's own code does, zero biases.
import { linear } from '../graph/build.ts';
import type { Node } from '../graph/node.ts';
import type { Init, Parameters } from '../graph/parameters.ts';

export const zeros: Init = { kind: 'zeros' };
export const ones: Init = { kind: 'ones' };

/** Uniform in +-sqrt(6 / (inputs + outputs)). */
export function xavier(inputs: number, outputs: number): Init {
  return { kind: 'uniform', bound: Math.sqrt(6 / (inputs + outputs)) };
}

/** x [..., in] -> [..., outputs], with `weight` [outputs, in] and `bias` [outputs] under p. */
export function dense(p: Parameters, x: Node, outputs: number, init = xavier(x.shape.at(-1)!, outputs)): Node {
  return linear(x, p('weight', [outputs, x.shape.at(-1)!], init), p('bias', [outputs], zeros));
}
