// The TAEHV decoder against its definition written out plainly: loops over pixels, the whole clip at once, no graph.
import { afterAll, describe, expect, it } from 'vitest';
import { TinyDecoder } from '../../compressor/open-tiny-decoder.ts';
import { tinyDecoderConfig } from '../../compressor/tiny-decoder.ts';
import { localEngine } from '../../graph/engine.ts';
import { floats, type Tensor, tensor } from '../../graph/tensor.ts';
import { weightsFrom } from '../../graph/weights.ts';
import { randomTinyDecoder } from '../jobs/tiny-decoder.ts';

const engine = localEngine({ threads: 1 });
afterAll(() => engine.close());

type Frame = { readonly c: number; readonly h: number; readonly w: number; readonly v: Float64Array };
const frame = (c: number, h: number, w: number): Frame => ({ c, h, w, v: new Float64Array(c * h * w) });
const map = (x: Frame, f: (value: number, i: number) => number): Frame => ({ ...x, v: x.v.map(f) });
const relu = (x: Frame): Frame => map(x, (value) => Math.max(0, value));

function reference(weights: ReadonlyMap<string, Tensor>, latents: readonly Frame[], patch: number): Frame[] {
  const w = (name: string) => weights.get(`decoder.${name}`);
  const conv = (x: Frame, name: string): Frame => {
    const { shape, data } = w(`${name}.weight`)!;
    const [out, , k] = shape as [number, number, number];
    const bias = w(`${name}.bias`)?.data;
    const y = frame(out, x.h, x.w);
    const half = (k - 1) / 2;
    for (let o = 0; o < out; o++)
      for (let i = 0; i < x.h; i++)
        for (let j = 0; j < x.w; j++) {
          let sum = Number(bias?.[o] ?? 0);
          for (let c = 0; c < x.c; c++)
            for (let a = 0; a < k; a++)
              for (let b = 0; b < k; b++) {
                const [p, q] = [i + a - half, j + b - half];
                if (p < 0 || q < 0 || p >= x.h || q >= x.w) continue;
                sum += Number(data[((o * x.c + c) * k + a) * k + b]) * x.v[(c * x.h + p) * x.w + q]!;
              }
          y.v[(o * x.h + i) * x.w + j] = sum;
        }
    return y;
  };
  const memory = (xs: readonly Frame[], n: number): Frame[] =>
    xs.map((x, t) => {
      const past = xs[t - 1]?.v ?? new Float64Array(x.v.length);
      const both = { ...x, c: 2 * x.c, v: Float64Array.from([...x.v, ...past]) };
      const y = conv(relu(conv(relu(conv(both, `${n}.conv.0`)), `${n}.conv.2`)), `${n}.conv.4`);
      return relu(map(y, (value, i) => value + x.v[i]!));
    });
  const double = (x: Frame): Frame => {
    const y = frame(x.c, 2 * x.h, 2 * x.w);
    return map(y, (_, i) => {
      const [c, r] = [Math.floor(i / (y.h * y.w)), i % (y.h * y.w)];
      return x.v[(c * x.h + (Math.floor(r / y.w) >> 1)) * x.w + ((r % y.w) >> 1)]!;
    });
  };
  const grow = (x: Frame, name: string): Frame[] => {
    const y = conv(x, name);
    const size = x.c * x.h * x.w;
    return Array.from({ length: y.c / x.c }, (_, i) => ({ ...x, v: y.v.slice(i * size, (i + 1) * size) }));
  };
  let xs = latents.map((x) =>
    relu(
      conv(
        map(x, (value) => 3 * Math.tanh(value / 3)),
        '1',
      ),
    ),
  );
  for (const first of [3, 9, 15]) {
    for (const n of [first, first + 1, first + 2]) xs = memory(xs, n);
    xs = xs.flatMap((x) => grow(double(x), `${first + 4}.conv`)).map((x) => conv(x, String(first + 5)));
  }
  return xs.map((x) => shuffle(conv(relu(x), '22'), patch)).slice(3);
}

/** torch's pixel_shuffle. */
function shuffle(x: Frame, p: number): Frame {
  const y = frame(3, x.h * p, x.w * p);
  return map(y, (_, i) => {
    const [c, r, q] = [Math.floor(i / (y.h * y.w)), Math.floor(i / y.w) % y.h, i % y.w];
    const channel = (c * p + (r % p)) * p + (q % p);
    return x.v[(channel * x.h + Math.floor(r / p)) * x.w + Math.floor(q / p)]!;
  });
}

describe('the tiny decoder', () => {
  it.each([1, 2])('gives what its definition says, latent frame by latent frame, patch %i', async (patchSize) => {
    const weights = randomTinyDecoder({ latentChannels: 4, patchSize });
    const config = tinyDecoderConfig((name) => weights.get(name)?.shape, 'test');
    expect(config).toMatchObject({ latentChannels: 4, grows: [1, 2, 2], patchSize });
    const [t, h, w] = [3, 2, 3];
    const values = Float32Array.from({ length: 4 * t * h * w }, (_, i) => 2 * Math.sin(i * 1.7));
    const decoder = new TinyDecoder(engine, { config, weights: weightsFrom(weights) });
    const pieces: Tensor[] = [];
    for await (const piece of decoder.decodeStream(tensor(values, [1, 4, t, h, w]))) pieces.push(piece);
    expect(pieces.map(({ shape }) => shape[2])).toEqual([1, 4, 4]);
    const latents = Array.from({ length: t }, (_, at) =>
      map(frame(4, h, w), (_value, i) => values[(Math.floor(i / (h * w)) * t + at) * h * w + (i % (h * w))]!),
    );
    const expected = reference(weights, latents, patchSize);
    let at = 0;
    for (const piece of pieces) {
      const [, , frames, height, width] = piece.shape as [number, number, number, number, number];
      const area = height * width;
      for (let f = 0; f < frames; f++, at++)
        for (let i = 0; i < 3 * area; i++) {
          const value = floats(piece)[(Math.floor(i / area) * frames + f) * area + (i % area)]!;
          expect(value).toBeCloseTo(Math.max(-1, Math.min(1, 2 * expected[at]!.v[i]! - 1)), 4);
        }
    }
    expect(at).toBe(9);
    await decoder.close();
  });

  it('says what a file of another layout is', () => {
    expect(() => tinyDecoderConfig(() => undefined, 'x.safetensors')).toThrow('no decoder of the TAEHV layout');
  });
});
