// IEEE 754 half precision and bfloat16 <-> float32, for weights on disk (Node 20 has no Float16Array).
// The tables follow J. van der Zijp, "Fast Half Float Conversions"; rounding to nearest even is added to them.
// Loops run over pieces of 16K elements: V8 may drop one very long loop to its interpreter.

const PIECE = 16384;

/** float32 bit patterns of all 65536 halves. */
const floatBitsOfHalf = /* @__PURE__ */ makeFloatBits();

/** Per sign and exponent of a float32 (its upper 9 bits): bits to start from, bits to drop, hidden bit to add. */
const { base, shift, hidden } = /* @__PURE__ */ makeHalfTables();

/** float32 values of half-precision bit patterns; exact. */
export function float16ToFloat32(halves: Uint16Array, out = new Float32Array(halves.length)): Float32Array {
  const bits = new Uint32Array(out.buffer, out.byteOffset, out.length);
  for (let start = 0; start < halves.length; start += PIECE) {
    widenHalves(halves, bits, start, Math.min(start + PIECE, halves.length));
  }
  return out;
}

/** float32 values of bfloat16 bit patterns (the upper halves of float32); exact. */
export function bfloat16ToFloat32(values: Uint16Array, out = new Float32Array(values.length)): Float32Array {
  const bits = new Uint32Array(out.buffer, out.byteOffset, out.length);
  for (let start = 0; start < values.length; start += PIECE) {
    widenBrains(values, bits, start, Math.min(start + PIECE, values.length));
  }
  return out;
}

/** Half-precision bit patterns nearest to the values, ties to even. Beyond ±65504 becomes infinity, NaN stays NaN. */
export function float32ToFloat16(values: Float32Array, out = new Uint16Array(values.length)): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let start = 0; start < values.length; start += PIECE) {
    narrowFloats(bits, out, start, Math.min(start + PIECE, values.length));
  }
  return out;
}

function widenHalves(halves: Uint16Array, bits: Uint32Array, start: number, end: number): void {
  for (let i = start; i < end; i++) bits[i] = floatBitsOfHalf[halves[i]!]!;
}

function widenBrains(values: Uint16Array, bits: Uint32Array, start: number, end: number): void {
  for (let i = start; i < end; i++) bits[i] = values[i]! << 16;
}

function narrowFloats(bits: Uint32Array, out: Uint16Array, start: number, end: number): void {
  for (let i = start; i < end; i++) {
    const float = bits[i]!;
    const row = float >>> 23;
    const mantissa = (float & 0x7fffff) | hidden[row]!;
    const drop = shift[row]!;
    if ((row & 0xff) === 0xff) {
      out[i] = base[row]! | (mantissa === 0 ? 0 : 0x200 | (mantissa >>> drop)); // infinity, or a quiet NaN
      continue;
    }
    // Just under half a step is added before bits are dropped, and one more when the kept part is odd: ties go to even.
    const rounding = (1 << (drop - 1)) - 1 + ((mantissa >>> drop) & 1);
    // A carry out of the mantissa rightly raises the exponent, up to infinity.
    out[i] = base[row]! + ((mantissa + rounding) >>> drop);
  }
}

function makeFloatBits(): Uint32Array {
  const bits = new Uint32Array(65536);
  for (let half = 0; half < 65536; half++) bits[half] = ((half & 0x8000) << 16) | magnitudeBits(half & 0x7fff);
  return bits;
}

function magnitudeBits(half: number): number {
  const exponent = half >>> 10;
  const mantissa = half & 0x3ff;
  if (exponent === 31) return 0x7f800000 | (mantissa << 13);
  if (exponent > 0) return ((exponent + 112) << 23) | (mantissa << 13);
  if (mantissa === 0) return 0;
  // Subnormal: mantissa · 2^-24, which float32 holds as a normal number.
  const leading = 31 - Math.clz32(mantissa);
  return ((leading + 103) << 23) | ((mantissa << (23 - leading)) & 0x7fffff);
}

function makeHalfTables(): { base: Uint16Array; shift: Uint8Array; hidden: Uint32Array } {
  const tables = { base: new Uint16Array(512), shift: new Uint8Array(512), hidden: new Uint32Array(512) };
  for (let row = 0; row < 512; row++) {
    const sign = (row & 0x100) << 7;
    const exponent = (row & 0xff) - 127;
    const [start, drop, one] = halfRow(exponent);
    tables.base[row] = sign | start;
    tables.shift[row] = drop;
    tables.hidden[row] = one;
  }
  return tables;
}

function halfRow(exponent: number): [base: number, shift: number, hidden: number] {
  if (exponent === 128) return [0x7c00, 13, 0]; // infinity and NaN
  if (exponent > 15) return [0x7c00, 25, 0]; // too large: infinity, whatever the mantissa
  if (exponent >= -14) return [(exponent + 15) << 10, 13, 0];
  if (exponent >= -25) return [0, -exponent - 1, 0x800000]; // subnormal half
  return [0, 25, 0]; // too small: zero
}
