import { describe, expect, test } from 'vitest';
import { ShapeError } from '../../graph/errors.ts';
import { floats, tensor } from '../../graph/tensor.ts';
import { collectFrames, framesOf, framesToTensor, joinFrames, sliceFrames, tensorToFrames } from '../../io/frames.ts';

const counting = (frames: number, height: number, width: number): ReturnType<typeof framesOf> =>
  framesOf(Uint8Array.from({ length: frames * height * width * 3 }, (_, i) => (i * 7) % 256), frames, height, width); // prettier-ignore

describe('frames and tensors', () => {
  test('channels come first, 0..255 becomes -1..1', () => {
    const video = framesToTensor(framesOf(new Uint8Array([0, 255, 51, 10, 20, 30]), 2, 1, 1));
    expect(video.shape).toEqual([1, 3, 2, 1, 1]);
    const byHand = [0, 10, 255, 20, 51, 30].map((level) => level / 127.5 - 1); // red of both frames, green, blue
    expect(floats(video)).toEqual(new Float32Array(byHand));
  });

  test('every byte survives the way to a tensor and back', () => {
    const source = counting(3, 5, 7);
    expect(tensorToFrames(framesToTensor(source))).toEqual(source);
    const all = framesOf(
      Uint8Array.from({ length: 768 }, (_, i) => i / 3),
      1,
      16,
      16,
    );
    expect(tensorToFrames(framesToTensor(all))).toEqual(all);
  });

  test('values are clamped and rounded', () => {
    const values = [-5, 5, NaN, -1, 1, Infinity, -Infinity, 0, 0.0039];
    const { data } = tensorToFrames(tensor(new Float32Array([...values, ...values, ...values]), [1, 3, 1, 3, 3]));
    expect([...data].filter((_, i) => i % 3 === 0)).toEqual([0, 255, 0, 0, 255, 255, 0, 128, 128]);
  });

  test('takes one clip of a batch', () => {
    const two = tensor(new Float32Array([-1, -1, -1, 1, 1, 1]), [2, 3, 1, 1, 1]);
    expect([...tensorToFrames(two, 1).data]).toEqual([255, 255, 255]);
    expect(() => tensorToFrames(two, 2)).toThrow(ShapeError);
    expect(() => tensorToFrames(tensor(new Float32Array(4), [1, 1, 1, 2, 2]))).toThrow(ShapeError);
  });
});

describe('pieces', () => {
  test('are cut without copying and joined again', async () => {
    const source = counting(5, 2, 3);
    const parts = [sliceFrames(source, 0, 2), sliceFrames(source, 2, 5)];
    expect(parts[1]!.data.buffer).toBe(source.data.buffer);
    expect(joinFrames(parts)).toEqual(source);
    async function* stream(): AsyncGenerator<(typeof parts)[0]> {
      for (const part of parts) yield await Promise.resolve(part);
    }
    expect(await collectFrames(stream())).toEqual(source);
  });

  test('of the wrong size are refused', () => {
    expect(() => framesOf(new Uint8Array(10), 1, 2, 2)).toThrow(/need 12 bytes, got 10/);
    expect(() => joinFrames([counting(1, 2, 2), counting(1, 2, 3)])).toThrow(ShapeError);
    expect(() => joinFrames([])).toThrow(ShapeError);
  });
});
