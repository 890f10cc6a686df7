// Samplers against diffusers' own trajectories. Timesteps are exact, levels within 1e-7, samples within 5e-6.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createScheduler, parseSchedulerConfig } from '../../dit/scheduler-config.ts';
import { startState } from '../../dit/scheduler.ts';
import { goldenCases, goldensFolder, largestError } from './folder.ts';

interface SchedulerCase {
  readonly config: unknown;
  readonly num_inference_steps: number;
  readonly set_timesteps_kwargs: { readonly sigmas?: readonly number[] };
  readonly timesteps: readonly number[];
  readonly sigmas: readonly number[];
  readonly initial_sample: readonly number[];
  readonly model_outputs: readonly (readonly number[])[];
  readonly samples: readonly (readonly number[])[];
}

/** Python writes -Infinity into JSON (lambda_min_clipped), which no flow sampler reads. */
async function readCase(name: string): Promise<SchedulerCase> {
  const text = await readFile(join(goldensFolder(), 'schedulers', `${name}.json`), 'utf8');
  return JSON.parse(text.replaceAll('-Infinity', 'null')) as SchedulerCase;
}

describe.each(goldenCases('schedulers'))('%s', (name) => {
  it('has the reference timesteps and levels', async () => {
    const golden = await readCase(name);
    const { timesteps, sigmas } = schedulerOf(golden);
    expect([...timesteps]).toEqual(golden.timesteps.map(Math.fround));
    expect(largestError(sigmas, golden.sigmas)).toBeLessThanOrEqual(1e-7);
  });

  it('follows the reference trajectory when fed its model outputs', async () => {
    const golden = await readCase(name);
    const scheduler = schedulerOf(golden);
    let sample: Float32Array = Float32Array.from(golden.initial_sample);
    let state = startState;
    golden.model_outputs.forEach((output, i) => {
      ({ sample, state } = scheduler.step(state, Float32Array.from(output), sample));
      expect(largestError(sample, golden.samples[i]!), `step ${i}`).toBeLessThanOrEqual(5e-6);
    });
    expect(state.step).toBe(golden.timesteps.length);
  });

  it('follows it when the recorded model runs on its own samples', async () => {
    const golden = await readCase(name);
    const scheduler = schedulerOf(golden);
    let sample: Float32Array = Float32Array.from(golden.initial_sample);
    let state = startState;
    for (const timestep of scheduler.timesteps) {
      const offset = Math.fround(Math.sin(timestep / 1000));
      ({ sample, state } = scheduler.step(
        state,
        sample.map((x) => Math.fround(0.5 * x) + offset),
        sample,
      ));
    }
    expect(largestError(sample, golden.samples.at(-1)!)).toBeLessThanOrEqual(5e-6);
  });
});

function schedulerOf(golden: SchedulerCase) {
  const { sigmas } = golden.set_timesteps_kwargs;
  return createScheduler(
    parseSchedulerConfig(golden.config),
    sigmas ? { sigmas } : { steps: golden.num_inference_steps },
  );
}
