// Where a graph's parameters come from: a tensor in memory, or a stretch of a .safetensors file that onnxruntime maps.
import type { DType, Shape, Tensor } from './tensor.ts';

/** A tensor inside a .safetensors file. `path` is absolute and real (no symlinks), `byteOffset` counts from the file's start. */
export interface StoredTensor {
  readonly path: string;
  readonly byteOffset: number;
  readonly byteLength: number;
  readonly dtype: DType;
  readonly shape: Shape;
}

/** Finds a parameter by its name; undefined when the file has none of that name. */
export type Weights = (name: string) => StoredTensor | Tensor | undefined;

export const isStored = (value: StoredTensor | Tensor): value is StoredTensor => 'path' in value;

/** Weights from a map of tensors in memory. */
export function weightsFrom(tensors: ReadonlyMap<string, Tensor>): Weights {
  return (name) => tensors.get(name);
}
