// Cells of a clip that are kept while the rest is sampled anew, by a model that was not taught to see given cells clean: before each
// step they are set to what they are at the step's noise level (Lugmayr et al. 2022, RePaint; Avrahami et al. 2023, Blended
// Latent Diffusion; for clips, Ho et al. 2022, "replacement"). And clips that are sampled anew from the middle of the way (SDEdit).
import type { GivenLatents } from './given-latents.ts';
import type { Snapshot } from './sample.ts';
import { type Scheduler, startState } from './scheduler.ts';

export interface KeptLatents extends Pick<GivenLatents, 'values' | 'cells'> {
  /** The noise that the clip started from, so that kept cells lie on one path. */
  readonly noise: Float32Array;
}

/** x_sigma = (1 - sigma) x0 + sigma noise. */
export function noised(values: Float32Array, noise: Float32Array, sigma: number): Float32Array {
  return values.map((value, i) => (1 - sigma) * value + sigma * noise[i]!);
}

/** The latents with kept cells as they are at a noise level; at 0, clean. */
export function withKept(latents: Float32Array, { values, cells, noise }: KeptLatents, sigma: number): Float32Array {
  return latents.map((value, i) =>
    cells[i % cells.length] === 1 ? (1 - sigma) * values[i]! + sigma * noise[i]! : value,
  );
}

/** The step at which a clip is taken up of which `strength` is made anew. */
export const firstStep = (steps: number, strength: number): number =>
  steps - Math.max(1, Math.min(steps, Math.floor(steps * strength)));

/**
 * Where a clip that is made into another one starts (Meng et al. 2022, SDEdit): the last `strength` of the steps are taken, from the
 * clip noised to their first level. At 1 nothing of the clip is left, at least one step is taken.
 */
export function noisedStart(
  clip: Float32Array,
  noise: Float32Array,
  { scheduler, strength }: { readonly scheduler: Scheduler; readonly strength: number },
): Snapshot {
  const step = firstStep(scheduler.timesteps.length, strength);
  const latents = step === 0 ? noise : noised(clip, noise, scheduler.sigmas[step]!);
  return { latents, state: { ...startState, step } };
}
