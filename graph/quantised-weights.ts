// Weights that were quantised beside a checkpoint, and how a graph comes to use them: where the weights have a rounded form of a
// matrix, under its name with an ending, the compiler multiplies with that instead. Models know nothing of it.
//   blocks.0.ffn.net.2.weight [out,in] -> .int8 [in,out] int8 and .int8.scale [out]
//                                      or .int4 [out,in/128,64] uint8 and .int4.scale [out,in/128]
import { int4Matmul, int8Matmul, parameter } from './build.ts';
import { topologicalOrder } from './node.ts';
import type { Node } from './node.ts';
import { INT4_BLOCK } from './ops/quantised.ts';
import type { DType } from './tensor.ts';
import type { Weights } from './weights.ts';

export const quantisedTypes = ['int8', 'int4'] as const;
export type QuantisedType = (typeof quantisedTypes)[number];

const valueType = { int8: 'int8', int4: 'uint8' } as const satisfies Record<QuantisedType, DType>;

/** The names of a matrix's rounded values and of their scales. */
export const quantisedNames = (name: string, type: QuantisedType) =>
  ({ values: `${name}.${type}`, scales: `${name}.${type}.scale` }) as const;

/** The matrix that a name of rounded values or scales belongs to; undefined for any other name. */
export const quantisedMatrix = (name: string): string | undefined => /^(.+)\.int[48](?:\.scale)?$/.exec(name)?.[1];

/** Shapes of the rounded values and scales of a matrix [out,in]. */
export function quantisedShapes([rows, columns]: readonly [number, number], type: QuantisedType) {
  const blocks = Math.ceil(columns / INT4_BLOCK);
  return type === 'int8'
    ? ({ values: [columns, rows], scales: [rows] } as const)
    : ({ values: [rows, blocks, INT4_BLOCK / 2], scales: [rows, blocks] } as const);
}

/** The matrices [out,in] that a graph multiplies activations with, by name, in order of their use. */
export function productMatrices(
  outputs: readonly Node[],
): ReadonlyMap<string, readonly [rows: number, columns: number]> {
  const found = new Map<string, readonly [number, number]>();
  for (const node of topologicalOrder(outputs)) {
    const weight = weightOf(node);
    if (weight !== undefined) found.set(weight.attributes.name, weight.shape as readonly [number, number]);
  }
  return found;
}

/** The same nodes, with products by rounded weights where `weights` has them; those that need no change are the very same. */
export function withQuantisedProducts(
  outputs: Readonly<Record<string, Node>>,
  weights: Weights,
): Readonly<Record<string, Node>> {
  const now = new Map<Node, Node>();
  for (const node of topologicalOrder(Object.values(outputs))) {
    const inputs = node.inputs.map((part) => now.get(part)!);
    const isSame = inputs.every((part, i) => part === node.inputs[i]);
    now.set(node, quantisedProduct(node, inputs[0], weights) ?? (isSame ? node : Object.freeze({ ...node, inputs })));
  }
  return Object.fromEntries(Object.entries(outputs).map(([name, node]) => [name, now.get(node)!]));
}

function quantisedProduct(node: Node, x: Node | undefined, weights: Weights): Node | undefined {
  const weight = weightOf(node);
  if (weight === undefined || x === undefined) return undefined;
  const type = quantisedTypes.find(
    (each) => weights(quantisedNames(weight.attributes.name, each).values)?.dtype === valueType[each],
  );
  if (type === undefined) return undefined;
  const names = quantisedNames(weight.attributes.name, type);
  const shapes = quantisedShapes(weight.shape as [number, number], type);
  const values = parameter(names.values, shapes.values, valueType[type]);
  const scales = parameter(names.scales, shapes.scales);
  return type === 'int8' ? int8Matmul(x, values, scales) : int4Matmul(x, values, scales);
}

/** The parameter [out,in] of a linear layer's product x Wᵀ. */
function weightOf(node: Node): Node<'parameter'> | undefined {
  if (node.op !== 'matmul') return undefined;
  const { transA, transB, alpha } = (node as Node<'matmul'>).attributes;
  const weight = node.inputs[1]!;
  const isPlain = transB && !transA && alpha === 1 && node.inputs[0]!.op !== 'parameter';
  return isPlain && weight.op === 'parameter' && weight.shape.length === 2 ? (weight as Node<'parameter'>) : undefined;
}
