// UniPC (Zhao et al. 2023, arXiv 2302.04867), B(h) = e^h - 1, on flow levels: UniPCMultistepScheduler of diffusers with
// solver_type bh2, predict_x0 and prediction_type flow_prediction, orders 1 to 3. Symbols as in the paper: m is the
// predicted clip, h the step in lambda, r_k the earlier steps' places relative to h.

import { uniPCSchedule } from './flow-sigmas.ts';
import type { Spacing } from './flow-sigmas.ts';
import { combine, lambda, predictedClip } from './scheduler.ts';
import type { Scheduler, SchedulerState, Term } from './scheduler.ts';

export interface UniPCConfig {
  readonly sampler: 'unipc';
  readonly trainTimesteps: number;
  readonly shift: number;
  readonly finalSigma: 'zero' | 'sigma_min';
  readonly solverOrder: number;
  /** Steps after which the corrector stays away. */
  readonly disableCorrector: readonly number[];
}

export function createUniPC(config: UniPCConfig, spacing: Spacing): Scheduler {
  const { sigmas, timesteps } = uniPCSchedule(spacing, config);
  const steps = timesteps.length;

  /** Orders rise at the start, when little is remembered, and fall at the end, where h becomes infinite. */
  const orderAt = (step: number): number => Math.min(config.solverOrder, step + 1, steps - step);

  function corrected(state: SchedulerState, clip: Float32Array, sample: Float32Array): Float32Array {
    const previous = state.step - 1;
    if (state.lastSample === null || config.disableCorrector.includes(previous)) return sample;
    return combine(
      stepTerms({
        sigmas,
        from: previous,
        order: Math.min(orderAt(previous), state.predictions.length),
        sample: state.lastSample,
        clips: state.predictions,
        clip,
      }),
    );
  }

  return {
    sigmas,
    timesteps,
    step(state, modelOutput, sample) {
      const clip = predictedClip(sample, modelOutput, sigmas[state.step]!);
      const lastSample = corrected(state, clip, sample);
      const clips = [...state.predictions, clip].slice(-config.solverOrder);
      const order = Math.min(orderAt(state.step), clips.length); // fewer are remembered where sampling began in the middle
      const terms = stepTerms({ sigmas, from: state.step, order, sample: lastSample, clips });
      return { sample: combine(terms), state: { step: state.step + 1, predictions: clips, lastSample } };
    },
  };
}

interface Step {
  readonly sigmas: Float32Array;
  /** Index of the level that the step leaves. */
  readonly from: number;
  readonly order: number;
  readonly sample: Float32Array;
  /** Predicted clips up to level `from`, oldest first. */
  readonly clips: readonly Float32Array[];
  /** The clip predicted at the level the step arrives at: given, the step is UniC's correction, else UniP's prediction. */
  readonly clip?: Float32Array;
}

/**
 * x_t = (sigma_t / sigma_s) x - alpha_t (e^-h - 1) m0 - alpha_t B(h) sum_k rho_k (m_k - m0) / r_k
 * as factors of x, m0 and each m_k. The corrector's last m_k is the clip at t itself, with r = 1.
 */
function stepTerms({ sigmas, from, order, sample, clips, clip }: Step): Term[] {
  const [source, target] = [sigmas[from]!, sigmas[from + 1]!];
  const h = lambda(target) - lambda(source);
  const phi = Math.expm1(-h);
  const ratios = Array.from({ length: order - 1 }, (_, k) => (lambda(sigmas[from - k - 1]!) - lambda(source)) / h);
  const others = ratios.map((_, k) => clips.at(-k - 2)!);
  const places = clip ? [...ratios, 1] : ratios;
  const rhos = order === (clip ? 1 : 2) ? [0.5] : solveRhos(places, h);

  const factors = rhos.map((rho, k) => (-(1 - target) * phi * rho) / places[k]!);
  const terms = (clip ? [...others, clip] : others).map((values, k): Term => [factors[k]!, values]);
  const factorOfM0 = -(1 - target) * phi - factors.reduce((sum, factor) => sum + factor, 0);
  return [[target / source, sample], [factorOfM0, clips.at(-1)!], ...terms];
}

/** Solves sum_k rho_k places_k^(i-1) = b_i for i = 1.., the order conditions of the paper's theorem 3.1. */
function solveRhos(places: readonly number[], h: number): number[] {
  const bh = Math.expm1(-h);
  let phi = bh / -h - 1;
  let factorial = 1;
  const rows = places.map((_, i) => {
    const row = [...places.map((place) => place ** i), (phi * factorial) / bh];
    factorial *= i + 2;
    phi = phi / -h - 1 / factorial;
    return row;
  });
  return eliminate(rows);
}

/** Gauss-Jordan elimination of an n x (n + 1) system. Its matrix is Vandermonde's with the row of ones first, so no pivot is 0. */
function eliminate(rows: number[][]): number[] {
  rows.forEach((pivotRow, pivot) => {
    const scale = pivotRow[pivot]!;
    for (let column = pivot; column < pivotRow.length; column++) pivotRow[column]! /= scale;
    for (const row of rows) {
      const factor = row[pivot]!;
      if (row === pivotRow || factor === 0) continue;
      for (let column = pivot; column < row.length; column++) row[column]! -= factor * pivotRow[column]!;
    }
  });
  return rows.map((row) => row.at(-1)!);
}
