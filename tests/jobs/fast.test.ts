// Fewer steps and fewer passes through the whole path on a tiny model: step caching, levels of few-step models, guidance of two
// experts. Each is recorded, hashed and resumable as any other choice.
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { localEngine } from '../../graph/engine.ts';
import { writeSafetensors } from '../../io/safetensors.ts';
import { generate, type GenerateOptions } from '../../jobs/generate.ts';
import type { Progress } from '../../jobs/progress.ts';
import type { GenerateRequest } from '../../jobs/request.ts';
import { readSidecar } from '../../jobs/sidecar.ts';
import { randomTinyDecoder } from './tiny-decoder.ts';
import { scratch, settingsIn, sharedScratch } from './scratch.ts';
import { writeTinyModel } from './tiny-model.ts';

const shared = await sharedScratch();
const settings = settingsIn(shared);
const engine = localEngine({ threads: 1 });
const tinyFile = join(shared, 'models', 'wan', 'tiny_decoder', 'model.safetensors');
afterAll(() => engine.close());
beforeAll(async () => {
  await writeTinyModel(join(shared, 'models', 'tiny'));
  await writeTinyModel(join(shared, 'models', 'few'));
  const card = { width: 32, height: 32, frames: 5, fps: 8, max_sequence_length: 12 };
  const distilled = { ...card, sigmas: [1, 0.75, 0.5, 0.25], guidance: 1, sampler: 'euler', shift: 5 };
  await writeFile(join(shared, 'models', 'few', 'tessera.json'), JSON.stringify(distilled));
  await writeTinyModel(join(shared, 'models', 'pair'), { boundary: 0.8 });
  await writeTinyModel(join(shared, 'models', 'wan'), { family: 'wan2.1' });
  await mkdir(join(shared, 'models', 'wan', 'tiny_decoder'));
  await writeSafetensors(tinyFile, randomTinyDecoder({ latentChannels: 8, patchSize: 1 }));
});

async function render(request: Partial<GenerateRequest>, options: GenerateOptions = {}) {
  const output = join(await scratch(), 'clip.mp4');
  const full = { prompt: 'a cat jumps', model: 'tiny', frames: 1, ...request, output };
  const { clips, notices } = await generate(full, { engine, settings, ...options });
  return { clip: clips[0]!, sum: clips[0]!.sha256, notices };
}

describe('--fast', { timeout: 120_000 }, () => {
  it('changes the clip, is recorded, and renders again from the record', async () => {
    const [all, fast] = [await render({ steps: 16 }), await render({ steps: 16, fast: true })];
    expect(fast.sum).not.toBe(all.sum);
    const { request } = await readSidecar(fast.clip.sidecar);
    expect(request.fast).toBe(true);
    expect((await render(request)).sum).toBe(fast.sum);
  });

  it('says so where it has too few steps to skip any', async () => {
    const notice = 'fast skips none of 5 steps: fewer than 6 are all computed. Leave it out.';
    expect((await render({ steps: 5, fast: true })).notices).toContain(notice);
    expect((await render({ steps: 6, fast: true })).notices.join()).not.toContain('fast skips none');
  });

  it.each(['euler', 'unipc'] as const)('goes on where %s was stopped, to the same bytes', async (sampler) => {
    const request = { sampler, seed: 3, steps: 16, fast: true };
    const whole = await render(request);
    for (const stop of [2, 6, 7, 15]) {
      const own = { ...settings, cacheFolder: await scratch() };
      const controller = new AbortController();
      const onProgress = ({ stage, step }: Progress): void => {
        if (stage === 'steps' && step === stop) controller.abort();
      };
      await expect(render(request, { settings: own, signal: controller.signal, onProgress })).rejects.toThrow(
        `stopped after step ${stop} of 16`,
      );
      expect(await readdir(join(own.cacheFolder, 'renders'))).toHaveLength(1);
      expect((await render(request, { settings: own })).sum).toBe(whole.sum);
    }
  });
});

describe('--sigmas', () => {
  it('steps through the levels that are asked for, which are recorded', async () => {
    const { clip, sum } = await render({ sigmas: [1, 0.9, 0.6, 0.2], sampler: 'euler', guidance: 1 });
    expect(clip.render).toMatchObject({ steps: 4, sigmas: [1, 0.9, 0.6, 0.2] });
    const even = await render({ steps: 4, sampler: 'euler', guidance: 1 });
    expect(even.sum).not.toBe(sum);
    const { request } = await readSidecar(clip.sidecar);
    expect((await render(request)).sum).toBe(sum);
  });

  it('holds for a few-step model, as its tessera.json says, unless steps are asked for', async () => {
    const { clip } = await render({ model: 'few' });
    expect(clip.render).toMatchObject({
      steps: 4,
      sigmas: [1, 0.75, 0.5, 0.25],
      guidance: 1,
      sampler: 'euler',
      shift: 5,
    });
    const more = await render({ model: 'few', steps: 6 });
    expect(more.clip.render).toMatchObject({ steps: 6 });
    expect(more.clip.render.sigmas).toBeUndefined();
  });

  it.each([
    [{ sigmas: [0.5, 0.75] }, 'must be noise levels that fall'],
    [{ sigmas: [1, 0] }, 'must be noise levels that fall'],
    [{ sigmas: [1, 0.5], steps: 3 }, 'sigmas (=1,0.5) are 2 levels and steps (=3) other ones'],
  ])('refuses %j', async (request, message) => {
    await expect(render(request)).rejects.toThrow(message);
  });
});

describe('--guidance-low', () => {
  it('guides the second expert, and holds only where there is one', async () => {
    const both = await render({ model: 'pair', guidance: 3 });
    expect(both.clip.render.guidanceLow).toBe(3);
    const low = await render({ model: 'pair', guidance: 3, guidanceLow: 1 });
    expect(low.sum).not.toBe(both.sum);
    expect((await render({ model: 'pair', guidance: 3, guidanceLow: 3 })).sum).toBe(both.sum);
    await expect(render({ guidanceLow: 2 })).rejects.toThrow('models of two experts');
  });
});

describe('--decoder tiny', { timeout: 120_000 }, () => {
  it('decodes by the tiny decoder beside the model, or by a named one, and is recorded', async () => {
    const request = { model: 'wan', frames: 9, steps: 2 };
    const [full, tiny] = [await render(request), await render({ ...request, decoder: 'tiny' })];
    expect(tiny.clip).toMatchObject({ width: 32, height: 32, frames: 9, render: { decoder: `tiny:${tinyFile}` } });
    expect(tiny.sum).not.toBe(full.sum);
    const { request: recorded } = await readSidecar(tiny.clip.sidecar);
    expect((await render(recorded)).sum).toBe(tiny.sum);
  });

  it('refuses what is missing, and what decodes other latents', async () => {
    await expect(render({ decoder: 'tiny' })).rejects.toThrow('Get it from the repository madebyollin/taehv');
    await expect(render({ decoder: `tiny:${tinyFile}` })).rejects.toThrow(
      'decodes latents of 8 channels to 4 frames of 8x8',
    );
    await expect(render({ decoder: 'large' })).rejects.toThrow('must be tiny, or tiny:<file or folder>');
  });
});
