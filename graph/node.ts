// Graph nodes are frozen data: an op, its inputs and attributes, and the shape that follows from them.
// What an op means (shape rule, ONNX form, gradient) stands in one table, ops/table.ts.
import type { DType, Shape, Tensor } from './tensor.ts';

type None = Readonly<Record<never, never>>;
export interface ReduceAttributes {
  readonly axes: readonly number[];
  readonly keepDims: boolean;
}

/** Every op with its attributes. Adding a key here without an entry in the table does not compile. */
export interface OpAttributes {
  input: { readonly name: string; readonly shape: Shape; readonly dtype: DType };
  parameter: { readonly name: string; readonly shape: Shape; readonly dtype: DType };
  constant: { readonly value: Tensor };
  add: None;
  sub: None;
  mul: None;
  div: None;
  maximum: None;
  greater: None;
  neg: None;
  exp: None;
  log: None;
  sqrt: None;
  tanh: None;
  sigmoid: None;
  sin: None;
  cos: None;
  erf: None;
  abs: None;
  sign: None;
  reciprocal: None;
  relu: None;
  swish: { readonly alpha: number };
  gelu: { readonly approximate: 'tanh' | 'none' };
  clamp: { readonly min: number; readonly max: number };
  sum: ReduceAttributes;
  mean: ReduceAttributes;
  softmax: None;
  logSoftmax: None;
  reshape: { readonly shape: Shape };
  transpose: { readonly perm: readonly number[] };
  slice: { readonly starts: readonly number[]; readonly ends: readonly number[]; readonly steps: readonly number[] };
  flip: { readonly axes: readonly number[] };
  concat: { readonly axis: number };
  pad: { readonly before: readonly number[]; readonly after: readonly number[] };
  expand: { readonly shape: Shape };
  gather: None;
  scatterRows: { readonly rows: number };
  cast: { readonly dtype: DType };
  stopGradient: None;
  upsampleNearest2: None;
  matmul: { readonly transA: boolean; readonly transB: boolean; readonly alpha: number };
  int8Matmul: None;
  int4Matmul: None;
  conv: {
    readonly stride: readonly number[];
    readonly padBefore: readonly number[];
    readonly padAfter: readonly number[];
  };
  layerNorm: { readonly eps: number };
  rmsNorm: { readonly eps: number };
  l2Normalize: { readonly axis: number };
  rope: { readonly heads: number; readonly interleaved: boolean };
  attention: { readonly heads: number; readonly scale: number };
}

export type OpName = keyof OpAttributes;

export interface Node<K extends OpName = OpName> {
  readonly op: K;
  readonly inputs: readonly Node[];
  readonly attributes: OpAttributes[K];
  readonly shape: Shape;
  readonly dtype: DType;
}

/**
 * Nodes in an order in which every node stands after its inputs, each once; those in `done`, and what only they need, are left
 * out. Iterative: graphs are thousands deep.
 */
export function topologicalOrder(
  outputs: readonly Node[],
  done: { has(node: Node): boolean } = new Set(),
): readonly Node[] {
  const order: Node[] = [];
  const seen = new Set<Node>();
  const stack: { node: Node; next: number }[] = [];
  for (const output of outputs) {
    if (!seen.has(output) && !done.has(output)) stack.push({ node: output, next: 0 });
    seen.add(output);
    while (stack.length > 0) {
      const top = stack[stack.length - 1]!;
      const child = top.node.inputs[top.next++];
      if (child === undefined) order.push(stack.pop()!.node);
      else if (!seen.has(child) && !done.has(child)) {
        seen.add(child);
        stack.push({ node: child, next: 0 });
      }
    }
  }
  return order;
}
