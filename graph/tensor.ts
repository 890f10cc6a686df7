// Host tensors: a typed array with a shape. 16-bit floats are carried as their raw bits in a Uint16Array.
// Knows nothing of graphs or of onnxruntime.
import { ShapeError } from './errors.ts';

export type DType = 'float32' | 'float16' | 'bfloat16' | 'int32' | 'int64' | 'bool' | 'uint8' | 'int8';
export type TensorData = Float32Array | Uint16Array | Int32Array | BigInt64Array | Uint8Array | Int8Array;
export type Shape = readonly number[];

export interface Tensor {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly data: TensorData;
}

/** Bytes of one element. */
export const bytesOf = {
  float32: 4,
  float16: 2,
  bfloat16: 2,
  int32: 4,
  int64: 8,
  bool: 1,
  uint8: 1,
  int8: 1,
} satisfies Record<DType, number>;

/** Number of elements of a shape; 1 for a scalar. */
export function sizeOf(shape: Shape): number {
  let size = 1;
  for (const extent of shape) size *= extent;
  return size;
}

function checked<T extends TensorData>(dtype: DType, data: T, shape: Shape): Tensor & { data: T } {
  if (data.length !== sizeOf(shape)) {
    throw new ShapeError(
      `A ${dtype} tensor of shape [${shape.join(',')}] needs ${sizeOf(shape)} values, got ${data.length}.`,
    );
  }
  return { dtype, shape, data };
}

/** A float32 tensor over `data` (not copied). Throws ShapeError when the element count is another than the shape's. */
export function tensor(data: Float32Array, shape: Shape): Tensor & { data: Float32Array } {
  return checked('float32', data, shape);
}

export function int32Tensor(values: ArrayLike<number>, shape: Shape): Tensor & { data: Int32Array } {
  return checked('int32', Int32Array.from(values), shape);
}

export function int64Tensor(values: ArrayLike<number>, shape: Shape): Tensor & { data: BigInt64Array } {
  return checked(
    'int64',
    BigInt64Array.from(Array.from(values), (value) => BigInt(value)),
    shape,
  );
}

/** A float32 tensor of zeros. */
export function zeros(shape: Shape): Tensor & { data: Float32Array } {
  return { dtype: 'float32', shape, data: new Float32Array(sizeOf(shape)) };
}

/** The data of a float32 tensor. Throws ShapeError for any other dtype. */
export function floats(value: Tensor): Float32Array {
  if (!(value.data instanceof Float32Array)) throw new ShapeError(`Expected a float32 tensor, got ${value.dtype}.`);
  return value.data;
}
