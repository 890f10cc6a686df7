// Ops that move values without arithmetic: reshape, transpose, slice, concat, pad, expand, rows by id, nearest upsampling.
import { ShapeError } from '../errors.ts';
import type { Node, OpAttributes } from '../node.ts';
import { broadcast, inversePermutation, sameShape, show, withExtent } from '../shape.ts';
import { sizeOf } from '../tensor.ts';
import type { Definitions, GradientRule } from './definition.ts';
import { sameType } from './elementwise.ts';

type Structure =
  | 'reshape'
  | 'transpose'
  | 'slice'
  | 'flip'
  | 'concat'
  | 'pad'
  | 'expand'
  | 'gather'
  | 'scatterRows'
  | 'upsampleNearest2';

/** Zeros between and around: the transpose of a strided slice. */
const sliceGradient: GradientRule<'slice'> = ({ node, grad, inputs, build: b }) => {
  const { starts, steps } = node.attributes;
  const spaced = steps.reduce((g, step, axis) => {
    const covered = (node.shape[axis]! - 1) * step + 1;
    return step === 1 ? g : b.slice(b.spaceOut(g, axis, step), axis, 0, covered);
  }, grad);
  const after = inputs[0]!.shape.map((extent, axis) => extent - starts[axis]! - spaced.shape[axis]!);
  return [b.pad(spaced, starts, after)];
};

function sliceType(inputs: readonly Node[], { starts, ends, steps }: OpAttributes['slice']) {
  const { shape, dtype } = inputs[0]!;
  shape.forEach((extent, axis) => {
    const [start, end, step] = [starts[axis]!, ends[axis]!, steps[axis]!];
    const whole = [start, end, step].every(Number.isInteger);
    if (!whole || start < 0 || end > extent || end <= start || step < 1)
      throw new ShapeError(`slice: ${start}:${end}:${step} of axis ${axis} is outside or empty in ${show(shape)}.`);
  });
  return { shape: shape.map((_, axis) => Math.ceil((ends[axis]! - starts[axis]!) / steps[axis]!)), dtype };
}

const concatGradient: GradientRule<'concat'> = ({ node, grad, inputs, build: b }) => {
  const { axis } = node.attributes;
  let start = 0;
  return inputs.map((part) => {
    const end = start + part.shape[axis]!;
    const piece = b.slice(grad, axis, start, end);
    start = end;
    return piece;
  });
};

function concatType(inputs: readonly Node[], { axis }: { readonly axis: number }) {
  const first = inputs[0]!;
  let extent = 0;
  for (const part of inputs) {
    if (part.dtype !== first.dtype || !sameShape(withExtent(part.shape, axis, 0), withExtent(first.shape, axis, 0))) {
      throw new ShapeError(`concat along ${axis}: ${show(first.shape)} and ${show(part.shape)} differ elsewhere.`);
    }
    extent += part.shape[axis]!;
  }
  return { shape: withExtent(first.shape, axis, extent), dtype: first.dtype };
}

const isIds = ({ dtype }: Node): boolean => dtype === 'int32' || dtype === 'int64';

export const structure: Definitions<Structure> = {
  reshape: {
    type: (inputs, { shape }) => {
      const from = inputs[0]!;
      if (sizeOf(from.shape) !== sizeOf(shape))
        throw new ShapeError(`reshape: ${show(from.shape)} does not fill ${show(shape)}.`);
      return { shape, dtype: from.dtype };
    },
    onnx: (emit, [x], node) => emit.node('Reshape', [x!, emit.ints(node.shape)], { allowzero: 1 }),
    gradient: ({ grad, inputs, build: b }) => [b.reshape(grad, inputs[0]!.shape)],
  },
  transpose: {
    type: (inputs, { perm }) => {
      const { shape, dtype } = inputs[0]!;
      const sorted = [...perm].sort((a, b) => a - b);
      if (
        !sameShape(
          sorted,
          shape.map((_, i) => i),
        )
      )
        throw new ShapeError(`transpose: ${show(perm)} does not permute ${show(shape)}.`);
      return { shape: perm.map((axis) => shape[axis]!), dtype };
    },
    onnx: (emit, inputs, node) => emit.node('Transpose', inputs, { perm: node.attributes.perm }),
    gradient: ({ node, grad, build: b }) => [b.transpose(grad, inversePermutation(node.attributes.perm))],
  },
  slice: {
    type: sliceType,
    onnx: (emit, [x], { attributes: { starts, ends, steps }, inputs }) => {
      const whole = (axis: number) => starts[axis] === 0 && ends[axis] === inputs[0]!.shape[axis] && steps[axis] === 1;
      const axes = starts.map((_, axis) => axis).filter((axis) => !whole(axis));
      const of = (values: readonly number[]) => emit.ints(axes.map((axis) => values[axis]!));
      return emit.node('Slice', [x!, of(starts), of(ends), emit.ints(axes), of(steps)]);
    },
    gradient: sliceGradient,
  },
  flip: {
    type: sameType,
    onnx: (emit, [x], { attributes: { axes } }) => {
      const each = (value: number) => emit.ints(axes.map(() => value));
      return emit.node('Slice', [x!, each(-1), each(-(2 ** 31)), emit.ints(axes), each(-1)]);
    },
    gradient: ({ node, grad, build: b }) => [b.flip(grad, node.attributes.axes)],
  },
  concat: {
    type: concatType,
    onnx: (emit, inputs, node) => emit.node('Concat', inputs, { axis: node.attributes.axis }),
    gradient: concatGradient,
  },
  pad: {
    type: (inputs, { before, after }) => {
      const { shape, dtype } = inputs[0]!;
      if (before.length !== shape.length || after.length !== shape.length || [...before, ...after].some((n) => n < 0)) {
        throw new ShapeError(`pad: ${show(before)} and ${show(after)} do not fit ${show(shape)}.`);
      }
      return { shape: shape.map((extent, i) => extent + before[i]! + after[i]!), dtype };
    },
    onnx: (emit, [x], { attributes }) => emit.node('Pad', [x!, emit.ints([...attributes.before, ...attributes.after])]),
    gradient: ({ node, grad, inputs, build: b }) => [
      node.attributes.before.reduce<Node>((cut, start, axis) => {
        const extent = inputs[0]!.shape[axis]!;
        return cut.shape[axis] === extent ? cut : b.slice(cut, axis, start, start + extent);
      }, grad),
    ],
  },
  expand: {
    type: (inputs, { shape }) => {
      const from = inputs[0]!;
      if (!sameShape(broadcast(from.shape, shape), shape))
        throw new ShapeError(`expand: ${show(from.shape)} to ${show(shape)}.`);
      return { shape, dtype: from.dtype };
    },
    onnx: (emit, [x], node) => emit.node('Expand', [x!, emit.ints(node.shape)]),
    gradient: ({ grad, inputs, build: b }) => [b.sumTo(grad, inputs[0]!.shape)],
  },
  gather: {
    type: (inputs) => {
      const [table, ids] = inputs as [Node, Node];
      if (table.shape.length !== 2 || !isIds(ids))
        throw new ShapeError(`gather: table ${show(table.shape)}, ids ${ids.dtype}.`);
      return { shape: [...ids.shape, table.shape[1]!], dtype: table.dtype };
    },
    onnx: (emit, inputs) => emit.node('Gather', inputs, { axis: 0 }),
    gradient: ({ grad, inputs, build: b }) => [b.scatterRows(grad, inputs[1]!, inputs[0]!.shape[0]!), null],
  },
  scatterRows: {
    type: (inputs, { rows }) => {
      const [values, ids] = inputs as [Node, Node];
      if (!sameShape(values.shape.slice(0, -1), ids.shape) || !isIds(ids))
        throw new ShapeError(`scatterRows: values ${show(values.shape)}, ids ${ids.dtype} ${show(ids.shape)}.`);
      return { shape: [rows, values.shape.at(-1)!], dtype: values.dtype };
    },
    onnx: (emit, [values, ids], node) => {
      const count = sizeOf(node.inputs[1]!.shape);
      const flatIds = emit.node('Cast', [emit.node('Reshape', [ids!, emit.ints([count, 1])])], { to: 7 });
      const flatValues = emit.node('Reshape', [values!, emit.ints([count, node.shape[1]!])]);
      const empty = emit.node('ConstantOfShape', [emit.ints(node.shape)]);
      return emit.node('ScatterND', [empty, flatIds, flatValues], { reduction: 'add' });
    },
    gradient: ({ grad, inputs, build: b }) => [b.gather(grad, inputs[1]!), null],
  },
  upsampleNearest2: {
    type: (inputs) => {
      const { shape, dtype } = inputs[0]!;
      const rank = shape.length;
      if (rank < 2) throw new ShapeError(`upsampleNearest2 needs two axes, got ${show(shape)}.`);
      return { shape: shape.map((extent, i) => (i >= rank - 2 ? 2 * extent : extent)), dtype };
    },
    onnx: (emit, [x], node) => {
      const [height, width] = node.inputs[0]!.shape.slice(-2) as [number, number];
      const lead = sizeOf(node.inputs[0]!.shape.slice(0, -2));
      const split = emit.node('Reshape', [x!, emit.ints([lead, height, 1, width, 1])]);
      const doubled = emit.node('Expand', [split, emit.ints([lead, height, 2, width, 2])]);
      return emit.node('Reshape', [doubled, emit.ints(node.shape)]);
    },
    gradient: ({ grad, inputs, build: b }) => {
      const { shape } = inputs[0]!;
      const [height, width] = shape.slice(-2) as [number, number];
      const split = b.reshape(grad, [sizeOf(shape.slice(0, -2)), height, 2, width, 2]);
      return [b.reshape(b.sum(split, [2, 4]), shape)];
    },
  },
};
