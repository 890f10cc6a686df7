// Products with weights that were rounded to 8 or 4 bits, by onnxruntime's contributed ops; both also round x as they go, the one
// to 8 bits of one scale for the whole tensor, the other to 8 bits of one scale for each block. For sampling only.
import { ShapeError } from '../errors.ts';
import type { Node } from '../node.ts';
import { sameShape, show } from '../shape.ts';
import { sizeOf } from '../tensor.ts';
import type { Definitions } from './definition.ts';

/** Inputs that share one scale in int4Matmul. */
export const INT4_BLOCK = 128;
/** Two weights a byte. */
const BLOCK_BYTES = INT4_BLOCK / 2;

const rounded = {
  notDifferentiable:
    'Its weights are rounded: between two steps the slope is zero. Train the weights they were made of.',
} as const;

export const quantised: Definitions<'int8Matmul' | 'int4Matmul'> = {
  int8Matmul: {
    type: (inputs) => {
      const [x, weight, scale] = inputs as [Node, Node, Node];
      const [k, n] = weight.shape;
      if (weight.shape.length !== 2 || x.shape.length < 2 || x.shape.at(-1) !== k || !sameShape(scale.shape, [n!]))
        throw unfit('int8Matmul', inputs);
      return { shape: [...x.shape.slice(0, -1), n!], dtype: 'float32' };
    },
    onnx: (emit, inputs) => emit.node('DynamicQuantizeMatMul', inputs, {}, 'com.microsoft'),
    gradient: rounded,
    flops: (node) => 2 * sizeOf(node.shape) * node.inputs[0]!.shape.at(-1)!,
  },
  int4Matmul: {
    type: (inputs) => {
      const [x, weight, scale] = inputs as [Node, Node, Node];
      const blocks = Math.ceil(x.shape.at(-1)! / INT4_BLOCK);
      const n = weight.shape[0]!;
      if (!sameShape(weight.shape, [n, blocks, BLOCK_BYTES]) || !sameShape(scale.shape, [n, blocks]))
        throw unfit('int4Matmul', inputs);
      return { shape: [...x.shape.slice(0, -1), n], dtype: 'float32' };
    },
    onnx: (emit, [x, weight, scale], node) => {
      const attributes = { K: node.inputs[0]!.shape.at(-1)!, N: node.shape.at(-1)!, bits: 4, block_size: INT4_BLOCK };
      return emit.node('MatMulNBits', [x!, weight!, scale!], { ...attributes, accuracy_level: 4 }, 'com.microsoft');
    },
    gradient: rounded,
    flops: (node) => 2 * sizeOf(node.shape) * node.inputs[0]!.shape.at(-1)!,
  },
};

function unfit(op: string, [x, weight, scale]: readonly Node[]): ShapeError {
  return new ShapeError(`${op}: ${show(x!.shape)}, weights ${show(weight!.shape)}, scales ${show(scale!.shape)}.`);
}
