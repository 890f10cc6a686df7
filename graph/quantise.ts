// Rounds matrices to 8 and 4 bits, in the layouts of onnxruntime's products, and measures what is lost. Scales are symmetric.
//   int8: one scale for each output, values -127..127 transposed to [in,out]
//   int4: one scale for each 128 inputs of an output, values -8..7 kept as 0..15, the first of two in the lower half of a byte.
//         The value of largest magnitude becomes -8, as in llama.cpp's Q4_0, so that all 16 steps are used.
import { INT4_BLOCK } from './ops/quantised.ts';
import { quantisedShapes, type QuantisedType } from './quantised-weights.ts';
import { type Tensor, tensor } from './tensor.ts';

export interface QuantisedMatrix {
  readonly values: Tensor;
  readonly scales: Tensor;
  /**
   * Root mean square of what rounding changed over the spread of the weights: of normally distributed ones, the error of the
   * layer's product with noise, before the rounding of activations. Their spread is told from their mean magnitude, so that
   * a few large ones do not hide what they cost all others.
   */
  readonly error: number;
}

/** @param weight of shape [rows,columns], that is [out,in] */
export function quantise(weight: Float32Array, shape: readonly [number, number], type: QuantisedType): QuantisedMatrix {
  return type === 'int8' ? toInt8(weight, shape) : toInt4(weight, shape);
}

/** Of squared changes, and of magnitudes. */
interface Sums {
  lost: number;
  all: number;
}

/** Standard deviation over mean magnitude of a normal distribution. */
const SPREAD = Math.sqrt(Math.PI / 2);

const errorOf = ({ lost, all }: Sums, count: number): number =>
  lost === 0 ? 0 : Math.sqrt(lost / count) / ((SPREAD * all) / count);

function toInt8(weight: Float32Array, [rows, columns]: readonly [number, number]): QuantisedMatrix {
  const values = new Int8Array(rows * columns);
  const scales = new Float32Array(rows);
  const sums = { lost: 0, all: 0 };
  for (let row = 0; row < rows; row++) {
    const line = weight.subarray(row * columns, (row + 1) * columns);
    const scale = Math.fround(Math.abs(farthest(line)) / 127);
    scales[row] = scale;
    roundInt8({ line, values, row, rows, scale, sums });
  }
  const shapes = quantisedShapes([rows, columns], 'int8');
  const data: Tensor = { dtype: 'int8', shape: shapes.values, data: values };
  return { values: data, scales: tensor(scales, shapes.scales), error: errorOf(sums, rows * columns) };
}

interface Line {
  readonly line: Float32Array;
  readonly values: Int8Array;
  readonly row: number;
  readonly rows: number;
  readonly scale: number;
  readonly sums: Sums;
}

function roundInt8({ line, values, row, rows, scale, sums }: Line): void {
  const inverse = scale === 0 ? 0 : 1 / scale;
  let [lost, all] = [0, 0];
  for (let column = 0; column < line.length; column++) {
    const value = line[column]!;
    const rounded = Math.round(value * inverse);
    values[column * rows + row] = rounded;
    const change = value - rounded * scale;
    lost += change * change;
    all += Math.abs(value);
  }
  sums.lost += lost;
  sums.all += all;
}

function toInt4(weight: Float32Array, [rows, columns]: readonly [number, number]): QuantisedMatrix {
  const shapes = quantisedShapes([rows, columns], 'int4');
  const blocks = shapes.scales[1]!;
  const values = new Uint8Array((rows * blocks * INT4_BLOCK) / 2);
  const scales = new Float32Array(rows * blocks);
  const sums = { lost: 0, all: 0 };
  for (let index = 0; index < rows * blocks; index++) {
    const [row, first] = [Math.floor(index / blocks), (index % blocks) * INT4_BLOCK];
    const start = row * columns + first;
    const block = weight.subarray(start, start + Math.min(INT4_BLOCK, columns - first));
    const scale = Math.fround(-farthest(block) / 8);
    scales[index] = scale;
    roundInt4(block, values.subarray((index * INT4_BLOCK) / 2, ((index + 1) * INT4_BLOCK) / 2), scale, sums);
  }
  const data: Tensor = { dtype: 'uint8', shape: shapes.values, data: values };
  return { values: data, scales: tensor(scales, shapes.scales), error: errorOf(sums, rows * columns) };
}

function roundInt4(block: Float32Array, bytes: Uint8Array, scale: number, sums: Sums): void {
  const inverse = scale === 0 ? 0 : 1 / scale;
  let [lost, all] = [0, 0];
  bytes.fill(0x88); // what is behind the last column counts nothing
  for (let i = 0; i < block.length; i++) {
    const value = block[i]!;
    const rounded = Math.min(7, Math.round(value * inverse));
    const half = rounded + 8;
    const byte = bytes[i >> 1]!;
    bytes[i >> 1] = i % 2 === 0 ? (byte & 0xf0) | half : (byte & 0x0f) | (half << 4);
    const change = value - rounded * scale;
    lost += change * change;
    all += Math.abs(value);
  }
  sums.lost += lost;
  sums.all += all;
}

/** The value of largest magnitude, with its sign. */
function farthest(values: Float32Array): number {
  let found = 0;
  for (let i = 0; i < values.length; i++) if (Math.abs(values[i]!) > Math.abs(found)) found = values[i]!;
  return found;
}
