import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { describePlan } from '../../cli/render-plan.ts';
import { writeSafetensors } from '../../io/safetensors.ts';
import { activationBytes, estimateMemory } from '../../jobs/memory.ts';
import { loadModel } from '../../jobs/model.ts';
import { planRender } from '../../jobs/plan.ts';
import { settingsIn, sharedScratch } from './scratch.ts';
import { randomTinyDecoder } from './tiny-decoder.ts';
import { writeTinyModel } from './tiny-model.ts';

const shared = await sharedScratch();
const settings = settingsIn(shared);
const [decoder, picture] = [join(shared, 'decoder.safetensors'), join(shared, 'red.png')];
const tinyLayout = { latentChannels: 8, patchSize: 1 };
beforeAll(async () => {
  await writeTinyModel(join(shared, 'models', 'tiny'));
  await writeTinyModel(join(shared, 'models', 'experts'), { boundary: 0.875, family: 'wan2.1' });
  await writeTinyModel(join(shared, 'models', 'wan'), { family: 'wan2.1' });
  await writeTinyModel(join(shared, 'models', 'i2v'), { family: 'wan2.1', variant: 'i2v' });
  await writeSafetensors(decoder, randomTinyDecoder(tinyLayout));
  await sharp({ create: { width: 32, height: 32, channels: 3, background: '#c02020' } }).toFile(picture);
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

  it('counts the tiny decoder where one is asked for', async () => {
    const request = { prompt: 'a cat', model: 'wan' };
    const [full, tiny] = [
      await planRender(request, settings),
      await planRender({ ...request, decoder: `tiny:${decoder}` }, settings),
    ];
    const weights = [...randomTinyDecoder(tinyLayout).values()].reduce((sum, { data }) => sum + data.byteLength, 0);
    expect(tiny.stages.at(-1)!.mappedBytes).toBe(weights);
    expect(full.stages.at(-1)!.mappedBytes).not.toBe(weights);
    expect(tiny.stages.at(-1)!.privateBytes).not.toBe(full.stages.at(-1)!.privateBytes);
  });

  it('has stages for pictures that are looked at and encoded', async () => {
    const { stages } = await planRender({ prompt: 'a cat', model: 'i2v', image: picture }, settings);
    expect(stages.map(({ stage }) => stage)).toEqual(['text', 'look', 'encode', 'steps', 'decode']);
    for (const { privateBytes, seconds } of stages) {
      expect(privateBytes).toBeGreaterThan(0);
      expect(seconds).toBeGreaterThan(0);
    }
  });

  it('says between which times fast is, and what of it does nothing', async () => {
    const plan = await planRender({ prompt: 'a cat', model: 'tiny', steps: 20, fast: true }, settings);
    const { seconds, leastSeconds } = plan.stages[1]!;
    expect(leastSeconds).toBeLessThan(seconds / 1.5);
    expect(describePlan(plan)).toMatch(/steps .* s to .* s/);
    const few = await planRender({ prompt: 'a cat', model: 'tiny', steps: 4, fast: true }, settings);
    expect(few.stages[1]!.leastSeconds).toBeUndefined();
    expect(few.notices).toEqual([expect.stringContaining('fast skips none of 4 steps')]);
  });

  it('counts no second pass for an expert of guidance 1', async () => {
    const flopsOf = async (guidanceLow: number): Promise<number> => {
      const request = { prompt: 'a cat', model: 'experts', steps: 8, guidance: 3, guidanceLow };
      const { stages, flopsPerSecond } = await planRender(request, settings);
      return stages[1]!.seconds * flopsPerSecond;
    };
    expect(await flopsOf(1)).toBeLessThan(0.9 * (await flopsOf(3)));
  });

  it('measures where it would run', { timeout: 120_000 }, async () => {
    const { device, notices } = await planRender({ prompt: 'a cat', model: 'tiny' }, { ...settings, device: 'cuda' });
    if (device === 'cpu') expect(notices).toEqual([expect.stringContaining('so this runs on the CPU')]);
    else expect(device).toBe('cuda');
  });

  it('refuses what cannot fit before anything is built', async () => {
    const request = { prompt: 'a cat', model: 'tiny', width: 8192, height: 8192, frames: 9993 };
    await expect(planRender(request, settings)).rejects.toThrow(/need about .* of memory; this machine has/);
  });

  it('agrees with what a render is refused by', async () => {
    const model = await loadModel('tiny', settings);
    const size = { width: 64, height: 64, frames: 9 };
    const { steps, decode } = activationBytes(model, size);
    expect(estimateMemory(model, size)).toBe(Math.max(steps, decode));
  });
});
