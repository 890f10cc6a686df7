// Samples of products with rounded weights. Their kernels round x as well, so x holds whole numbers that are rounded to themselves:
// of a range of exactly 255 steps for int8, up to exactly 127 in each block for int4. The twin is the product of plain floats.
import * as tf from '@tensorflow/tfjs';
import * as g from '../../graph/build.ts';
import { sizeOf, type Shape, type Tensor, tensor } from '../../graph/tensor.ts';
import { fixed, sample } from './sample.ts';
import type { Sample } from './sample.ts';

const wholes = (shape: Shape, value: (index: number) => number) =>
  fixed({ value: tensor(Float32Array.from({ length: sizeOf(shape) }, (_, i) => value(i)), shape), fixed: true }); // prettier-ignore
const scales = (count: number) => Float32Array.from({ length: count }, (_, i) => 0.01 + 0.005 * (i % 3));

function int8(title: string, x: Shape, outputs: number): Sample {
  const columns = x.at(-1)!;
  const values = Int8Array.from({ length: columns * outputs }, (_, i) => ((i * 37) % 255) - 127);
  const scale = scales(outputs);
  const weight: Tensor = { dtype: 'int8', shape: [columns, outputs], data: values };
  return sample(
    title,
    [wholes(x, (i) => (i === 0 ? -128 : i === 1 ? 127 : ((i * 29) % 256) - 128))],
    (value) => g.int8Matmul(value, g.constant(weight), g.constant(tensor(scale, [outputs]))),
    (value) => product(value, tf.mul(tf.tensor(Float32Array.from(values), [columns, outputs]), tf.tensor(scale))),
  );
}

function int4(title: string, x: Shape, outputs: number): Sample {
  const columns = x.at(-1)!;
  const blocks = Math.ceil(columns / 128);
  const bytes = Uint8Array.from({ length: outputs * blocks * 64 }, (_, i) => (i * 73) % 256);
  const scale = scales(outputs * blocks);
  const weight: Tensor = { dtype: 'uint8', shape: [outputs, blocks, 64], data: bytes };
  const wide = new Float32Array(columns * outputs);
  for (let row = 0; row < outputs; row++) {
    for (let column = 0; column < columns; column++) {
      const at = row * blocks * 128 + column;
      const nibble = (bytes[at >> 1]! >> (4 * (at % 2))) & 15; // the lower half first
      wide[column * outputs + row] = (nibble - 8) * scale[row * blocks + (column >> 7)]!;
    }
  }
  return sample(
    title,
    [wholes(x, (i) => (i % 16 === 0 ? 127 : ((i * 29) % 255) - 127))],
    (value) => g.int4Matmul(value, g.constant(weight), g.constant(tensor(scale, [outputs, blocks]))),
    (value) => product(value, tf.tensor(wide, [columns, outputs])),
  );
}

/** x [...,in] times [in,out]. */
function product(x: tf.Tensor, weight: tf.Tensor): tf.Tensor {
  const flat = tf.matMul(tf.reshape(x, [-1, x.shape.at(-1)!]), weight);
  return tf.reshape(flat, [...x.shape.slice(0, -1), weight.shape[1]!]);
}

export const quantisedSamples = {
  int8Matmul: [int8('a matrix', [5, 32], 7), int8('a batch', [2, 3, 20], 16)],
  int4Matmul: [int4('a matrix', [5, 128], 7), int4('a batch, the last block not full', [2, 3, 160], 16)],
};
