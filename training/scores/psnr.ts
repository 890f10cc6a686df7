// Peak signal-to-noise ratio between two pictures or clips. Knows nothing of what they show.

/** 10 log10(255^2 / mean squared difference) in decibels; Infinity for equal bytes. Throws a RangeError on unequal lengths. */
export function psnr(a: Uint8Array, b: Uint8Array): number {
  if (a.length !== b.length || a.length === 0) {
    throw new RangeError(`psnr needs two clips of the same size, not ${a.length} and ${b.length} bytes.`);
  }
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
  return 10 * Math.log10((255 * 255 * a.length) / sum);
}
