// The sampling loop: from noise to latents along the flow ODE. Knows no model, only a velocity.
// Soft cancel happens between steps; every step's latents and state are offered, so that a killed render can resume.
import { JobFailedError } from '../graph/errors.ts';
import { givenTimesteps, givenVelocity, withGiven } from './given-latents.ts';
import type { GivenLatents } from './given-latents.ts';
import type { Velocity } from './guidance.ts';
import { type KeptLatents, withKept } from './kept-latents.ts';
import { withLayout } from './layout-channels.ts';
import { startState } from './scheduler.ts';
import type { Scheduler, SchedulerState } from './scheduler.ts';
import type { CachedVelocity, StepMemory } from './step-cache.ts';

/** A render between two steps: all that is needed to go on with the same bytes. */
export interface Snapshot {
  readonly latents: Float32Array;
  readonly state: SchedulerState;
  /** What a cached velocity remembers. */
  readonly memory?: StepMemory | undefined;
}

export interface StepReport extends Snapshot {
  /** Steps done, 1 to steps. */
  readonly step: number;
  readonly steps: number;
}

export interface SampleOptions {
  readonly velocity: Velocity | CachedVelocity;
  readonly scheduler: Scheduler;
  /** Where to start: pure noise, or a render that was stopped. */
  readonly from: Float32Array | Snapshot;
  /** By noise level, if some cells are given only while it is high: from then on they are sampled as all others are. */
  readonly given?: GivenLatents | ((sigma: number) => GivenLatents) | undefined;
  readonly kept?: KeptLatents | undefined;
  /** Last channels of the latents that are known and that the model sees clean at every step: a layout. */
  readonly layout?: Float32Array | undefined;
  /** Called after each step and awaited. */
  readonly onStep?: ((report: StepReport) => void | Promise<void>) | undefined;
  /** Aborting ends the render before its next step. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Samples one clip's latents [C*T*H*W].
 * @throws the signal's reason when aborted, JobFailedError when the model's numbers overflow
 */
export async function sampleLatents({
  velocity,
  scheduler,
  from,
  given,
  kept,
  layout,
  onStep,
  signal,
}: SampleOptions): Promise<Float32Array> {
  const steps = scheduler.timesteps.length;
  const givenAt = (step: number): GivenLatents | undefined =>
    typeof given === 'function' ? given(scheduler.sigmas[step]!) : given;
  let { latents, state, memory }: Snapshot = from instanceof Float32Array ? { latents: from, state: startState } : from;
  while (state.step < steps) {
    signal?.throwIfAborted();
    if (kept) latents = withKept(latents, kept, scheduler.sigmas[state.step]!);
    if (layout) latents = withLayout(latents, layout);
    const timestep = scheduler.timesteps[state.step]!;
    const now = givenAt(state.step);
    if (now !== givenAt(Math.max(0, state.step - 1))) memory = undefined; // of cells that are let go it foretells nothing
    const seen = now ? withGiven(latents, now) : latents;
    const timesteps = now ? givenTimesteps(timestep, now) : Float32Array.of(timestep);
    let v: Float32Array;
    if (typeof velocity === 'function') v = await velocity(seen, timesteps);
    else {
      const at = { latents: seen, timesteps, timestep, step: state.step, steps };
      ({ velocity: v, memory } = await velocity.step(at, memory));
    }
    if (now) v = givenVelocity(v, latents, now, scheduler.sigmas[state.step]!);
    ({ sample: latents, state } = scheduler.step(state, v, latents));
    if (!latents.every(Number.isFinite)) {
      throw new JobFailedError(
        `The model's output is not a finite number at step ${state.step} of ${steps}. Its weights are damaged (tessera models verify) or the guidance is far too large.`,
      );
    }
    await onStep?.({ step: state.step, steps, latents, state, memory });
  }
  if (kept) latents = withKept(latents, kept, 0);
  const end = givenAt(steps);
  return end ? withGiven(latents, end) : latents;
}
