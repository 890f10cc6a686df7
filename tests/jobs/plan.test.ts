import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { activationBytes, estimateMemory } from '../../jobs/memory.ts';
import { loadModel } from '../../jobs/model.ts';
import { planRender } from '../../jobs/plan.ts';
import { settingsIn, sharedScratch } from './scratch.ts';
import { writeTinyModel } from './tiny-model.ts';

const shared = await sharedScratch();
const settings = settingsIn(shared);
beforeAll(async () => {
  await writeTinyModel(join(shared, 'models', 'tiny'));
  await writeTinyModel(join(shared, 'models', 'experts'), { boundary: 0.875, family: 'wan2.1' });
});

describe('planRender', () => {
  it('tells what each stage maps, takes and lasts', async () => {
    const plan = await planRender({ prompt: 'a cat', model: 'tiny' }, settings);
    expect(plan.stages.map(({ stage }) => stage)).toEqual(['text', 'steps', 'decode']);
    for (const stage of plan.stages) {
      expect(stage.mappedBytes).toBeGreaterThan(0);
      expect(stage.seconds).toBeGreaterThan(0);
    }
    expect(plan.peakPrivateBytes).toBe(Math.max(...plan.stages.map(({ privateBytes }) => privateBytes)));
    expect(plan.fits).toBe(true);
    const longer = await planRender({ prompt: 'a cat', model: 'tiny', steps: 40, frames: 17 }, settings);
    expect(longer.stages[1]!.privateBytes).toBeGreaterThan(plan.stages[1]!.privateBytes);
  });

  it('counts one of two experts, as only one is open at a time', async () => {
    const [one, two] = [
      await planRender({ prompt: 'a cat', model: 'tiny' }, settings),
      await planRender({ prompt: 'a cat', model: 'experts' }, settings),
    ];
    expect(two.stages[1]!.mappedBytes).toBeLessThan(1.5 * one.stages[1]!.mappedBytes);
  });

  it('refuses what cannot fit before anything is built', async () => {
    const request = { prompt: 'a cat', model: 'tiny', width: 8192, height: 8192, frames: 9993 };
    await expect(planRender(request, settings)).rejects.toThrow(/needs about .* of memory; this machine has/);
  });

  it('agrees with what a render is refused by', async () => {
    const model = await loadModel('tiny', settings);
    const size = { width: 64, height: 64, frames: 9 };
    const { steps, decode } = activationBytes(model, size);
    expect(estimateMemory(model, size)).toBe(Math.max(steps, decode));
  });
});
