// Which noise levels a training step looks at (Esser et al. 2024, section 3.1): uniform, or logit-normal, which prefers the
// middle; both shifted towards noise as sampling will be. Host arithmetic with the random generator passed in.
import { shiftSigma } from './flow-sigmas.ts';
import { fillNormal } from './noise.ts';
import type { Random } from './random.ts';

export type SigmaDistribution =
  | { readonly kind: 'uniform'; readonly shift: number }
  /** sigma = sigmoid(mean + std z), before the shift. */
  | { readonly kind: 'logit-normal'; readonly mean: number; readonly std: number; readonly shift: number };

/** One noise level in (0, 1). */
export function drawSigma(random: Random, distribution: SigmaDistribution): number {
  if (distribution.kind === 'uniform') return shiftSigma(random.uniform(), distribution.shift);
  const [z] = fillNormal(random, new Float32Array(1));
  return shiftSigma(1 / (1 + Math.exp(-(distribution.mean + distribution.std * z!))), distribution.shift);
}

/** Independent levels [count]. */
export function drawSigmas(random: Random, distribution: SigmaDistribution, count: number): Float32Array {
  return Float32Array.from({ length: count }, () => drawSigma(random, distribution));
}

/** How many latent frames are given at a clip's beginning and end: 1 and 0 for one that starts from a picture, none for text to video. */
export interface GivenEnds {
  readonly first: number;
  readonly last: number;
}

/** Whether a latent frame is among them. */
export const isGiven = ({ first, last }: GivenEnds, frame: number, frames: number): boolean =>
  frame < first || frame >= frames - last;

/** Levels per token frame [B*frames] from levels per sample [B]: 0 in frames that are given. */
export function sigmasOfFrames(sigmas: Float32Array, given: readonly GivenEnds[], frames: number): Float32Array {
  return Float32Array.from({ length: sigmas.length * frames }, (_, i) => {
    const sample = Math.floor(i / frames);
    return isGiven(given[sample]!, i % frames, frames) ? 0 : sigmas[sample]!;
  });
}
