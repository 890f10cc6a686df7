// A small seeded generator: splitmix32 mixes the seed, sfc32 (Chris Doty-Humphrey, PractRand) draws.
// Everything in the world that looks like chance comes from here, so a seed is a clip.
// Knows nothing of scenes.

/** A stream of pseudo-random choices, fully determined by its seed. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** Uniform in [low, high). */
  range(low: number, high: number): number;
  /** Uniform integer in [0, count). */
  int(count: number): number;
  /** True with the given probability. */
  chance(probability: number): boolean;
  /** One element, uniformly; the list must not be empty. */
  pick<T>(from: readonly T[]): T;
}

/** One splitmix32 step: an avalanche of a 32-bit integer, also used as a hash. */
export function mix32(value: number): number {
  let z = (value + 0x9e3779b9) | 0;
  z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
  z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
  return (z ^ (z >>> 16)) >>> 0;
}

/** FNV-1a over UTF-16 code units, finished with mix32: a stable 32-bit hash of a string. */
export function hashString(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return mix32(hash);
}

/** A generator for a seed (any finite number) and a stream number, so that one seed can feed several independent draws. */
export function randomOf(seed: number, stream = 0): Random {
  const low = seed >>> 0;
  const high = Math.floor(seed / 4294967296) >>> 0;
  let a = mix32(low ^ 0x1234567);
  let b = mix32(high ^ a);
  let c = mix32(stream ^ b);
  let counter = 1;
  const next = (): number => {
    const t = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + t;
    c |= 0;
    return (t >>> 0) / 4294967296;
  };
  for (let i = 0; i < 12; i++) next();
  return {
    next,
    range: (from, to) => from + (to - from) * next(),
    int: (count) => Math.floor(next() * count),
    chance: (probability) => next() < probability,
    pick: (from) => from[Math.floor(next() * from.length)]!,
  };
}
