// Matrix products. Transposes and the scale ride on the node, so that no product needs a copy of its operand:
// plain ones become MatMul, the others com.microsoft FusedMatMul, which keeps mapped [out,in] weights mapped.
import { ShapeError } from '../errors.ts';
import type { Node } from '../node.ts';
import { broadcast, show } from '../shape.ts';
import { sizeOf } from '../tensor.ts';
import type { Definitions, GradientRule } from './definition.ts';
import { sameType } from './elementwise.ts';

const matmulGradient: GradientRule<'matmul'> = ({ node, grad, inputs, build: b }) => {
  const [left, right] = inputs as [Node, Node];
  const { transA, transB, alpha } = node.attributes;
  const da = transA
    ? b.matmul(right, grad, { transA: transB, transB: true, alpha })
    : b.matmul(grad, right, { transB: !transB, alpha });
  // A 2D right operand (a weight) is shared by all rows: one flat product instead of a batch that is summed afterwards.
  const flat = right.shape.length === 2 && left.shape.length > 2 && !transA;
  const rows = (x: Node) => (flat ? b.reshape(x, [-1, x.shape.at(-1)!]) : x);
  const db = transB
    ? b.matmul(rows(grad), rows(left), { transA: true, transB: transA, alpha })
    : b.matmul(rows(left), rows(grad), { transA: !transA, alpha });
  return [b.sumTo(da, left.shape), b.sumTo(db, right.shape)];
};

/** Columns of op(A) = rows of op(B): the summed axis. */
const inner = ({ attributes, inputs }: Node<'matmul'>) => inputs[0]!.shape.at(attributes.transA ? -2 : -1)!;

export const products: Definitions<'matmul'> = {
  matmul: {
    type: (inputs, { transA, transB }) => {
      const [a, b] = inputs as [Node, Node];
      if (a.shape.length < 2 || b.shape.length < 2)
        throw new ShapeError(`matmul: ${show(a.shape)} x ${show(b.shape)} needs matrices.`);
      const [m, k] = transA ? [a.shape.at(-1)!, a.shape.at(-2)!] : [a.shape.at(-2)!, a.shape.at(-1)!];
      const [k2, n] = transB ? [b.shape.at(-1)!, b.shape.at(-2)!] : [b.shape.at(-2)!, b.shape.at(-1)!];
      if (k !== k2)
        throw new ShapeError(
          `matmul: ${show(a.shape)}${transA ? 'ᵀ' : ''} x ${show(b.shape)}${transB ? 'ᵀ' : ''}: ${k} ≠ ${k2}.`,
        );
      return {
        shape: [...broadcast(a.shape.slice(0, -2), b.shape.slice(0, -2), 'matmul'), m, n],
        dtype: sameType(inputs).dtype,
      };
    },
    onnx: (emit, inputs, { attributes: { transA, transB, alpha } }) =>
      !transA && !transB && alpha === 1
        ? emit.node('MatMul', inputs)
        : emit.node(
            'FusedMatMul',
            inputs,
            { transA: transA ? 1 : 0, transB: transB ? 1 : 0, alpha: { float: alpha } },
            'com.microsoft',
          ),
    gradient: matmulGradient,
    flops: (node) => 2 * sizeOf(node.shape) * inner(node),
  },
};
