// What every sampler of the flow ODE dx/dsigma = v(x, sigma) offers: its schedule and a pure step.
// All that a sampler remembers between steps is an explicit record, so that a render can be stopped, saved and resumed
// with the same bytes. Samplers know neither shapes nor models: samples are flat arrays.

import type { Schedule } from './flow-sigmas.ts';

/** A sampler's memory before a step. */
export interface SchedulerState {
  /** Steps taken so far, in [0, steps]. */
  readonly step: number;
  /** The clip (x0) predicted at the latest steps, oldest first; empty for one-step methods. */
  readonly predictions: readonly Float32Array[];
  /** UniPC's corrected sample of the previous step. */
  readonly lastSample: Float32Array | null;
}

export interface Scheduler extends Schedule {
  /** One step from sigmas[state.step] to sigmas[state.step + 1]; `modelOutput` is the velocity noise - x0 at `sample`. */
  step(
    state: SchedulerState,
    modelOutput: Float32Array,
    sample: Float32Array,
  ): { readonly sample: Float32Array; readonly state: SchedulerState };
}

/** The memory of a sampler that has taken no step. */
export const startState: SchedulerState = { step: 0, predictions: [], lastSample: null };

/** A factor and the array it multiplies. */
export type Term = readonly [factor: number, values: Float32Array];

/** The sum of factor * values, added in float64 in the order given and rounded once to float32. */
export function combine(terms: readonly Term[]): Float32Array {
  const sum = new Float64Array(terms[0]![1].length);
  for (const [factor, values] of terms) {
    for (let i = 0; i < sum.length; i++) sum[i]! += factor * values[i]!;
  }
  return Float32Array.from(sum);
}

/** x0 = x - sigma v. */
export function predictedClip(sample: Float32Array, modelOutput: Float32Array, sigma: number): Float32Array {
  return combine([
    [1, sample],
    [-sigma, modelOutput],
  ]);
}

/** Half the log signal-to-noise ratio, ln(1 - sigma) - ln(sigma); infinite at sigma 0. */
export function lambda(sigma: number): number {
  return Math.log(1 - sigma) - Math.log(sigma);
}
