// Layers with small arrays worked out by hand, or against their definition element by element.
import { describe, expect, it } from 'vitest';
import { patchify, unpatchify } from '../../compressor/patchify.ts';
import { averageColumns, doubleEdges, repeatEach } from '../../compressor/repeat.ts';
import { channelNorm } from '../../compressor/residual-block.ts';
import { averageDown, repeatUp } from '../../compressor/shortcut.ts';
import { input, mul, sum } from '../../graph/build.ts';
import { gradients } from '../../graph/gradients.ts';
import type { Node } from '../../graph/node.ts';
import { parameterScope } from '../../graph/parameters.ts';
import { floats, type Shape, sizeOf, type Tensor, tensor } from '../../graph/tensor.ts';
import { largestError } from '../goldens/folder.ts';
import { noise, run } from './models.ts';

const counting = (shape: Shape) =>
  tensor(
    Float32Array.from({ length: sizeOf(shape) }, (_, i) => i),
    shape,
  );

async function apply(layer: (x: Node) => Node, x: Tensor): Promise<Tensor> {
  return (await run({ y: layer(input('x', x.shape)) }, { x }))['y']!;
}

describe('patchify', () => {
  it('orders channels by column, then row', async () => {
    const packed = await apply((x) => patchify(x, 2), counting([1, 1, 1, 2, 4]));
    expect(packed.shape).toEqual([1, 4, 1, 1, 2]);
    expect([...floats(packed)]).toEqual([0, 2, 4, 6, 1, 3, 5, 7]); // (column 0, row 0), (0, 1), (1, 0), (1, 1)
  });

  it.each([1, 2, 3, 4])('is undone by unpatchify, patches of %i', async (patchSize) => {
    const video = noise([2, 3, 2, 12, 24]);
    expect(await apply((x) => unpatchify(patchify(x, patchSize), patchSize), video)).toEqual(video);
  });
});

describe('repeatEach', () => {
  it('repeats rows and columns', async () => {
    const doubled = await apply(doubleEdges, counting([1, 1, 1, 2, 2]));
    expect([...floats(doubled)]).toEqual([0, 0, 1, 1, 0, 0, 1, 1, 2, 2, 3, 3, 2, 2, 3, 3]);
  });

  it.each([3, 7, 96, 130])('repeats a width of %i', async (width) => {
    const tripled = await apply((x) => repeatEach(x, 1, 3), counting([2, width]));
    expect([...floats(tripled)]).toEqual(Array.from({ length: 6 * width }, (_, i) => Math.floor(i / 3)));
  });

  it('averages neighbouring columns', async () => {
    expect([...floats(await apply(averageColumns, counting([2, 4])))]).toEqual([0.5, 2.5, 4.5, 6.5]);
  });
});

/** AvgDown3D as the reference defines it: channels (c, t, h, w) in equal groups. */
function averagedDown(x: Tensor, outDim: number, time: number, space: number): number[] {
  const [, channels, frames, height, width] = x.shape as [number, number, number, number, number];
  const missing = (time - (frames % time)) % time;
  const [t1, h1, w1] = [(frames + missing) / time, height / space, width / space];
  const group = (channels * time * space * space) / outDim;
  const at = (c: number, t: number, h: number, w: number) =>
    t < missing ? 0 : floats(x)[((c * frames + t - missing) * height + h) * width + w]!;
  const result: number[] = [];
  for (let o = 0; o < outDim; o++)
    for (let t = 0; t < t1; t++)
      for (let h = 0; h < h1; h++)
        for (let w = 0; w < w1; w++) {
          let total = 0;
          for (let k = o * group; k < (o + 1) * group; k++) {
            const [c, dt] = [Math.floor(k / (time * space * space)), Math.floor(k / (space * space)) % time];
            total += at(c, t * time + dt, h * space + (Math.floor(k / space) % space), w * space + (k % space));
          }
          result.push(total / group);
        }
  return result;
}

/** DupUp3D as the reference defines it: channels repeated, then unfolded as (c, t, h, w). */
function repeatedUp(x: Tensor, outDim: number, time: number, space: number): number[] {
  const [, channels, frames, height, width] = x.shape as [number, number, number, number, number];
  const repeats = (outDim * time * space * space) / channels;
  const result: number[] = [];
  for (let o = 0; o < outDim; o++)
    for (let t = 0; t < frames * time; t++)
      for (let h = 0; h < height * space; h++)
        for (let w = 0; w < width * space; w++) {
          const k = ((o * time + (t % time)) * space + (h % space)) * space + (w % space);
          const from = [Math.floor(k / repeats), Math.floor(t / time), Math.floor(h / space), Math.floor(w / space)];
          result.push(floats(x)[((from[0]! * frames + from[1]!) * height + from[2]!) * width + from[3]!]!);
        }
  return result;
}

describe('shortcuts', () => {
  const cases = [
    [4, 4, 2, 2],
    [4, 8, 2, 2],
    [4, 16, 2, 2],
    [4, 32, 2, 2],
    [4, 4, 1, 2],
    [4, 8, 1, 2],
    [4, 16, 1, 2],
    [8, 4, 1, 2],
    [8, 4, 2, 2],
    [6, 6, 1, 1],
    [8, 4, 1, 1],
  ] as const;

  it.each(cases)('averageDown from %i to %i channels, time %i, space %i', async (from, outDim, time, space) => {
    const x = noise([1, from, 5, 4, 6]);
    const ours = await apply((node) => averageDown(node, outDim, { time, space }), x);
    expect(largestError(floats(ours), averagedDown(x, outDim, time, space))).toBeLessThan(1e-6);
  });

  it.each(cases)('repeatUp from %i to %i channels back, time %i, space %i', async (outDim, from, time, space) => {
    const x = noise([1, from, 3, 2, 3]);
    const later = await apply((node) => repeatUp(node, outDim, { time, space, isFirst: false }), x);
    expect([...floats(later)]).toEqual(repeatedUp(x, outDim, time, space));
    const first = await apply((node) => repeatUp(node, outDim, { time, space, isFirst: true }), x);
    expect(first.shape).toEqual([1, outDim, 3 * time - (time - 1), 2 * space, 3 * space]);
  });
});

describe('channelNorm', () => {
  const weights = () => tensor(Float32Array.of(1, 2), [2, 1, 1, 1]);
  const norm = (x: Node) => channelNorm(parameterScope().parameters, x, 'norm');

  it('scales each position to root mean square 1, times gamma', async () => {
    const x = tensor(Float32Array.of(3, 0.006, 4, 0.008), [1, 2, 1, 1, 2]);
    const { y } = await run({ y: norm(input('x', x.shape)) }, { x }, weights);
    const expected = [3, 3, 8, 8].map((value) => (value / 5) * Math.SQRT2);
    expect(largestError(floats(y!), expected)).toBeLessThan(1e-6);
  });

  it('has a gradient where all channels are zero', async () => {
    const x = input('x', [1, 2, 1, 1, 2]);
    const [dx] = gradients(sum(mul(norm(x), 3), [0, 1, 2, 3, 4]), [x]);
    const feeds = { x: tensor(Float32Array.of(0, 3, 0, 4), x.shape) };
    expect([...floats((await run({ dx: dx! }, feeds, weights))['dx']!)].every(Number.isFinite)).toBe(true);
  });
});
