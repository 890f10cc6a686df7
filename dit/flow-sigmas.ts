// Noise levels of flow matching: sigma runs from 1 (noise) to 0 (clip), x_sigma = (1 - sigma) x0 + sigma noise.
// The shift of SD3 (Esser et al. 2024, eq. 23) moves the levels towards noise for larger clips.
// Each sampler spaces its levels in its own way, kept here to the bit of diffusers, since the model sees them.

/** How a sampler's steps are spaced: evenly in so many steps, or at given levels before the shift, descending in (0, 1]. */
export type Spacing = { readonly steps: number } | { readonly sigmas: readonly number[] };

/** The levels a sampler stops at (one more than there are steps) and the timestep that the model sees at each step. */
export interface Schedule {
  /** [steps + 1], descending, float32. */
  readonly sigmas: Float32Array;
  /** [steps], in 0..trainTimesteps, float32. */
  readonly timesteps: Float32Array;
}

/** sigma' = shift sigma / (1 + (shift - 1) sigma). Keeps 0 and 1; shift 1 is the identity. */
export function shiftSigma(sigma: number, shift: number): number {
  return (shift * sigma) / (1 + (shift - 1) * sigma);
}

/** The same, every operation rounded to float32, as the reference computes it where its arrays are float32. */
function shiftSigmaFloat32(sigma: number, shift: number): number {
  const f = Math.fround;
  return f(f(shift * sigma) / f(1 + f((shift - 1) * sigma)));
}

/** `count` numbers from start to stop inclusive, rounded as numpy.linspace rounds them. */
function linspace(start: number, stop: number, count: number): number[] {
  if (count === 1) return [start];
  const step = (stop - start) / (count - 1);
  return Array.from({ length: count }, (_, i) => (i === count - 1 ? stop : i * step + start));
}

interface SigmaOptions {
  readonly trainTimesteps: number;
  readonly shift: number;
  /** What the last step arrives at: 0, or the smallest level again. */
  readonly finalSigma: 'zero' | 'sigma_min';
}

/** Appends the final level; timesteps are sigma * trainTimesteps, truncated to integers. */
function integerSchedule(levels: readonly number[], options: SigmaOptions): Schedule {
  const last = options.finalSigma === 'zero' ? 0 : levels.at(-1)!;
  return {
    sigmas: Float32Array.from([...levels, last]),
    timesteps: Float32Array.from(levels, (level) => Math.trunc(level * options.trainTimesteps)),
  };
}

/** UniPC's schedule: evenly from 1 towards 1/trainTimesteps, shifted; a first level of 1 is lowered by 1e-6, where alpha > 0. */
export function uniPCSchedule(spacing: Spacing, options: SigmaOptions): Schedule {
  const even = 'sigmas' in spacing ? [...spacing.sigmas] : evenLevels(spacing.steps, options);
  const levels = even.map((sigma) => shiftSigma(sigma, options.shift));
  if (Math.abs(levels[0]! - 1) < 1e-6) levels[0]! -= 1e-6;
  return integerSchedule(levels, options);
}

function evenLevels(steps: number, options: SigmaOptions): number[] {
  return linspace(1, 1 / options.trainTimesteps, steps + 1).slice(0, -1);
}

/** DPM++'s schedule: the complement of UniPC's levels, so the first one is shifted (1 - 1/trainTimesteps) instead of 1. */
export function dpmSchedule(spacing: Spacing, options: SigmaOptions): Schedule {
  if ('sigmas' in spacing) return uniPCSchedule(spacing, options);
  const complement = linspace(1, 1 / options.trainTimesteps, spacing.steps + 1).map((alpha) => 1 - alpha);
  const levels = complement.map((sigma) => shiftSigma(sigma, options.shift)).reverse();
  return integerSchedule(levels.slice(0, -1), options);
}

/**
 * Flow Euler's schedule. Without given levels the reference shifts twice at the low end: its smallest level is already
 * shifted once, and all levels are shifted again. Timesteps keep their fractions.
 */
export function eulerSchedule(spacing: Spacing, options: Omit<SigmaOptions, 'finalSigma'>): Schedule {
  const { trainTimesteps, shift } = options;
  const levels =
    'sigmas' in spacing
      ? spacing.sigmas.map((sigma) => shiftSigmaFloat32(Math.fround(sigma), shift))
      : linspace(
          shiftSigmaFloat32(1, shift) * trainTimesteps,
          shiftSigmaFloat32(Math.fround(1 / trainTimesteps), shift) * trainTimesteps,
          spacing.steps,
        ).map((timestep) => shiftSigma(timestep / trainTimesteps, shift));
  const sigmas = Float32Array.from([...levels, 0]);
  return { sigmas, timesteps: sigmas.slice(0, -1).map((sigma) => sigma * trainTimesteps) };
}
