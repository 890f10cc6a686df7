// Convolution over any number of axes, x [B,C,*S], weight [O,C,*K]. Its two gradients are built from ops that run near
// the speed of a matrix product: the input's is a stride-1 convolution with the flipped kernel (ORT's ConvTranspose is 20 times
// slower in 3D), the weight's is one product per kernel offset over shifted slices.
import { ShapeError } from '../errors.ts';
import type { Node, OpAttributes } from '../node.ts';
import { sameShape, show } from '../shape.ts';
import { sizeOf } from '../tensor.ts';
import type * as Build from '../build.ts';
import type { Definitions, GradientContext } from './definition.ts';
import { sameType } from './elementwise.ts';

function outputExtents(
  x: Node,
  weight: Node,
  { stride, padBefore, padAfter }: OpAttributes['conv'],
): readonly number[] {
  return weight.shape.slice(2).map((kernel, i) => {
    const padded = x.shape[i + 2]! + padBefore[i]! + padAfter[i]!;
    return Math.floor((padded - kernel) / stride[i]!) + 1;
  });
}

function checkSpatial({ stride, padBefore, padAfter }: OpAttributes['conv'], axes: number): void {
  const fits = (values: readonly number[], least: number) =>
    values.length === axes && values.every((value) => Number.isInteger(value) && value >= least);
  if (!fits(stride, 1) || !fits(padBefore, 0) || !fits(padAfter, 0)) {
    const given = `stride ${show(stride)}, padBefore ${show(padBefore)}, padAfter ${show(padAfter)}`;
    throw new ShapeError(`conv: ${given} do not fit ${axes} spatial axes.`);
  }
}

/** Convolves the gradient, spread out by the stride, with the flipped kernel. */
function inputGradient({ node, grad, inputs, build: b }: GradientContext<'conv'>): Node {
  const [x, weight] = inputs as [Node, Node];
  const { stride, padBefore } = node.attributes;
  const kernel = weight.shape.slice(2);
  const axes = kernel.map((_, i) => i + 2);
  const spaced = axes.reduce((g, axis, i) => (stride[i] === 1 ? g : b.spaceOut(g, axis, stride[i]!)), grad);
  const before = kernel.map((extent, i) => extent - 1 - padBefore[i]!);
  const after = kernel.map((extent, i) => x.shape[i + 2]! + extent - 1 - before[i]! - spaced.shape[i + 2]!);
  const cut = axes.reduce((g, axis, i) => {
    const start = Math.max(0, -before[i]!);
    const end = g.shape[axis]! - Math.max(0, -after[i]!);
    return b.slice(g, axis, start, end);
  }, spaced);
  const swapped = b.transpose(weight, [1, 0, ...axes]);
  const flipped = sizeOf(kernel) === 1 ? swapped : b.flip(swapped, axes);
  return b.conv(cut, flipped, {
    padBefore: before.map((n) => Math.max(0, n)),
    padAfter: after.map((n) => Math.max(0, n)),
  });
}

/** Every multi-index below `extents`, the last axis fastest. */
function offsetsOf(extents: readonly number[]): readonly (readonly number[])[] {
  return extents.reduce<number[][]>(
    (all, extent) => all.flatMap((o) => Array.from({ length: extent }, (_, i) => [...o, i])),
    [[]],
  );
}

/** The values of x [B,*S,C] that one kernel offset meets, as rows [B*P,C]. */
function shiftedRows(x: Node, offset: readonly number[], node: Node<'conv'>, b: typeof Build): Node {
  const cut = offset.reduce((rest, start, i) => {
    const step = node.attributes.stride[i]!;
    return b.slice(rest, i + 1, start, start + (node.shape[i + 2]! - 1) * step + 1, step);
  }, x);
  return b.reshape(cut, [-1, x.shape.at(-1)!]);
}

/** Channels last, the shifted slices are long copies and the batch is part of the summed axis: one product per offset. */
function weightGradient({ node, grad, inputs, build: b }: GradientContext<'conv'>): Node {
  const [x, weight] = inputs as [Node, Node];
  const { padBefore, padAfter } = node.attributes;
  const axes = weight.shape.slice(2).map((_, i) => i + 2);
  const last = b.transpose(x, [0, ...axes, 1]); // [B,*S,C]
  const padded = b.pad(last, [0, ...padBefore, 0], [0, ...padAfter, 0]);
  const g = b.reshape(b.transpose(grad, [1, 0, ...axes]), [grad.shape[1]!, -1]); // [O,B*P]
  const parts = offsetsOf(weight.shape.slice(2)).map((offset) => {
    const product = b.matmul(g, shiftedRows(padded, offset, node, b)); // [O,C]
    return b.reshape(product, [...product.shape, 1]);
  });
  return b.reshape(b.concat(parts, 2), weight.shape); // [O,C,*K]
}

export const convolution: Definitions<'conv'> = {
  conv: {
    type: (inputs, attributes) => {
      const [x, weight, bias] = inputs as [Node, Node, Node | undefined];
      if (x.shape.length < 3 || x.shape.length !== weight.shape.length || x.shape[1] !== weight.shape[1]) {
        throw new ShapeError(`conv: input ${show(x.shape)} does not fit weight ${show(weight.shape)}.`);
      }
      if (bias !== undefined && !sameShape(bias.shape, [weight.shape[0]!]))
        throw new ShapeError(`conv: bias ${show(bias.shape)} for ${weight.shape[0]!} channels.`);
      checkSpatial(attributes, x.shape.length - 2);
      const extents = outputExtents(x, weight, attributes);
      if (extents.some((n) => n < 1))
        throw new ShapeError(`conv: kernel ${show(weight.shape)} is larger than input ${show(x.shape)}.`);
      return { shape: [x.shape[0]!, weight.shape[0]!, ...extents], dtype: sameType(inputs).dtype };
    },
    onnx: (emit, inputs, { attributes: { stride, padBefore, padAfter } }) =>
      emit.node('Conv', inputs, { strides: stride, pads: [...padBefore, ...padAfter] }),
    gradient: (context) => {
      const axes = context.node.shape.map((_, i) => i).filter((i) => i !== 1);
      const gradients = [inputGradient(context), weightGradient(context)];
      return context.inputs.length === 3 ? [...gradients, context.build.sum(context.grad, axes)] : gradients;
    },
    flops: (node) => 2 * sizeOf(node.shape) * sizeOf(node.inputs[1]!.shape.slice(1)),
  },
};
