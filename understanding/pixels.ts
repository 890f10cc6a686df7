// Pictures of one size as a tower takes them: float32, channels first, normalised.
import type { Frames } from '../io/frames.ts';
import { type Tensor, tensor } from '../graph/tensor.ts';

/** [P,3,H,W] in [-1,1]. */
export function pixelsOf(pictures: readonly Pick<Frames, 'data' | 'width' | 'height'>[]): Tensor {
  const { width, height } = pictures[0]!;
  const plane = width * height;
  const values = new Float32Array(pictures.length * 3 * plane);
  pictures.forEach(({ data }, i) => {
    for (let c = 0; c < 3; c++) {
      const start = (3 * i + c) * plane;
      for (let at = 0; at < plane; at++) values[start + at] = data[3 * at + c]! / 127.5 - 1;
    }
  });
  return tensor(values, [pictures.length, 3, height, width]);
}
