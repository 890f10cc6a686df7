// A transformer whose matrices stay and change by products of low rank (LoRA, Hu et al. 2021): W' = W + up·down, of which the
// products alone learn. `up` starts at zero, so the training begins at the model itself. Written as PEFT and diffusers do.
import { add, input, matmul } from '../graph/build.ts';
import type { Node } from '../graph/node.ts';
import type { Parameters, ParameterScope } from '../graph/parameters.ts';
import type { Shape, Tensor } from '../graph/tensor.ts';

/** Every matrix of the blocks: both attentions and the feed-forward layers. */
export const adaptedMatrix = /^blocks\.\d+\.(attn[12]\.(to_[qkv]|to_out\.0)|ffn\.net\.(0\.proj|2))\.weight$/;

const BASE = 'base.';

const UP = 'lora_B.weight';

/** Whether a parameter is a product's up matrix [out,rank]: a factor on it is one on the whole change. */
export const isUp = (name: string): boolean => name.endsWith(UP);

/** The model's parameters, each an input `base.<name>`; those of adapted matrices [out,in] are changed by the scope's up [out,rank] and down [rank,in]. */
export function lowRank({ parameters }: ParameterScope, rank: number): Parameters {
  const known = new Map<string, Node>();
  const make = (name: string, shape: Shape): Node => {
    const base = input(BASE + name, shape);
    if (!adaptedMatrix.test(name)) return base;
    const [rows, columns] = shape as [number, number];
    const p = parameters.at(name.replace(/\.weight$/, ''));
    const down = p('lora_A.weight', [rank, columns], { kind: 'uniform', bound: 1 / Math.sqrt(columns) });
    const up = p(UP, [rows, rank], { kind: 'zeros' });
    return add(base, matmul(up, down));
  };
  const ask = (name: string, shape: Shape): Node => {
    const node = known.get(name) ?? make(name, shape);
    known.set(name, node);
    return node;
  };
  const under = (prefix: string): Parameters =>
    Object.assign((name: string, shape: Shape) => ask(prefix + name, shape), {
      at: (inner: string) => under(`${prefix}${inner}.`),
    });
  return under('');
}

/** What graphs of such parameters are fed: the model's own tensors. */
export const baseFeeds = (tensors: Readonly<Record<string, Tensor>>): Readonly<Record<string, Tensor>> =>
  Object.fromEntries(Object.entries(tensors).map(([name, value]) => [BASE + name, value]));
