// The sampling loop: from noise to latents along the flow ODE. Knows no model, only a velocity.
// Soft cancel happens between steps; every step's latents and state are offered, so that a killed render can resume.
import { JobFailedError } from '../graph/errors.ts';
import { givenTimesteps, withGiven } from './given-latents.ts';
import type { GivenLatents } from './given-latents.ts';
import type { Velocity } from './guidance.ts';
import { startState } from './scheduler.ts';
import type { Scheduler, SchedulerState } from './scheduler.ts';

/** A render between two steps: all that is needed to go on with the same bytes. */
export interface Snapshot {
  readonly latents: Float32Array;
  readonly state: SchedulerState;
}

export interface StepReport extends Snapshot {
  /** Steps done, 1 to steps. */
  readonly step: number;
  readonly steps: number;
}

export interface SampleOptions {
  readonly velocity: Velocity;
  readonly scheduler: Scheduler;
  /** Where to start: pure noise, or a render that was stopped. */
  readonly from: Float32Array | Snapshot;
  readonly given?: GivenLatents | undefined;
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
  onStep,
  signal,
}: SampleOptions): Promise<Float32Array> {
  const steps = scheduler.timesteps.length;
  let { latents, state } = from instanceof Float32Array ? { latents: from, state: startState } : from;
  while (state.step < steps) {
    signal?.throwIfAborted();
    const timestep = scheduler.timesteps[state.step]!;
    const v = given
      ? await velocity(withGiven(latents, given), givenTimesteps(timestep, given))
      : await velocity(latents, Float32Array.of(timestep));
    ({ sample: latents, state } = scheduler.step(state, v, latents));
    if (!latents.every(Number.isFinite)) {
      throw new JobFailedError(
        `The model's output is not a finite number at step ${state.step} of ${steps}. Its weights are damaged (tessera models verify) or the guidance is far too large.`,
      );
    }
    await onStep?.({ step: state.step, steps, latents, state });
  }
  return given ? withGiven(latents, given) : latents;
}
