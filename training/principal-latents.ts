// Turns an autoencoder's latents to their principal axes, most varied first, and scales them half way to equal variance. The
// turn is folded into the 1x1x1 convolutions on both sides of the latents, so the decoded clip stays the same; the scale goes
// into latents_std. Coarse content then stands above the noise longer than detail does, so that a transformer in training
// sees what an actor is before it sees its edges.
import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import type { AutoencoderConfig } from '../compressor/config.ts';
import { floats, tensor } from '../graph/tensor.ts';
import type { Tensor } from '../graph/tensor.ts';

/** Axes whose variance is below this part of the largest are scaled as if they had it. */
const leastVariance = 1e-4;

/** Mean [z] and covariance [z,z] of latents over all positions. */
export interface LatentMoments {
  readonly mean: readonly number[];
  readonly covariance: Matrix;
}

/** Collects clips of latents [z,...] and gives their moments. */
export function momentsCollector(zDim: number) {
  const sums = new Float64Array(zDim);
  const products = new Float64Array(zDim * zDim);
  let count = 0;
  return {
    add(latents: Float32Array): void {
      const plane = latents.length / zDim;
      for (let i = 0; i < zDim; i++) {
        for (let at = 0; at < plane; at++) sums[i]! += latents[i * plane + at]!;
        for (let j = 0; j <= i; j++) {
          let total = 0;
          for (let at = 0; at < plane; at++) total += latents[i * plane + at]! * latents[j * plane + at]!;
          products[i * zDim + j]! += total;
        }
      }
      count += plane;
    },
    moments(): LatentMoments {
      const mean = Array.from(sums, (total) => total / count);
      const covariance = Matrix.zeros(zDim, zDim);
      for (let i = 0; i < zDim; i++) {
        for (let j = 0; j <= i; j++) {
          const value = products[i * zDim + j]! / count - mean[i]! * mean[j]!;
          covariance.set(i, j, value);
          covariance.set(j, i, value);
        }
      }
      return { mean, covariance };
    },
  };
}

export interface TurnedAutoencoder {
  readonly weights: Readonly<Record<string, Tensor>>;
  readonly latents_mean: readonly number[];
  readonly latents_std: readonly number[];
}

/** The autoencoder with turned latents. The log variances keep their rows: they say nothing of the turned axes. */
export function turnToPrincipalAxes(
  weights: Readonly<Record<string, Tensor>>,
  { zDim }: Pick<AutoencoderConfig, 'zDim'>,
  { mean, covariance }: LatentMoments,
): TurnedAutoencoder {
  const { axes, variances } = principalAxes(covariance);
  const deviations = variances.map((value) => Math.sqrt(Math.max(value, leastVariance * variances[0]!)));
  // Half way: sqrt of the deviation, times what makes the mean variance 1.
  const common = Math.sqrt(deviations.reduce((total, value) => total + value, 0) / zDim);
  const rounded = (values: readonly number[]) => values.map((value) => Number(value.toFixed(5)));
  return {
    weights: {
      ...weights,
      'quant_conv.weight': turnRows(weights['quant_conv.weight']!, axes, zDim),
      'quant_conv.bias': turnRows(weights['quant_conv.bias']!, axes, zDim),
      'post_quant_conv.weight': turnColumns(weights['post_quant_conv.weight']!, axes, zDim),
    },
    latents_mean: rounded(axes.mmul(Matrix.columnVector(mean)).to1DArray()),
    latents_std: rounded(deviations.map((value) => common * Math.sqrt(value))),
  };
}

/** Unit axes as rows, most varied first, each with its largest entry positive so that equal data give equal axes. */
function principalAxes(covariance: Matrix): { readonly axes: Matrix; readonly variances: readonly number[] } {
  const { eigenvectorMatrix, realEigenvalues } = new EigenvalueDecomposition(covariance, { assumeSymmetric: true });
  const order = realEigenvalues.map((_, i) => i).sort((a, b) => realEigenvalues[b]! - realEigenvalues[a]!);
  const rows = order.map((column) => {
    const axis = eigenvectorMatrix.getColumn(column);
    const largest = axis.reduce((best, value) => (Math.abs(value) > Math.abs(best) ? value : best), 0);
    return axis.map((value) => value * Math.sign(largest));
  });
  return { axes: new Matrix(rows), variances: order.map((i) => realEigenvalues[i]!) };
}

/** The first `zDim` rows become mixtures of themselves; the rest, the log variances', stay. */
function turnRows({ shape, data }: Tensor, axes: Matrix, zDim: number): Tensor {
  const values = Float32Array.from(data as Float32Array);
  const width = values.length / shape[0]!;
  const rows = Matrix.from1DArray(zDim, width, Array.from(values.subarray(0, zDim * width)));
  values.set(axes.mmul(rows).to1DArray());
  return tensor(values, shape);
}

function turnColumns(weight: Tensor, axes: Matrix, zDim: number): Tensor {
  const columns = Matrix.from1DArray(zDim, zDim, Array.from(floats(weight)));
  return tensor(Float32Array.from(columns.mmul(axes.transpose()).to1DArray()), weight.shape);
}
