// DPM-Solver++ multistep (Lu et al. 2022, arXiv 2211.01095) on flow levels: DPMSolverMultistepScheduler of diffusers with
// algorithm_type dpmsolver++ and prediction_type flow_prediction, orders 1 and 2.

import { dpmSchedule } from './flow-sigmas.ts';
import type { Spacing } from './flow-sigmas.ts';
import { combine, lambda, predictedClip } from './scheduler.ts';
import type { Scheduler, Term } from './scheduler.ts';

export interface DpmConfig {
  readonly sampler: 'dpmpp';
  readonly trainTimesteps: number;
  readonly shift: number;
  readonly finalSigma: 'zero' | 'sigma_min';
  readonly solverOrder: number;
  readonly solverType: 'midpoint' | 'heun';
  readonly lowerOrderFinal: boolean;
  readonly eulerAtFinal: boolean;
}

/** Fewer steps than this end on a first-order step where lowerOrderFinal is set (the reference's number). */
const FEW_STEPS = 15;

export function createDpmSolver(config: DpmConfig, spacing: Spacing): Scheduler {
  const { sigmas, timesteps } = dpmSchedule(spacing, config);
  const steps = timesteps.length;
  const lastIsFirstOrder =
    config.eulerAtFinal || (config.lowerOrderFinal && steps < FEW_STEPS) || config.finalSigma === 'zero';
  return {
    sigmas,
    timesteps,
    step(state, modelOutput, sample) {
      const clip = predictedClip(sample, modelOutput, sigmas[state.step]!);
      const previous = state.predictions.at(-1);
      const secondOrder =
        config.solverOrder === 2 && previous !== undefined && !(lastIsFirstOrder && state.step === steps - 1);
      const next = combine(
        secondOrder
          ? secondOrderTerms(config, sigmas.subarray(state.step - 1, state.step + 2), [sample, clip, previous])
          : firstOrderTerms(sigmas.subarray(state.step, state.step + 2), [sample, clip]),
      );
      return { sample: next, state: { step: state.step + 1, predictions: [clip], lastSample: null } };
    },
  };
}

/** x_t = (sigma_t / sigma_s) x - alpha_t (e^-h - 1) m0, with h = lambda_t - lambda_s. */
function firstOrderTerms(sigmas: Float32Array, [sample, m0]: readonly [Float32Array, Float32Array]): Term[] {
  const [source, target] = [sigmas[0]!, sigmas[1]!];
  const phi = Math.expm1(lambda(source) - lambda(target));
  return [
    [target / source, sample],
    [-(1 - target) * phi, m0],
  ];
}

/** The first-order step plus a multiple of D1 = (m0 - m1) / r, with r = (lambda_s - lambda_s1) / h. */
function secondOrderTerms(
  config: DpmConfig,
  sigmas: Float32Array,
  [sample, m0, m1]: readonly [Float32Array, Float32Array, Float32Array],
): Term[] {
  const [before, source, target] = [sigmas[0]!, sigmas[1]!, sigmas[2]!];
  const h = lambda(target) - lambda(source);
  const ratio = (lambda(source) - lambda(before)) / h;
  const phi = Math.expm1(-h);
  const slope = config.solverType === 'midpoint' ? -0.5 * phi : phi / h + 1;
  const perDifference = ((1 - target) * slope) / ratio;
  return [
    [target / source, sample],
    [-(1 - target) * phi + perDifference, m0],
    [-perDifference, m1],
  ];
}
