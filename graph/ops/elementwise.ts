// Elementwise ops: broadcasting binaries, unaries, and the activations that onnxruntime has fused kernels for.
import { ShapeError } from '../errors.ts';
import type { Node, OpName } from '../node.ts';
import { broadcast } from '../shape.ts';
import type { DType } from '../tensor.ts';
import type { Definitions, GradientContext, GradientRule, OpDefinition, Typed } from './definition.ts';

type Binary = 'add' | 'sub' | 'mul' | 'div' | 'maximum' | 'greater';
type Unary =
  'neg' | 'exp' | 'log' | 'sqrt' | 'tanh' | 'sigmoid' | 'sin' | 'cos' | 'erf' | 'abs' | 'sign' | 'reciprocal' | 'relu';

function binaryType(inputs: readonly Node[]): Typed {
  const [a, b] = inputs as [Node, Node];
  if (a.dtype !== b.dtype) throw new ShapeError(`Operands are ${a.dtype} and ${b.dtype}; cast one of them.`);
  return { shape: broadcast(a.shape, b.shape), dtype: a.dtype };
}

type Pair = readonly [Node, Node];

function binary<K extends Binary>(
  opType: string,
  rule: (context: GradientContext<K>, a: Node, b: Node) => Pair,
): OpDefinition<K> {
  return {
    type: binaryType,
    onnx: (emit, inputs) => emit.node(opType, inputs),
    gradient: (context) => {
      const [a, b] = context.inputs as [Node, Node];
      const [da, db] = rule(context, a, b);
      return [context.build.sumTo(da, a.shape), context.build.sumTo(db, b.shape)];
    },
  };
}

/** The first input's shape and the dtype of all. */
export function sameType(inputs: readonly Node[]): Typed {
  const { shape, dtype } = inputs[0]!;
  const other = inputs.find((part) => part.dtype !== dtype);
  if (other !== undefined) throw new ShapeError(`Operands are ${dtype} and ${other.dtype}; cast one of them.`);
  return { shape, dtype };
}

const isFloat = (dtype: DType): boolean => dtype.includes('float');

function floatType(inputs: readonly Node[]): Typed {
  if (!isFloat(inputs[0]!.dtype)) throw new ShapeError(`Needs floats, got ${inputs[0]!.dtype}; cast it.`);
  return sameType(inputs);
}

function unary<K extends Unary>(
  opType: string,
  rule: (context: GradientContext<K>, x: Node) => Node | null,
): OpDefinition<K> {
  return {
    type: floatType,
    onnx: (emit, inputs) => emit.node(opType, inputs),
    gradient: (context) => [rule(context, context.inputs[0]!)],
  };
}

/** d/dx of x * sigmoid(alpha x) = s + alpha x s (1 - s). */
const swishGradient: GradientRule<'swish'> = ({ node, grad, inputs, build: b }) => {
  const x = inputs[0]!;
  const { alpha } = node.attributes;
  const s = b.sigmoid(alpha === 1 ? x : b.mul(x, alpha));
  const slope = b.add(s, b.mul(b.mul(node, alpha), b.sub(1, s)));
  return [b.mul(grad, slope)];
};

const rootTwoOverPi = Math.sqrt(2 / Math.PI);

/** GELU (Hendrycks and Gimpel 2016); the tanh form is x * sigmoid(2u) with u = sqrt(2/pi) (x + 0.044715 x^3). */
const geluGradient: GradientRule<'gelu'> = ({ node, grad, inputs, build: b }) => {
  const x = inputs[0]!;
  const square = b.mul(x, x);
  if (node.attributes.approximate === 'none') {
    const cdf = b.mul(b.add(b.erf(b.mul(x, Math.SQRT1_2)), 1), 0.5);
    const density = b.mul(b.exp(b.mul(square, -0.5)), 1 / Math.sqrt(2 * Math.PI));
    return [b.mul(grad, b.add(cdf, b.mul(x, density)))];
  }
  const twice = 2 * rootTwoOverPi;
  const s = b.sigmoid(b.mul(x, b.add(b.mul(square, 0.044715 * twice), twice)));
  const inner = b.add(b.mul(square, 3 * 0.044715 * twice), twice);
  return [b.mul(grad, b.add(s, b.mul(b.mul(node, b.sub(1, s)), inner)))];
};

export const elementwise: Definitions<
  Extract<OpName, Binary | Unary | 'swish' | 'gelu' | 'clamp' | 'cast' | 'stopGradient'>
> = {
  add: binary('Add', ({ grad }) => [grad, grad]),
  sub: binary('Sub', ({ grad, build: b }) => [grad, b.neg(grad)]),
  mul: binary('Mul', ({ grad, build: b }, x, y) => [b.mul(grad, y), b.mul(grad, x)]),
  div: binary('Div', ({ node, grad, build: b }, _x, y) => {
    const dx = b.div(grad, y);
    return [dx, b.neg(b.mul(dx, node))];
  }),
  maximum: binary('Max', ({ grad, build: b }, x, y) => {
    const left = b.mul(grad, b.greater(x, y));
    return [left, b.sub(grad, left)];
  }),
  greater: {
    type: (inputs) => ({ ...binaryType(inputs), dtype: 'float32' }),
    onnx: (emit, inputs) => emit.node('Cast', [emit.node('Greater', inputs)], { to: 1 }),
    gradient: () => [null, null],
  },
  neg: unary('Neg', ({ grad, build: b }) => b.neg(grad)),
  exp: unary('Exp', ({ node, grad, build: b }) => b.mul(grad, node)),
  log: unary('Log', ({ grad, build: b }, x) => b.div(grad, x)),
  sqrt: unary('Sqrt', ({ node, grad, build: b }) => b.div(b.mul(grad, 0.5), node)),
  tanh: unary('Tanh', ({ node, grad, build: b }) => b.mul(grad, b.sub(1, b.mul(node, node)))),
  sigmoid: unary('Sigmoid', ({ node, grad, build: b }) => b.mul(grad, b.mul(node, b.sub(1, node)))),
  sin: unary('Sin', ({ grad, build: b }, x) => b.mul(grad, b.cos(x))),
  cos: unary('Cos', ({ grad, build: b }, x) => b.neg(b.mul(grad, b.sin(x)))),
  erf: unary('Erf', ({ grad, build: b }, x) => b.mul(grad, b.mul(b.exp(b.neg(b.mul(x, x))), 2 / Math.sqrt(Math.PI)))),
  abs: unary('Abs', ({ grad, build: b }, x) => b.mul(grad, b.sign(x))),
  sign: unary('Sign', () => null),
  reciprocal: unary('Reciprocal', ({ node, grad, build: b }) => b.neg(b.mul(grad, b.mul(node, node)))),
  relu: unary('Relu', ({ grad, build: b }, x) => b.mul(grad, b.greater(x, 0))),
  swish: {
    type: floatType,
    onnx: (emit, inputs, node) =>
      emit.node('QuickGelu', inputs, { alpha: { float: node.attributes.alpha } }, 'com.microsoft'),
    gradient: swishGradient,
  },
  gelu: {
    type: floatType,
    onnx: (emit, inputs, node) => emit.node('Gelu', inputs, { approximate: node.attributes.approximate }),
    gradient: geluGradient,
  },
  clamp: {
    type: floatType,
    onnx: (emit, inputs, node) => {
      const bound = (value: number) => emit.constant({ dtype: 'float32', shape: [], data: Float32Array.of(value) });
      return emit.node('Clip', [inputs[0]!, bound(node.attributes.min), bound(node.attributes.max)]);
    },
    gradient: ({ node, grad, inputs, build: b }) => {
      const x = inputs[0]!;
      const inside = b.mul(b.greater(x, node.attributes.min), b.greater(node.attributes.max, x));
      return [b.mul(grad, inside)];
    },
  },
  cast: {
    type: (inputs, { dtype }) => ({ shape: inputs[0]!.shape, dtype }),
    onnx: (emit, inputs, node) => emit.node('Cast', inputs, { to: onnxTypes[node.attributes.dtype] }),
    // An integer is flat wherever it has a slope at all.
    gradient: ({ node, grad, inputs, build: b }) => [
      isFloat(node.dtype) && isFloat(inputs[0]!.dtype) ? b.cast(grad, inputs[0]!.dtype) : null,
    ],
  },
  stopGradient: {
    type: sameType,
    onnx: (emit, inputs) => emit.node('Identity', inputs),
    gradient: () => [null],
  },
};

/** ONNX's TensorProto.DataType. */
export const onnxTypes = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  bfloat16: 16,
} as const;
