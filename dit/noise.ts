// Standard normal noise from a random source, by Marsaglia's polar method (1964).
// The one transcendental it needs, ln, is computed here from additions, multiplications, divisions and square roots
// alone, which IEEE 754 rounds in one way only. So a seed gives the same bytes on every machine and engine, which
// Math.log, Math.sin and Math.cos do not promise.

import { createRandom } from './random.ts';
import type { Random } from './random.ts';

/**
 * The natural logarithm of x in (0, 1], within a few units in the last place:
 * x = m 2^e with m in (sqrt(1/2), sqrt(2)], ln x = e ln 2 + 2 artanh((m - 1) / (m + 1)).
 */
export function exactLog(x: number): number {
  let exponent = 0;
  while (x <= Math.SQRT1_2) {
    x *= 2;
    exponent--;
  }
  const s = (x - 1) / (x + 1); // |s| <= 0.1716, so 11 terms reach 1e-17
  const square = s * s;
  let series = 0;
  for (let k = 21; k >= 1; k -= 2) series = series * square + 1 / k;
  return exponent * Math.LN2 + 2 * s * series;
}

/** Fills `target` with independent standard normal numbers. */
export function fillNormal(random: Random, target: Float32Array): Float32Array {
  for (let i = 0; i < target.length;) {
    const u = 2 * random.uniform() - 1;
    const v = 2 * random.uniform() - 1;
    const radius = u * u + v * v;
    if (radius >= 1 || radius === 0) continue; // outside the unit disc: draw again
    const factor = Math.sqrt((-2 * exactLog(radius)) / radius);
    target[i++] = u * factor;
    if (i < target.length) target[i++] = v * factor;
  }
  return target;
}

/**
 * The initial latents of a clip: `size` standard normal numbers, a pure function of seed and clip.
 * @param clip which of several clips of one prompt and seed.
 */
export function initialNoise(seed: number, size: number, clip = 0): Float32Array {
  return fillNormal(createRandom(seed, clip), new Float32Array(size));
}
