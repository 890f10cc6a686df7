// The one table of ops: for each its shape rule, its ONNX form, its gradient. To add an op: a key in node.ts, an entry in
// the file of its family, a builder in build.ts, a sample in tests/graph/samples.ts. The tests walk this table.
import type { OpName } from '../node.ts';
import { attentions } from './attention.ts';
import { convolution } from './conv.ts';
import type { OpDefinition } from './definition.ts';
import { elementwise } from './elementwise.ts';
import { leaves } from './leaves.ts';
import { products } from './matmul.ts';
import { norms } from './norm.ts';
import { quantised } from './quantised.ts';
import { reduce } from './reduce.ts';
import { structure } from './structure.ts';

export const opTable = {
  ...leaves,
  ...elementwise,
  ...reduce,
  ...structure,
  ...products,
  ...quantised,
  ...convolution,
  ...norms,
  ...attentions,
} satisfies { readonly [K in OpName]: OpDefinition<K> };

/** The definition of an op, with its attributes' type forgotten: for code that walks nodes of any kind. */
export function definitionOf(op: OpName): OpDefinition<OpName> {
  return opTable[op] as unknown as OpDefinition<OpName>;
}
