import { describe, expect, test } from 'vitest';
import { bfloat16ToFloat32, float16ToFloat32, float32ToFloat16 } from '../../io/float16.ts';

const half = (...values: number[]): number[] => [...float32ToFloat16(new Float32Array(values))];

describe('float16', () => {
  test('known values', () => {
    const known = new Uint16Array([
      0x0000, 0x8000, 0x3c00, 0xc000, 0x7bff, 0x0001, 0x03ff, 0x0400, 0x3555, 0x7c00, 0xfc00,
    ]);
    const values = [0, -0, 1, -2, 65504, 2 ** -24, 1023 * 2 ** -24, 2 ** -14, 0.333251953125, Infinity, -Infinity];
    expect([...float16ToFloat32(known)]).toEqual(values);
  });

  test('every half survives the way to float32 and back', () => {
    const all = Uint16Array.from({ length: 65536 }, (_, i) => i);
    const back = float32ToFloat16(float16ToFloat32(all));
    const wrong = [...all].filter((bits) => {
      const nan = (bits & 0x7fff) > 0x7c00;
      return nan ? (back[bits]! & 0x7fff) <= 0x7c00 : back[bits] !== bits;
    });
    expect(wrong).toEqual([]);
  });

  test('rounds to the nearest, and halfway to even, at every pair of neighbours', () => {
    const halves = float16ToFloat32(Uint16Array.from({ length: 0x7c00 }, (_, i) => i));
    const middles = halves.map((value, i) => (i + 1 < halves.length ? (value + halves[i + 1]!) / 2 : value));
    const even = Uint16Array.from(middles, (_, i) => (i + 1 < halves.length ? i + (i & 1) : i));
    expect(float32ToFloat16(middles)).toEqual(even);
    const above = middles.map((value) => value * (1 + 2 ** -20)).subarray(0, -1);
    expect(float32ToFloat16(above)).toEqual(Uint16Array.from(above, (_, i) => i + 1));
    const below = middles.map((value) => value * (1 - 2 ** -20)).subarray(0, -1);
    expect(float32ToFloat16(below)).toEqual(Uint16Array.from(below, (_, i) => i));
  });

  test('ends of the range', () => {
    expect(half(65519, 65520, -1e9, 3e38)).toEqual([0x7bff, 0x7c00, 0xfc00, 0x7c00]);
    expect(half(2 ** -25, 2 ** -25 * 1.001, 2 ** -26, 1e-40, -1e-45)).toEqual([0, 1, 0, 0, 0x8000]);
    expect(half(NaN)[0]! & 0x7fff).toBeGreaterThan(0x7c00);
  });

  test('works on views that do not start at their buffer', () => {
    const floats = new Float32Array([9, 1, 2]).subarray(1);
    expect([...float32ToFloat16(floats)]).toEqual([0x3c00, 0x4000]);
    const out = new Float32Array(3).subarray(1);
    float16ToFloat32(new Uint16Array([0x3c00, 0x4000]), out);
    expect([...out]).toEqual([1, 2]);
  });
});

test('bfloat16 is the upper half of a float32', () => {
  const values = bfloat16ToFloat32(new Uint16Array([0x3f80, 0xc000, 0x7f80, 0x0001, 0x8000]));
  expect([...values]).toEqual([1, -2, Infinity, 2 ** -133, -0]);
});
