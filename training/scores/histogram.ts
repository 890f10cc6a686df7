// Colour histograms of a picture's upper, middle and lower third, and how far apart two of them are.
// Knows nothing of places or actors.

const BINS = 6;
const BANDS = 3;

/**
 * Three bands of 6x6x6 soft RGB bins, each band summing to 1; `skip` leaves out pixels (an actor).
 * @param rgb [H,W,3] in 0..255
 * @returns [3 * 216]
 */
export function bandHistogram(
  rgb: Uint8Array | Float32Array,
  width: number,
  height: number,
  skip: (x: number, y: number) => boolean = () => false,
): Float32Array {
  const size = BINS ** 3;
  const histogram = new Float32Array(BANDS * size);
  const totals = new Float32Array(BANDS);
  for (let y = 0; y < height; y++) {
    const band = Math.min(BANDS - 1, Math.floor((y * BANDS) / height));
    for (let x = 0; x < width; x++) {
      if (skip(x, y)) continue;
      totals[band] = totals[band]! + 1;
      spread(histogram, band * size, rgb, (y * width + x) * 3);
    }
  }
  for (let i = 0; i < histogram.length; i++) histogram[i] = histogram[i]! / Math.max(1, totals[Math.floor(i / size)]!);
  return histogram;
}

/** Adds one pixel to the eight bins around its colour, trilinearly. */
function spread(histogram: Float32Array, offset: number, rgb: Uint8Array | Float32Array, at: number): void {
  for (let corner = 0; corner < 8; corner++) {
    let bin = 0;
    let weight = 1;
    for (let c = 0; c < 3; c++) {
      const value = Math.min(BINS - 1.001, Math.max(0, (rgb[at + c]! / 255) * (BINS - 1)));
      const low = Math.floor(value);
      const upper = (corner >> c) & 1;
      bin = bin * BINS + low + upper;
      weight *= upper ? value - low : 1 - (value - low);
    }
    histogram[offset + bin] = histogram[offset + bin]! + weight;
  }
}

/** Sum of absolute differences; 0 for equal, at most 6. */
export function histogramDistance(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += Math.abs(a[i]! - b[i]!);
  return sum;
}
