// Euler's method on the flow ODE: FlowMatchEulerDiscreteScheduler of diffusers. Exact when the velocity is constant.

import { eulerSchedule } from './flow-sigmas.ts';
import type { Spacing } from './flow-sigmas.ts';
import { combine } from './scheduler.ts';
import type { Scheduler } from './scheduler.ts';

export interface FlowEulerConfig {
  readonly sampler: 'euler';
  readonly trainTimesteps: number;
  readonly shift: number;
}

/** x' = x + (sigma' - sigma) v. */
export function createFlowEuler(config: FlowEulerConfig, spacing: Spacing): Scheduler {
  const { sigmas, timesteps } = eulerSchedule(spacing, config);
  return {
    sigmas,
    timesteps,
    step(state, modelOutput, sample) {
      const change = sigmas[state.step + 1]! - sigmas[state.step]!;
      const next = combine([
        [1, sample],
        [change, modelOutput],
      ]);
      return { sample: next, state: { ...state, step: state.step + 1 } };
    },
  };
}
