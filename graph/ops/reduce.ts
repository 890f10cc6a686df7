// Sums, means and the softmaxes along the last axis.
import { ShapeError } from '../errors.ts';
import type { Node, ReduceAttributes } from '../node.ts';
import { reducedShape, withExtent } from '../shape.ts';
import type { Definitions, GradientContext } from './definition.ts';
import { sameType } from './elementwise.ts';

const reduceType = (inputs: readonly Node[], { axes, keepDims }: ReduceAttributes) => ({
  shape: reducedShape(inputs[0]!.shape, axes, keepDims),
  dtype: inputs[0]!.dtype,
});

function rowType(inputs: readonly Node[]) {
  if (inputs[0]!.shape.length === 0) throw new ShapeError('softmax: a scalar has no last axis.');
  return sameType(inputs);
}

/** The gradient of a sum: the output's gradient, given back its lost axes and spread over them. */
function spread({ node, grad, inputs, build: b }: GradientContext<'sum' | 'mean'>): Node {
  const { shape } = inputs[0]!;
  return b.expand(b.reshape(grad, reducedShape(shape, node.attributes.axes, true)), shape);
}

export const reduce: Definitions<'sum' | 'mean' | 'softmax' | 'logSoftmax'> = {
  sum: {
    type: reduceType,
    onnx: (emit, [x], { attributes }) =>
      emit.node('ReduceSum', [x!, emit.ints(attributes.axes)], { keepdims: attributes.keepDims ? 1 : 0 }),
    gradient: (context) => [spread(context)],
  },
  mean: {
    type: reduceType,
    onnx: (emit, [x], { attributes }) =>
      emit.node('ReduceMean', [x!, emit.ints(attributes.axes)], { keepdims: attributes.keepDims ? 1 : 0 }),
    gradient: (context) => {
      const { shape } = context.inputs[0]!;
      const count = context.node.attributes.axes.reduce((product, axis) => product * shape[axis]!, 1);
      const scaled = context.build.mul(context.grad, 1 / count);
      return [spread({ ...context, grad: scaled })];
    },
  },
  softmax: {
    type: rowType,
    onnx: (emit, inputs) => emit.node('Softmax', inputs, { axis: -1 }),
    gradient: ({ node, grad, build: b }) => {
      const inner = b.sum(b.mul(grad, node), [-1], { keepDims: true });
      return [b.mul(node, b.sub(grad, inner))];
    },
  },
  logSoftmax: {
    type: rowType,
    onnx: (emit, inputs) => emit.node('LogSoftmax', inputs, { axis: -1 }),
    gradient: ({ node, grad, build: b }) => {
      const total = b.sum(grad, [-1], { keepDims: true });
      return [b.sub(grad, b.mul(b.exp(node), total))];
    },
  },
};

/** Shape of a per-row statistic over the last axis, kept as 1. */
export const rowShape = (shape: readonly number[]) => withExtent(shape, shape.length - 1, 1);
