// Convolution over any number of axes, x [B,C,*S], weight [O,C,*K]. Its two gradients are built from ops that run near
// the speed of a matrix product: the input's is a stride-1 convolution with the flipped kernel (ORT's ConvTranspose is 20 times
// slower in 3D), the weight's is a product with gathered rows.
import type * as Build from '../build.ts';
import { ShapeError } from '../errors.ts';
import type { Node, OpAttributes } from '../node.ts';
import { sameShape, show } from '../shape.ts';
import { sizeOf } from '../tensor.ts';
import type { Shape } from '../tensor.ts';
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
  const swapped = b.transpose(weight, [1, 0, ...axes]); // [C,O,*K]
  // Reversing the flattened kernel reverses each of its axes, in half the time.
  const reversed = b.flip(b.reshape(swapped, [...swapped.shape.slice(0, 2), -1]), [2]);
  const flipped = sizeOf(kernel) === 1 ? swapped : b.reshape(reversed, swapped.shape);
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

/** Positions of one side of a convolution, and for each of them and each kernel offset the position of the other side it meets. */
interface Meeting {
  readonly from: Shape;
  readonly to: Shape;
  /** The coordinate along axis `i` that is met from `here` by kernel offset `offset`; it may be outside or no whole number. */
  readonly meet: (here: number, offset: number, i: number) => number;
}

/** For each position of [B,*from] and each of `offsets`, the row of [B*to] that is met; B*to where there is none. */
function rowsMet(batch: number, { from, to, meet }: Meeting, offsets: readonly (readonly number[])[]): Int32Array {
  const size = sizeOf(to);
  const positions = offsetsOf(from);
  const met = new Int32Array(batch * positions.length * offsets.length);
  let at = 0;
  for (let b = 0; b < batch; b++) {
    for (const position of positions) {
      for (const offset of offsets) {
        let row = 0;
        for (let i = 0; i < to.length && row >= 0; i++) {
          const there = meet(position[i]!, offset[i]!, i);
          row = Number.isInteger(there) && there >= 0 && there < to[i]! ? row * to[i]! + there : -1;
        }
        met[at++] = row < 0 ? batch * size : b * size + row;
      }
    }
  }
  return met;
}

interface KernelMeeting extends Pick<Meeting, 'meet'> {
  readonly kernel: Shape;
}

/**
 * [left channels, K, right channels]: for each kernel offset the product of the left side with what it meets on the right. One
 * product for each offset along the kernel's first axis, with all that the other offsets meet, gathered as rows of channels.
 * Gathering copies whole rows, where slices would be many small copies; joining all offsets would need 27 times the memory.
 */
function met(left: Node, right: Node, { kernel, meet }: KernelMeeting, b: typeof Build): Node {
  const [batch, channels, ...to] = right.shape as [number, number, ...number[]];
  const axes = kernel.map((_, i) => i + 2);
  const rows = b.reshape(b.transpose(right, [0, ...axes, 1]), [-1, channels]); // [B*S,C]
  const padded = b.pad(rows, [0, 0], [1, 0]); // the last row is padding
  const columns = b.reshape(b.transpose(left, [1, 0, ...axes]), [left.shape[1]!, -1]); // [O,B*S']
  const rest = offsetsOf(kernel.slice(1));
  const parts = Array.from({ length: kernel[0]! }, (_, first) => {
    const offsets = rest.map((offset) => [first, ...offset]);
    const data = rowsMet(batch, { from: left.shape.slice(2), to, meet }, offsets);
    if (data.every((row, i) => row === i) && data.length === rows.shape[0]) return b.matmul(columns, rows); // a kernel of one
    const ids = b.constant({ dtype: 'int32', shape: [columns.shape[1]!, offsets.length], data });
    return b.matmul(columns, b.reshape(b.gather(padded, ids), [columns.shape[1]!, -1])); // [O,rest*C]
  });
  return b.reshape(b.concat(parts, 1), [columns.shape[0]!, sizeOf(kernel), channels]);
}

/** The side with fewer values is the one that is gathered. */
function weightGradient({ node, grad, inputs, build: b }: GradientContext<'conv'>): Node {
  const [x, weight] = inputs as [Node, Node];
  const { stride, padBefore } = node.attributes;
  const kernel = weight.shape.slice(2);
  const gathered = (right: Node, left: Node) => (sizeOf(left.shape) / left.shape[1]!) * right.shape[1]!;
  if (gathered(grad, x) < gathered(x, grad)) {
    const meet: Meeting['meet'] = (here, offset, i) => (here + padBefore[i]! - offset) / stride[i]!;
    return b.reshape(b.transpose(met(x, grad, { kernel, meet }, b), [2, 0, 1]), weight.shape); // from [C,K,O]
  }
  const meet: Meeting['meet'] = (here, offset, i) => here * stride[i]! + offset - padBefore[i]!;
  return b.reshape(b.transpose(met(grad, x, { kernel, meet }, b), [0, 2, 1]), weight.shape); // from [O,K,C]
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
