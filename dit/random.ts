// Philox4x32-10, a counter-based random generator (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
// Block n of a stream is a pure function of (seed, stream, n), so a trainer that draws step k from stream k saves no
// generator state to resume. Only integer arithmetic: the same numbers on every machine.

const ROUNDS = 10;
const MULTIPLIER_0 = 0xd2511f53;
const MULTIPLIER_1 = 0xcd9e8d57;
const WEYL_0 = 0x9e3779b9;
const WEYL_1 = 0xbb67ae85;

/** A source of random numbers; every draw advances it. */
export interface Random {
  /** The next integer in [0, 2^32). */
  readonly uint32: () => number;
  /** The next number in the open interval (0, 1), a multiple of 2^-33: never 0 or 1, so its logarithm is finite. */
  readonly uniform: () => number;
}

/** The upper 32 bits of the 64-bit product of two unsigned 32-bit integers. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carried = aLow * bHigh + (middle & 0xffff);
  return (aHigh * bHigh + Math.floor(middle / 65536) + Math.floor(carried / 65536)) >>> 0;
}

/** Encrypts four counter words with two key words into four random words, in place: the Philox4x32-10 bijection. */
export function philox(words: Uint32Array, key0: number, key1: number): void {
  for (let round = 0; round < ROUNDS; round++) {
    const w0 = words[0]!;
    const w2 = words[2]!;
    words[0] = multiplyHigh(MULTIPLIER_1, w2) ^ words[1]! ^ key0;
    words[1] = Math.imul(MULTIPLIER_1, w2);
    words[2] = multiplyHigh(MULTIPLIER_0, w0) ^ words[3]! ^ key1;
    words[3] = Math.imul(MULTIPLIER_0, w0);
    key0 = (key0 + WEYL_0) >>> 0;
    key1 = (key1 + WEYL_1) >>> 0;
  }
}

/**
 * The generator of one stream of one seed.
 * @param seed a non-negative safe integer; its low and high 32 bits are the key.
 * @param stream a non-negative safe integer; streams of one seed are independent (a training step, a clip of a batch).
 */
export function createRandom(seed: number, stream = 0): Random {
  const [key0, key1] = [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0];
  const [stream0, stream1] = [stream >>> 0, Math.floor(stream / 2 ** 32) >>> 0];
  const words = new Uint32Array(4);
  let block = 0;
  let used = 4;

  function uint32(): number {
    if (used === 4) {
      words.set([block >>> 0, Math.floor(block / 2 ** 32), stream0, stream1]);
      philox(words, key0, key1);
      block++;
      used = 0;
    }
    return words[used++]!;
  }

  return { uint32, uniform: () => (uint32() + 0.5) / 2 ** 32 };
}
