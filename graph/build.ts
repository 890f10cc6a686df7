// The builders: plain functions that add a node to a graph. Shapes are checked at the call, so the stack points at the mistake.
// Axes may be negative; a number may stand for a float32 scalar operand. Nodes are frozen and never know their users.
import { ShapeError } from './errors.ts';
import type { Node, OpAttributes, OpName } from './node.ts';
import { definitionOf } from './ops/table.ts';
import { axisOf, sameShape, show, withExtent } from './shape.ts';
import { sizeOf, tensor } from './tensor.ts';
import type { DType, Shape, Tensor } from './tensor.ts';

function addNode<K extends OpName>(op: K, inputs: readonly Node[], attributes: OpAttributes[K]): Node<K> {
  const { shape, dtype } = definitionOf(op).type(inputs, attributes);
  if (!shape.every((extent) => Number.isInteger(extent) && extent >= 0))
    throw new ShapeError(`${op}: ${show(shape)} is no shape.`);
  return Object.freeze({ op, inputs, attributes, shape, dtype });
}

export type Operand = Node | number;
const toNode = (value: Operand): Node => (typeof value === 'number' ? scalar(value) : value);

/** A value fed at each run. */
export const input = (name: string, shape: Shape, dtype: DType = 'float32'): Node =>
  addNode('input', [], { name, shape, dtype });
/** A parameter, bound to its weights when the graph is compiled. Models ask their Parameters for it instead. */
export const parameter = (name: string, shape: Shape, dtype: DType = 'float32'): Node =>
  addNode('parameter', [], { name, shape, dtype });
export const constant = (value: Tensor): Node => addNode('constant', [], { value });
export const scalar = (value: number): Node => constant(tensor(Float32Array.of(value), []));

const binary =
  (op: 'add' | 'sub' | 'mul' | 'div' | 'maximum' | 'greater') =>
  (a: Operand, b: Operand): Node =>
    addNode(op, [toNode(a), toNode(b)], {});
export const add = binary('add');
export const sub = binary('sub');
export const mul = binary('mul');
export const div = binary('div');
export const maximum = binary('maximum');
/** 1 where a > b, else 0, as float32. */
export const greater = binary('greater');

type Unary =
  'neg' | 'exp' | 'log' | 'sqrt' | 'tanh' | 'sigmoid' | 'sin' | 'cos' | 'erf' | 'abs' | 'sign' | 'reciprocal' | 'relu';
const unary =
  (op: Unary) =>
  (x: Node): Node =>
    addNode(op, [x], {});
export const neg = unary('neg');
export const exp = unary('exp');
export const log = unary('log');
export const sqrt = unary('sqrt');
export const tanh = unary('tanh');
export const sigmoid = unary('sigmoid');
export const sin = unary('sin');
export const cos = unary('cos');
export const erf = unary('erf');
export const abs = unary('abs');
export const sign = unary('sign');
export const reciprocal = unary('reciprocal');
export const relu = unary('relu');
export const square = (x: Node): Node => mul(x, x);
/** x * sigmoid(x). */
export const silu = (x: Node): Node => addNode('swish', [x], { alpha: 1 });
/** x * sigmoid(1.702 x), OpenAI CLIP's activation. */
export const quickGelu = (x: Node): Node => addNode('swish', [x], { alpha: 1.702 });
export const gelu = (x: Node, approximate: 'tanh' | 'none'): Node => addNode('gelu', [x], { approximate });
export const clamp = (x: Node, min: number, max: number): Node => addNode('clamp', [x], { min, max });
export const cast = (x: Node, dtype: DType): Node => (x.dtype === dtype ? x : addNode('cast', [x], { dtype }));
/** The identity, through which no gradient flows. */
export const stopGradient = (x: Node): Node => addNode('stopGradient', [x], {});

export interface ReduceOptions {
  readonly keepDims?: boolean;
}
const reduction =
  (op: 'sum' | 'mean') =>
  (x: Node, axes: readonly number[], { keepDims = false }: ReduceOptions = {}): Node =>
    axes.length === 0 ? x : addNode(op, [x], { axes: axes.map((axis) => axisOf(axis, x.shape.length)), keepDims });
export const sum = reduction('sum');
export const mean = reduction('mean');
export const softmax = (x: Node): Node => addNode('softmax', [x], {});
export const logSoftmax = (x: Node): Node => addNode('logSoftmax', [x], {});

/** The same values in another shape; one extent may be -1 and follows from the others. */
export function reshape(x: Node, shape: Shape): Node {
  const free = shape.indexOf(-1);
  const rest = sizeOf(shape.filter((extent) => extent !== -1));
  const full = free < 0 ? shape : withExtent(shape, free, sizeOf(x.shape) / rest);
  if (full.some((extent) => !Number.isInteger(extent)))
    throw new ShapeError(`reshape: ${show(x.shape)} to ${show(shape)}.`);
  return sameShape(full, x.shape) ? x : addNode('reshape', [x], { shape: full });
}
export const transpose = (x: Node, perm: readonly number[]): Node =>
  sameShape(
    perm,
    x.shape.map((_, i) => i),
  )
    ? x
    : addNode('transpose', [x], { perm });
/** x[start:end:step] along one axis; `end` may be negative or Infinity. A slice of a slice is one slice. */
export function slice(x: Node, axis: number, start: number, end = Infinity, step = 1): Node {
  const along = axisOf(axis, x.shape.length);
  const extent = x.shape[along]!;
  const from = start < 0 ? start + extent : start;
  const to = end < 0 ? end + extent : Math.min(end, extent);
  if (from === 0 && to === extent && step === 1) return x;
  const starts = withExtent(
    x.shape.map(() => 0),
    along,
    from,
  );
  const steps = withExtent(
    x.shape.map(() => 1),
    along,
    step,
  );
  const part = addNode('slice', [x], { starts, ends: withExtent(x.shape, along, to), steps });
  return x.op === 'slice' ? sliceOfSlice(x as Node<'slice'>, part) : part;
}
function sliceOfSlice({ inputs, attributes: outer }: Node<'slice'>, { attributes: inner }: Node<'slice'>): Node {
  const place = (index: number, axis: number) => outer.starts[axis]! + index * outer.steps[axis]!;
  return addNode('slice', inputs, {
    starts: inner.starts.map(place),
    ends: inner.ends.map((end, axis) => place(end - 1, axis) + 1),
    steps: inner.steps.map((step, axis) => step * outer.steps[axis]!),
  });
}
export const flip = (x: Node, axes: readonly number[]): Node =>
  addNode('flip', [x], { axes: axes.map((axis) => axisOf(axis, x.shape.length)) });
export const concat = (xs: readonly Node[], axis: number): Node =>
  xs.length === 1 ? xs[0]! : addNode('concat', xs, { axis: axisOf(axis, xs[0]?.shape.length ?? 0) });
/** Zeros before and after each axis. */
export const pad = (x: Node, before: readonly number[], after: readonly number[]): Node =>
  before.length === x.shape.length && after.length === x.shape.length && [...before, ...after].every((n) => n === 0)
    ? x
    : addNode('pad', [x], { before, after });
export const expand = (x: Node, shape: Shape): Node =>
  sameShape(x.shape, shape) ? x : addNode('expand', [x], { shape });
/** Rows of table [V,D] by integer ids [...]: [...,D]. */
export const gather = (table: Node, ids: Node): Node => addNode('gather', [table, ids], {});
/** Adds values [...,D] into `rows` zero rows by ids [...]: the transpose of gather. */
export const scatterRows = (values: Node, ids: Node, rows: number): Node =>
  addNode('scatterRows', [values, ids], { rows });
/** Doubles the last two axes by repetition. */
export const upsampleNearest2 = (x: Node): Node => addNode('upsampleNearest2', [x], {});

/** Sums x down to `shape`: the transpose of broadcasting. */
export function sumTo(x: Node, shape: Shape): Node {
  if (sameShape(x.shape, shape)) return x;
  const lead = x.shape.length - shape.length;
  const axes = x.shape.map((_, i) => i).filter((i) => i < lead || (shape[i - lead] === 1 && x.shape[i] !== 1));
  return reshape(axes.length === 0 ? x : sum(x, axes), shape);
}

/** Puts step - 1 zeros behind each slice along an axis: [..n..] -> [..n*step..]. */
export function spaceOut(x: Node, axis: number, step: number): Node {
  const split = [...x.shape.slice(0, axis + 1), 1, ...x.shape.slice(axis + 1)];
  // Concat is five times faster than Pad where the axis is the last.
  const zeros = expand(scalar(0), withExtent(split, axis + 1, step - 1));
  return reshape(concat([reshape(x, split), zeros], axis + 1), withExtent(x.shape, axis, x.shape[axis]! * step));
}

export interface MatmulOptions {
  readonly transA?: boolean;
  readonly transB?: boolean;
  readonly alpha?: number;
}
/** alpha * op(a) op(b) on the last two axes, leading axes broadcast. */
export const matmul = (a: Node, b: Node, { transA = false, transB = false, alpha = 1 }: MatmulOptions = {}): Node =>
  addNode('matmul', [a, b], { transA, transB, alpha });
/** x Wᵀ + b: x [...,in], weight [out,in], bias [out] -> [...,out]. */
export function linear(x: Node, weight: Node, bias?: Node): Node {
  const product = matmul(x, weight, { transB: true });
  return bias === undefined ? product : add(product, bias);
}

/** x [...,in] times weights that were rounded to 8 bits, [in,out] int8 with a scale for each output: [...,out]. */
export const int8Matmul = (x: Node, weight: Node, scale: Node): Node => addNode('int8Matmul', [x, weight, scale], {});
/** x [...,in] times weights that were rounded to 4 bits, [out,in/128,64] uint8 with scales [out,in/128]: [...,out]. */
export const int4Matmul = (x: Node, weight: Node, scale: Node): Node => addNode('int4Matmul', [x, weight, scale], {});

export interface ConvOptions {
  readonly bias?: Node | undefined;
  readonly stride?: readonly number[];
  readonly padBefore?: readonly number[];
  readonly padAfter?: readonly number[];
}
/** x [B,C,*S], weight [O,C,*K] -> [B,O,*S']; strides and zero pads per spatial axis. */
export function conv(x: Node, weight: Node, options: ConvOptions = {}): Node {
  const kernel = weight.shape.slice(2);
  const {
    bias,
    stride = kernel.map(() => 1),
    padBefore = kernel.map(() => 0),
    padAfter = kernel.map(() => 0),
  } = options;
  return addNode('conv', bias === undefined ? [x, weight] : [x, weight, bias], { stride, padBefore, padAfter });
}

export interface LayerNormOptions {
  readonly scale?: Node | undefined;
  readonly bias?: Node | undefined;
  readonly eps: number;
}
/** (x - mean) / sqrt(var + eps) over the last axis, times scale, plus bias. A bias needs a scale. */
export function layerNorm(x: Node, { scale, bias, eps }: LayerNormOptions): Node {
  if (bias !== undefined && scale === undefined) throw new ShapeError('layerNorm: a bias needs a scale.');
  return addNode(
    'layerNorm',
    [x, scale, bias].filter((part) => part !== undefined),
    { eps },
  );
}
/** x / sqrt(mean(x²) + eps) * scale over the last axis. */
export const rmsNorm = (x: Node, scale: Node, eps: number): Node => addNode('rmsNorm', [x, scale], { eps });
/** x / max(||x||₂, 1e-12) along one axis. */
export const l2Normalize = (x: Node, axis: number): Node =>
  addNode('l2Normalize', [x], { axis: axisOf(axis, x.shape.length) });

export interface RopeOptions {
  readonly heads: number;
  readonly interleaved: boolean;
}
/** Rotates pairs of x [B,N,heads*d] by the tables cos, sin [N,d/2]; pairs are neighbours when interleaved, else halves. */
export const rope = (x: Node, cosTable: Node, sinTable: Node, { heads, interleaved }: RopeOptions): Node =>
  addNode('rope', [x, cosTable, sinTable], { heads, interleaved });

export interface AttentionOptions {
  readonly heads: number;
  readonly scale?: number;
  readonly bias?: Node | undefined;
}
/** softmax(scale q kᵀ + bias) v per head: q [B,N,H*d], k and v [B,L,H*d], bias broadcastable to [B,H,N,L]. */
export function attention(q: Node, k: Node, v: Node, { heads, scale, bias }: AttentionOptions): Node {
  const inputs = bias === undefined ? [q, k, v] : [q, k, v, bias];
  return addNode('attention', inputs, { heads, scale: scale ?? 1 / Math.sqrt(q.shape.at(-1)! / heads) });
}
