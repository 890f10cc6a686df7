import { expect, test } from 'vitest';
import { tensor } from '../../graph/tensor.ts';
import { momentsCollector, turnToPrincipalAxes } from '../../training/principal-latents.ts';
import { randomOf } from '../../training/world/random.ts';

const zDim = 3;
const positions = 400;
const random = randomOf(5);
const draw = (count: number) => Float32Array.from({ length: count }, () => random.next() - 0.5);

/** A 1x1x1 convolution of `rows` outputs over values [columns, positions]. */
function pointwise(weight: Float32Array, bias: Float32Array, values: Float32Array): Float32Array {
  const [rows, columns] = [bias.length, weight.length / bias.length];
  const out = new Float32Array(rows * positions);
  for (let r = 0; r < rows; r++) {
    for (let at = 0; at < positions; at++) {
      let total = bias[r]!;
      for (let c = 0; c < columns; c++) total += weight[r * columns + c]! * values[c * positions + at]!;
      out[r * positions + at] = total;
    }
  }
  return out;
}

const weights = {
  'quant_conv.weight': tensor(draw(2 * zDim * 2 * zDim), [2 * zDim, 2 * zDim, 1, 1, 1]),
  'quant_conv.bias': tensor(draw(2 * zDim), [2 * zDim]),
  'post_quant_conv.weight': tensor(draw(zDim * zDim), [zDim, zDim, 1, 1, 1]),
  'post_quant_conv.bias': tensor(draw(zDim), [zDim]),
};
const features = draw(2 * zDim * positions);

const data = (of: Readonly<Record<string, { data: unknown }>>, name: string) => of[name]!.data as Float32Array;
const encode = (of: typeof weights) =>
  pointwise(data(of, 'quant_conv.weight'), data(of, 'quant_conv.bias'), features).subarray(0, zDim * positions);
const decode = (of: typeof weights, latents: Float32Array) =>
  pointwise(data(of, 'post_quant_conv.weight'), data(of, 'post_quant_conv.bias'), latents);

function turned() {
  const collector = momentsCollector(zDim);
  collector.add(encode(weights));
  return turnToPrincipalAxes(weights, { zDim }, collector.moments());
}

test('the decoder gives the same, the log variances stay', () => {
  const after = turned().weights as typeof weights;
  const [expected, actual] = [decode(weights, encode(weights)), decode(after, encode(after))];
  actual.forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 5));
  expect(data(after, 'quant_conv.bias').subarray(zDim)).toEqual(data(weights, 'quant_conv.bias').subarray(zDim));
});

test('turned latents are uncorrelated, most varied first, and scaled half way to equal variance', () => {
  const { weights: after, latents_mean: mean, latents_std: std } = turned();
  const collector = momentsCollector(zDim);
  collector.add(encode(after as typeof weights));
  const moments = collector.moments();
  const variances = mean.map((value, i) => {
    expect(moments.mean[i]).toBeCloseTo(value, 4);
    return moments.covariance.get(i, i);
  });
  for (let i = 1; i < zDim; i++) {
    expect(variances[i]).toBeLessThan(variances[i - 1]!);
    for (let j = 0; j < i; j++) expect(moments.covariance.get(i, j)).toBeCloseTo(0, 6);
    expect(std[i]! / std[0]!).toBeCloseTo((variances[i]! / variances[0]!) ** 0.25, 3);
  }
  const normalised = variances.map((value, i) => value / std[i]! ** 2);
  expect(normalised.reduce((total, value) => total + value, 0) / zDim).toBeCloseTo(1, 3);
});
