import { describe, expect, it } from 'vitest';
import { givenFrames } from '../../dit/given-latents.ts';
import type { Velocity } from '../../dit/guidance.ts';
import { initialNoise } from '../../dit/noise.ts';
import { sampleLatents, type StepReport } from '../../dit/sample.ts';
import { createScheduler, samplerConfig } from '../../dit/scheduler-config.ts';
import { readSnapshot, snapshotTensors } from '../../dit/snapshot.ts';
import { cachedVelocity, fastPreset, type GuidedPasses } from '../../dit/step-cache.ts';

const SIZE = 24;
const noise = initialNoise(3, SIZE);
const scheduler = createScheduler(samplerConfig('euler', 3), { steps: 20 });

/** Passes that count how often they are asked. */
function counted(conditional: (x: number, t: number) => number, scale = 4) {
  const asked: string[] = [];
  const pass =
    (name: string, value: (x: number, t: number) => number): Velocity =>
    (latents, [timestep]) => {
      asked.push(`${name}${timestep!.toFixed(0)}`);
      return Promise.resolve(latents.map((x) => value(x, timestep!)));
    };
  const unconditional = pass('u', (x, t) => conditional(x, t) - 0.1);
  return { asked, passes: { conditional: pass('c', conditional), unconditional, scale } satisfies GuidedPasses };
}
const whole = (passes: GuidedPasses, options = fastPreset) => cachedVelocity([passes], () => 0, options);
const smooth = (x: number, t: number): number => x / 4 + t / 500;

describe('step cache', () => {
  it('with no tolerance and full guidance is plain guidance', async () => {
    const { passes, asked } = counted(smooth);
    const options = { ...fastPreset, tolerance: 0, guided: 1 };
    const cached = await sampleLatents({ velocity: whole(passes, options), scheduler, from: noise });
    const plain = await sampleLatents({
      velocity: async (latents, timesteps) =>
        (await passes.conditional(latents, timesteps)).map((value) => value + 3 * Math.fround(0.1)),
      scheduler,
      from: noise,
    });
    expect(asked.length).toBe(20 * 2 + 20);
    cached.forEach((value, i) => expect(value).toBeCloseTo(plain[i]!, 4));
  });

  it('skips what it can foretell: exact where the foreseen clip stays the same', async () => {
    const towards = (x: number, t: number): number => (x - 0.3) / (t / 1000);
    const { passes, asked } = counted(towards, 1);
    const cached = await sampleLatents({ velocity: whole(passes), scheduler, from: noise });
    const all = await sampleLatents({
      velocity: whole(passes, { ...fastPreset, tolerance: 0 }),
      scheduler,
      from: noise,
    });
    cached.forEach((value, i) => expect(value).toBeCloseTo(all[i]!, 4));
    const [fast] = [asked.slice(0, asked.indexOf('c1000', 1))];
    expect(fast.length).toBeLessThan(20);
    expect(fast.length).toBeGreaterThanOrEqual(5); // the start is computed whole, and the last step
  });

  it('computes the step at which given frames are let go', async () => {
    const { passes, asked } = counted((x, t) => (x - 0.3) / (t / 1000), 1);
    const place = { shape: [2, 3, 2, 2], patchSize: [1, 1, 1] } as const;
    const [picture, none] = [givenFrames(new Float32Array(8), 2, place), givenFrames(new Float32Array(), 0, place)];
    for (const last of [10, 11, 12, 13]) {
      const given = (sigma: number) => (sigma >= scheduler.sigmas[last]! ? picture : none);
      asked.length = 0;
      await sampleLatents({ velocity: whole(passes), scheduler, from: noise, given });
      expect(asked).toContain(`c${scheduler.timesteps[last + 1]!.toFixed(0)}`);
    }
  });

  it('computes the start whole, and keeps the guidance difference in the last step', async () => {
    const { passes, asked } = counted(smooth);
    await sampleLatents({ velocity: whole(passes), scheduler, from: noise });
    expect(asked.slice(0, 8).filter((name) => name.startsWith('u'))).toHaveLength(4);
    expect(asked.length).toBeLessThan(30);
    expect(asked.at(-1)).toBe(`c${scheduler.timesteps.at(-1)!.toFixed(0)}`);
  });

  it('skips at most so many steps in a row, and none of a few', async () => {
    const steps: number[] = [];
    const { passes, asked } = counted(() => 1);
    await sampleLatents({
      velocity: whole(passes),
      scheduler,
      from: noise,
      onStep: () => void steps.push(asked.length),
    });
    const isSkipped = steps.map((count, i) => count === (steps[i - 1] ?? 0));
    expect(isSkipped.map((skip) => (skip ? 's' : 'c')).join('')).not.toMatch(/sss/);
    const few = counted(() => 1);
    const four = createScheduler(samplerConfig('euler', 3), { sigmas: [1, 0.75, 0.5, 0.25] });
    await sampleLatents({ velocity: whole(few.passes), scheduler: four, from: noise });
    expect(few.asked).toHaveLength(8);
  });

  it('does not carry memory from one expert to the other', async () => {
    const [high, low] = [counted(() => 1), counted(() => 5)];
    const velocity = cachedVelocity([high.passes, low.passes], (t) => (t >= 700 ? 0 : 1));
    const first = scheduler.timesteps.findIndex((t) => t < 700);
    await sampleLatents({ velocity, scheduler, from: noise });
    const name = scheduler.timesteps[first]!.toFixed(0);
    expect(low.asked.slice(0, 2)).toEqual([`c${name}`, `u${name}`]);
  });

  it.each([3, 6, 8, 15, 19])('resumed after step %i gives the same bytes', async (stop) => {
    const reports: StepReport[] = [];
    const { passes } = counted((x, t) => Math.fround(0.5 * x + Math.sin(t / 300)));
    const velocity = whole(passes);
    const expected = await sampleLatents({
      velocity,
      scheduler,
      from: noise,
      onStep: (report) => void reports.push(report),
    });
    const from = readSnapshot(snapshotTensors(reports[stop - 1]!, [1, 2, 3, 2, 2]), SIZE);
    expect(await sampleLatents({ velocity, scheduler, from: from! })).toEqual(expected);
  });
});
