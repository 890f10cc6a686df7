import { describe, expect, it } from 'vitest';
import { exactLog, fillNormal, initialNoise } from '../../dit/noise.ts';
import { createRandom, philox } from '../../dit/random.ts';

describe('philox', () => {
  it.each([
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [Array<number>(4).fill(0xffffffff), [0xffffffff, 0xffffffff], [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ] as const)('gives the known answers of Random123 for counter %o', (counter, [key0, key1], expected) => {
    const words = Uint32Array.from(counter);
    philox(words, key0, key1);
    expect([...words]).toEqual(expected);
  });
});

describe('createRandom', () => {
  it('starts with block 0 of its key and stream', () => {
    const random = createRandom(0);
    expect([random.uint32(), random.uint32()]).toEqual([0x6627e8d5, 0xe169c58d]);
  });

  it('tells seeds above 32 bits and streams apart', () => {
    const firsts = [createRandom(1), createRandom(1 + 2 ** 32), createRandom(1, 1), createRandom(2)];
    expect(new Set(firsts.map((random) => random.uint32())).size).toBe(4);
  });

  it('draws uniform numbers in the open unit interval', () => {
    const random = createRandom(5);
    const values = Array.from({ length: 20000 }, () => random.uniform());
    expect(Math.min(...values)).toBeGreaterThan(0);
    expect(Math.max(...values)).toBeLessThan(1);
    expect(values.reduce((sum, value) => sum + value, 0) / values.length).toBeCloseTo(0.5, 2);
  });
});

describe('noise', () => {
  it('computes logarithms within a few units in the last place', () => {
    for (const x of [1, 0.999999, 0.75, Math.SQRT1_2, 0.5, 0.1, 1e-3, 2 ** -60]) {
      expect(Math.abs(exactLog(x) - Math.log(x))).toBeLessThanOrEqual(1e-15 * Math.max(1, Math.abs(Math.log(x))));
    }
  });

  it('is standard normal: moments and tails', () => {
    const values = [...initialNoise(7, 200_001)];
    const moment = (power: number) => values.reduce((sum, value) => sum + value ** power, 0) / values.length;
    expect(moment(1)).toBeCloseTo(0, 2);
    expect(moment(2)).toBeCloseTo(1, 1);
    expect(moment(3)).toBeCloseTo(0, 1);
    expect(Math.abs(moment(4) - 3)).toBeLessThan(0.1);
    const beyondTwo = values.filter((value) => Math.abs(value) > 2).length / values.length;
    expect(Math.abs(beyondTwo - 0.0455)).toBeLessThan(0.003);
  });

  it('keeps its bytes', () => {
    // The same on every machine: a changed number here changes every render of every saved seed.
    expect([...initialNoise(42, 6)]).toMatchInlineSnapshot(`
      [
        2.3205325603485107,
        -0.645326554775238,
        -0.5723091959953308,
        -0.21340948343276978,
        0.8925374746322632,
        -2.932159185409546,
      ]
    `);
  });

  it('gives every clip of a seed its own noise', () => {
    expect(initialNoise(1, 4, 0)).not.toEqual(initialNoise(1, 4, 1));
    expect(initialNoise(1, 4, 3)).toEqual(fillNormal(createRandom(1, 3), new Float32Array(4)));
  });
});
