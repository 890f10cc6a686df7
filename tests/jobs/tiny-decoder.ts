// Random weights of the TAEHV decoder's layout and names (taew2_1.safetensors), a few channels wide.
import { fillNormal } from '../../dit/noise.ts';
import { createRandom } from '../../dit/random.ts';
import { sizeOf, type Tensor, tensor } from '../../graph/tensor.ts';

interface Layout {
  readonly latentChannels: number;
  readonly patchSize: number;
}

export function randomTinyDecoder({ latentChannels, patchSize }: Layout): Map<string, Tensor> {
  const widths = [8, 6, 4, 4] as const;
  const random = createRandom(7, 0);
  const weights = new Map<string, Tensor>();
  const put = (name: string, shape: readonly number[], scale = 1 / Math.sqrt(sizeOf(shape.slice(1)) || 1)): void => {
    const values = fillNormal(random, new Float32Array(sizeOf(shape))).map((value) => value * scale);
    weights.set(`decoder.${name}`, tensor(values, shape));
  };
  const conv = (name: string, out: number, channels: number, hasBias = true): void => {
    put(`${name}.weight`, [out, channels, 3, 3]);
    if (hasBias) put(`${name}.bias`, [out], 0.1);
  };
  conv('1', widths[0], latentChannels);
  for (const [i, first] of [3, 9, 15].entries()) {
    const width = widths[i]!;
    for (const n of [first, first + 1, first + 2]) {
      conv(`${n}.conv.0`, width, 2 * width);
      conv(`${n}.conv.2`, width, width);
      conv(`${n}.conv.4`, width, width);
    }
    put(`${first + 4}.conv.weight`, [width * (i === 0 ? 1 : 2), width, 1, 1]);
    conv(String(first + 5), widths[i + 1]!, width, false);
  }
  conv('22', 3 * patchSize ** 2, widths[3]);
  return weights;
}
