import { describe, expect, it } from 'vitest';
import { givenFrames, givenTimesteps, withGiven } from '../../dit/given-latents.ts';
import { conditionChannels } from '../../dit/condition-channels.ts';
import { conditionsPerRun, expertsByNoise, guide, type Velocity } from '../../dit/guidance.ts';
import { initialNoise } from '../../dit/noise.ts';
import { sampleLatents } from '../../dit/sample.ts';
import type { StepReport } from '../../dit/sample.ts';
import { createScheduler, samplerConfig, samplerNames } from '../../dit/scheduler-config.ts';
import { readSnapshot, snapshotTensors } from '../../dit/snapshot.ts';

const SHAPE = [2, 3, 2, 2] as const;
const SIZE = 24;
const noise = initialNoise(3, SIZE);
/** Some smooth field that is not straight. */
const bent = (latents: Float32Array, timesteps: Float32Array) =>
  Promise.resolve(latents.map((x) => Math.fround(0.5 * x + Math.sin(timesteps[0]! / 300))));

describe.each(samplerNames)('sampleLatents with %s', (name) => {
  const scheduler = createScheduler(samplerConfig(name, 3), { steps: 6 });

  it.each([1, 2, 3, 5])('resumed after step %i gives the same bytes as an uninterrupted render', async (stop) => {
    const reports: StepReport[] = [];
    const whole = await sampleLatents({
      velocity: bent,
      scheduler,
      from: noise,
      onStep: (report) => void reports.push(report),
    });
    const saved = snapshotTensors(reports[stop - 1]!, [1, ...SHAPE]);
    const from = readSnapshot(saved, SIZE);
    expect(from?.state.step).toBe(stop);
    expect(await sampleLatents({ velocity: bent, scheduler, from: from! })).toEqual(whole);
  });
});

/** `bent`, and what it is asked, into a list. */
const noting =
  (seen: Float32Array[]): Velocity =>
  (latents, timesteps) => {
    seen.push(latents, timesteps);
    return bent(latents, timesteps);
  };

/** The first of three latent frames. */
const frameOf = (latents: Float32Array) => [0, 1].flatMap((c) => [...latents.subarray(c * 12, c * 12 + 4)]);

describe('sampleLatents', () => {
  const scheduler = createScheduler(samplerConfig('euler', 3), { steps: 4 });

  it('reports each step with what it needs to go on', async () => {
    const steps: number[] = [];
    await sampleLatents({
      velocity: bent,
      scheduler,
      from: noise,
      onStep: ({ step, steps: total, state }) => {
        steps.push(step);
        expect([total, state.step]).toEqual([4, step]);
      },
    });
    expect(steps).toEqual([1, 2, 3, 4]);
  });

  it('stops between steps when aborted', async () => {
    const controller = new AbortController();
    let runs = 0;
    const promise = sampleLatents({
      velocity: (latents) => {
        if (++runs === 2) controller.abort();
        return Promise.resolve(latents);
      },
      scheduler,
      from: noise,
      signal: controller.signal,
    });
    await expect(promise).rejects.toMatchObject({ name: 'AbortError' });
    expect(runs).toBe(2);
  });

  it('says that numbers overflowed rather than decode them', async () => {
    const velocity = (latents: Float32Array) => Promise.resolve(latents.map(() => NaN));
    await expect(sampleLatents({ velocity, scheduler, from: noise })).rejects.toThrow(
      /not a finite number at step 1 of 4/,
    );
  });

  it('shows given frames clean, at timestep 0, and returns them untouched', async () => {
    const picture = Float32Array.from({ length: 8 }, (_, i) => i + 10); // [C=2,1,H=2,W=2]
    const given = givenFrames(picture, 0, { shape: SHAPE, patchSize: [1, 1, 1] });
    const seen: Float32Array[] = [];
    const result = await sampleLatents({
      velocity: noting(seen),
      scheduler,
      from: noise,
      given,
    });
    expect(frameOf(seen[0]!)).toEqual([...picture]);
    expect([...seen[1]!]).toEqual([0, 1000, 1000]);
    expect(frameOf(result)).toEqual([...picture]);
    expect(result.subarray(4, 12)).not.toEqual(noise.subarray(4, 12));
  });

  it('lets given frames go at a noise level, from where they are at it', async () => {
    const picture = Float32Array.from({ length: 8 }, (_, i) => i / 4);
    const place = { shape: SHAPE, patchSize: [1, 1, 1] } as const;
    const [given, none] = [givenFrames(picture, 0, place), givenFrames(new Float32Array(), 0, place)];
    const seen: Float32Array[] = [];
    const result = await sampleLatents({
      velocity: noting(seen),
      scheduler,
      from: noise,
      given: (sigma) => (sigma > scheduler.sigmas[2]! ? given : none),
    });
    expect(frameOf(seen[2]!)).toEqual([...picture]);
    expect([...seen[3]!]).toEqual([0, scheduler.timesteps[1], scheduler.timesteps[1]]);
    const [start, sigma] = [frameOf(noise), scheduler.sigmas[2]!];
    for (const [i, value] of frameOf(seen[4]!).entries()) {
      expect(value).toBeCloseTo((1 - sigma) * picture[i]! + sigma * start[i]!, 5);
    }
    expect(new Set(seen[5])).toEqual(new Set([scheduler.timesteps[2]]));
    expect(frameOf(result)).not.toEqual([...picture]);
  });
});

describe('a layout that is given', () => {
  it('is seen clean at every step, whatever the velocity says of it', async () => {
    const layout = Float32Array.from({ length: SIZE / 2 }, (_, i) => i);
    const seen: number[][] = [];
    await sampleLatents({
      velocity: (latents, timesteps) => {
        seen.push([...latents.subarray(SIZE / 2)]);
        return bent(latents, timesteps);
      },
      scheduler: createScheduler(samplerConfig('unipc', 3), { steps: 4 }),
      from: noise,
      layout,
    });
    expect(seen).toEqual(new Array(4).fill([...layout]));
  });
});

describe('given latents', () => {
  it('stand where they are put', () => {
    const given = givenFrames(new Float32Array(8).fill(5), 2, { shape: SHAPE, patchSize: [1, 2, 2] });
    expect([...given.groups]).toEqual([0, 0, 1]);
    expect([...givenTimesteps(300, given)]).toEqual([300, 300, 0]);
    expect([...withGiven(new Float32Array(SIZE), given)]).toEqual(
      [...Array<number>(2)].flatMap(() => [0, 0, 0, 0, 0, 0, 0, 0, 5, 5, 5, 5]),
    );
  });

  it('that do not fit are refused', () => {
    expect(() => givenFrames(new Float32Array(8), 3, { shape: SHAPE, patchSize: [1, 1, 1] })).toThrow(/do not fit/);
  });
});

describe('conditionChannels', () => {
  it('marks the given pixel frames, four to a latent frame after the first', () => {
    const latents = Float32Array.from({ length: 6 }, (_, i) => i + 1); // [2,3,1,1]
    const clip = { latents, shape: [2, 3, 1, 1], givenFrames: [0, 8], temporalFactor: 4 } as const; // first and last of 9
    const channels = conditionChannels(clip);
    expect(channels.shape).toEqual([1, 6, 3, 1, 1]);
    expect([...channels.data]).toEqual([1, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 1, 1, 2, 3, 4, 5, 6]);
  });
});

describe('guidance', () => {
  it('needs one condition per run at scale 1, and where memory counts', () => {
    expect([conditionsPerRun(1, 320), conditionsPerRun(5, 320), conditionsPerRun(5, 32760)]).toEqual([1, 2, 1]);
  });

  it('is unconditional + scale (conditional - unconditional)', () => {
    expect([...guide(Float32Array.of(1, 2), Float32Array.of(0.5, 3), 4)]).toEqual([2.5, -1]);
  });

  it('changes experts at the boundary', async () => {
    const constant = (value: number) => () => Promise.resolve(Float32Array.of(value));
    const experts = expertsByNoise(875, constant(1), constant(2));
    expect(await experts(noise, Float32Array.of(0, 875))).toEqual(Float32Array.of(1));
    expect(await experts(noise, Float32Array.of(0, 874))).toEqual(Float32Array.of(2));
  });
});
