import { describe, expect, it } from 'vitest';
import { shiftSigma } from '../../dit/flow-sigmas.ts';
import { createScheduler, parseSchedulerConfig, samplerConfig, samplerNames } from '../../dit/scheduler-config.ts';
import { combine, startState } from '../../dit/scheduler.ts';
import type { Scheduler } from '../../dit/scheduler.ts';
import { InvalidRequestError, ModelFileError } from '../../graph/errors.ts';

const noise = Float32Array.of(-1.5, 0.25, 2);
const clip = Float32Array.of(0.5, -0.75, 1);

function follow(scheduler: Scheduler, velocity: (x: Float32Array, sigma: number) => Float32Array): Float32Array {
  let sample: Float32Array = combine([
    [1 - scheduler.sigmas[0]!, clip],
    [scheduler.sigmas[0]!, noise],
  ]);
  let state = startState;
  while (state.step < scheduler.timesteps.length) {
    ({ sample, state } = scheduler.step(state, velocity(sample, scheduler.sigmas[state.step]!), sample));
  }
  return sample;
}

const largest = (a: Float32Array, b: Float32Array) => Math.max(...a.map((value, i) => Math.abs(value - b[i]!)));

describe.each(samplerNames)('%s', (name) => {
  it.each([1, 2, 3, 7, 20])('is exact on a straight field in %i steps', (steps) => {
    const scheduler = createScheduler(samplerConfig(name, 3), { steps });
    const straight = () =>
      combine([
        [1, noise],
        [-1, clip],
      ]);
    expect(largest(follow(scheduler, straight), clip)).toBeLessThan(1e-5);
  });

  it('falls from noise to nothing', () => {
    const { sigmas, timesteps } = createScheduler(samplerConfig(name, 5), { steps: 10 });
    expect(sigmas).toHaveLength(11);
    expect(timesteps).toHaveLength(10);
    expect(sigmas[10]).toBe(0);
    sigmas.subarray(1).forEach((sigma, i) => expect(sigma).toBeLessThan(sigmas[i]!));
  });

  it('takes levels as given, shifted once', () => {
    const { sigmas } = createScheduler(samplerConfig(name, 2), { sigmas: [0.9, 0.5, 0.1] });
    [0.9, 0.5, 0.1].forEach((sigma, i) => expect(sigmas[i]).toBeCloseTo(shiftSigma(sigma, 2), 6));
  });

  it('changes neither the state nor the sample it is given', () => {
    const scheduler = createScheduler(samplerConfig(name, 3), { steps: 4 });
    const first = scheduler.step(startState, noise, clip);
    const again = scheduler.step(startState, noise, clip);
    expect(again).toEqual(first);
    const second = scheduler.step(first.state, clip, first.sample);
    expect(scheduler.step(first.state, clip, first.sample)).toEqual(second);
    expect(startState).toEqual({ step: 0, predictions: [], lastSample: null });
  });
});

describe('createScheduler', () => {
  it.each([
    { steps: 0 },
    { steps: 2.5 },
    { sigmas: [] },
    { sigmas: [0.5, 0.9] },
    { sigmas: [1.5] },
    { sigmas: [0.5, 0] },
  ])('refuses %o', (spacing) => {
    expect(() => createScheduler(samplerConfig('unipc', 3), spacing)).toThrow(InvalidRequestError);
  });
});

describe('order of accuracy', () => {
  // A Gaussian clip of standard deviation s: v = (sigma - (1 - sigma) s^2) / ((1 - sigma)^2 s^2 + sigma^2) x, and the
  // exact path keeps x proportional to the standard deviation of the mixture.
  const s = 0.5;
  const spread = (sigma: number) => Math.hypot((1 - sigma) * s, sigma);
  const field = (x: Float32Array, sigma: number) => combine([[(sigma - (1 - sigma) * s * s) / spread(sigma) ** 2, x]]);
  const error = (name: (typeof samplerNames)[number], steps: number) => {
    const scheduler = createScheduler(samplerConfig(name, 3), { steps });
    const start = combine([
      [1 - scheduler.sigmas[0]!, clip],
      [scheduler.sigmas[0]!, noise],
    ]);
    return largest(follow(scheduler, field), combine([[s / spread(scheduler.sigmas[0]!), start]]));
  };

  it('UniPC and DPM++ beat Euler at equal steps', () => {
    expect(error('unipc', 16)).toBeLessThan(error('euler', 16) / 2);
    expect(error('dpmpp', 16)).toBeLessThan(error('euler', 16));
  });

  it('all converge as steps grow', () => {
    for (const name of samplerNames) expect(error(name, 64)).toBeLessThan(error(name, 16) * 0.7);
  });
});

describe('parseSchedulerConfig', () => {
  const file = { _class_name: 'UniPCMultistepScheduler', prediction_type: 'flow_prediction', use_flow_sigmas: true };

  it('reads the published files, whatever else they hold', () => {
    const config = parseSchedulerConfig({
      ...file,
      flow_shift: 5,
      solver_order: 2,
      beta_schedule: 'linear',
      solver_p: null,
    });
    expect(config).toMatchObject({ sampler: 'unipc', shift: 5, solverOrder: 2, trainTimesteps: 1000 });
  });

  it.each([
    [{ ...file, solver_type: 'bh1' }, /solver_type/],
    [{ ...file, prediction_type: 'epsilon' }, /prediction_type/],
    [{ ...file, use_karras_sigmas: true }, /use_karras_sigmas/],
    [{ _class_name: 'DDIMScheduler' }, /_class_name/],
    [null, /scheduler/],
  ])('refuses what it would sample wrongly: %o', (json, message) => {
    expect(() => parseSchedulerConfig(json)).toThrow(ModelFileError);
    expect(() => parseSchedulerConfig(json)).toThrow(message);
  });
});
