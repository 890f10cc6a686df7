// Neighbouring positions repeated and averaged. Along the last axis both are products with a small constant matrix, as
// onnxruntime copies element by element where strides are not one: the product takes a tenth of that time.
import { concat, constant, matmul, reshape } from '../graph/build.ts';
import type { Node } from '../graph/node.ts';
import { tensor } from '../graph/tensor.ts';

/** Each element `times` times in a row along an axis: 0 0 1 1 2 2. */
export function repeatEach(x: Node, axis: number, times: number): Node {
  if (times === 1) return x;
  const shape = x.shape.map((extent, i) => (i === axis ? extent * times : extent));
  if (axis === x.shape.length - 1) {
    const block = columnBlock(x.shape[axis]!);
    return reshape(matmul(reshape(x, [-1, block]), groupMatrix(block, times, 1)), shape);
  }
  const split = [...x.shape.slice(0, axis + 1), 1, ...x.shape.slice(axis + 1)];
  return reshape(concat(Array<Node>(times).fill(reshape(x, split)), axis + 1), shape);
}

/** Doubles height and width by repetition, [B,C,T,H,W] -> [B,C,T,2H,2W]: nearest-exact interpolation by two. */
export function doubleEdges(x: Node): Node {
  return repeatEach(repeatEach(x, 4, 2), 3, 2); // columns while rows are few
}

/** Means of neighbouring columns: [..,W] -> [..,W/2]. */
export function averageColumns(x: Node): Node {
  const width = x.shape.at(-1)! / 2;
  const block = columnBlock(width);
  const product = matmul(reshape(x, [-1, 2 * block]), groupMatrix(block, 2, 0.5), { transB: true });
  return reshape(product, [...x.shape.slice(0, -1), width]);
}

/** [block, block*times], `value` where a column belongs to the row's group, else 0. */
function groupMatrix(block: number, times: number, value: number): Node {
  const matrix = new Float32Array(block * block * times);
  for (let column = 0; column < block * times; column++) {
    matrix[Math.floor(column / times) * block * times + column] = value;
  }
  return constant(tensor(matrix, [block, block * times]));
}

/** The largest divisor of a width that keeps the product small; the width itself where it has none. */
function columnBlock(width: number): number {
  for (let block = Math.min(width, 64); block > 8; block--) if (width % block === 0) return block;
  return width;
}
