// The whole path on a tiny model: from words to files, whose bytes depend on the request and on nothing else.
import { copyFile, cp, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { childEngine } from '../../graph/child-engine.ts';
import { localEngine } from '../../graph/engine.ts';
import { JobFailedError } from '../../graph/errors.ts';
import { generate, type GenerateOptions } from '../../jobs/generate.ts';
import type { Progress } from '../../jobs/progress.ts';
import type { GenerateRequest } from '../../jobs/request.ts';
import type { Settings } from '../../jobs/settings.ts';
import { checksum, readSidecar } from '../../jobs/sidecar.ts';
import { scratch, settingsIn, sharedScratch } from './scratch.ts';
import { writeTinyModel } from './tiny-model.ts';

const shared = await sharedScratch();
const settings = settingsIn(shared);
const engine = localEngine({ threads: 1 });
afterAll(() => engine.close());
beforeAll(() => writeTinyModel(join(shared, 'models', 'tiny')));

/** Renders into a folder of its own; gives the checksums of the clips. */
async function render(request: Partial<GenerateRequest>, options: GenerateOptions = {}) {
  const folder = await scratch();
  const output = join(folder, request.output ?? 'clip.mp4');
  const full = { prompt: 'a cat jumps', model: 'tiny', ...request, output };
  const result = await generate(full, { engine, settings, ...options });
  return { ...result, folder, sums: result.clips.map(({ sha256 }) => sha256) };
}

describe('generate', () => {
  it('writes a clip and its record, and tells what it did', async () => {
    const progress: Progress[] = [];
    const { clips, folder, milliseconds } = await render({ seed: 5 }, { onProgress: (one) => progress.push(one) });
    expect(clips[0]).toMatchObject({ width: 32, height: 32, frames: 5, fps: 8 });
    expect((await readdir(folder)).sort()).toEqual(['clip.json', 'clip.mp4']);
    expect(await checksum(join(folder, 'clip.mp4'))).toBe(clips[0]!.sha256);
    expect(progress.map(({ stage }) => stage).filter((stage, i, all) => stage !== all[i - 1])).toEqual([
      'load',
      'text',
      'load',
      'steps',
      'decode',
      'encode',
    ]);
    expect(progress.filter(({ stage }) => stage === 'steps').map(({ step }) => step)).toEqual([0, 1, 2, 3, 4]);
    const estimates = progress.filter(({ remainingSeconds }) => remainingSeconds !== undefined);
    expect(estimates[0]).toMatchObject({ stage: 'steps', step: 2 });
    expect(Object.keys(milliseconds)).toEqual(['load', 'text', 'steps', 'decode', 'encode']);
  });

  it('gives the same bytes again, whatever ran before', async () => {
    const first = await render({ seed: 1 });
    await render({ seed: 2, prompt: 'a dog', width: 48, sampler: 'euler', guidance: 1 });
    const fresh = { ...settings, cacheFolder: await scratch() };
    const again = await render({ seed: 1 }, { engine: 'local', settings: fresh });
    expect(again.sums).toEqual(first.sums);
  });

  it.each(['clip.mp4', 'clip-%d.png'])(
    'keeps the record of %s first, so that a kill leaves nothing in the way',
    async (output) => {
      const { folder, sums } = await render({ seed: 3, output });
      const names = await readdir(folder);
      // As it is after a kill just before the clip, or the first picture, appears.
      await rm(join(folder, output.replace('%d', '1')));
      await render({ seed: 3, output: join('..', basename(folder), output) });
      expect((await readdir(folder)).sort()).toEqual(names.sort());
      expect(await checksum(join(folder, output))).toBe(sums[0]);
      // A clip that came in between is not replaced, and no record is left beside it.
      const place = await scratch();
      const taking = (): Promise<void> => writeFile(join(place, output.replace('%d', '1')), 'mine');
      const onProgress = ({ stage }: Progress): void => void (stage === 'steps' && taking());
      const full = { prompt: 'a cat', model: 'tiny', output: join(place, output) };
      await expect(generate(full, { engine, settings, onProgress })).rejects.toThrow('exists already');
      expect(await readdir(place)).toEqual([output.replace('%d', '1')]);
    },
  );

  it.each(['clip-%d.png', 'clip'])(
    'does not take the pictures of another clip for those that a kill left out of %s',
    async (output) => {
      const first = output.replace('%d', '1').replace(/^clip$/, 'clip/0001.png');
      const [old, made] = [await render({ seed: 3, output }), await render({ seed: 4, output })];
      // As it is after a kill just before the pictures are replaced.
      await copyFile(join(made.folder, 'clip.json'), join(old.folder, 'clip.json'));
      const asked = {
        prompt: 'a cat jumps',
        model: 'tiny',
        seed: 4,
        output: join(old.folder, output),
        overwrite: true,
      };
      const again = await generate(asked, { engine, settings, keepFinished: true });
      expect(await checksum(join(old.folder, first))).toBe(await checksum(join(made.folder, first)));
      const { mtimeMs } = await stat(join(old.folder, first));
      expect((await generate(asked, { engine, settings, keepFinished: true })).clips[0]!.render).toEqual(again.clips[0]!.render); // prettier-ignore
      expect((await stat(join(old.folder, first))).mtimeMs).toBe(mtimeMs);
    },
  );

  it('gives the same bytes from a child process', async () => {
    const child = await childEngine({ threads: 1 });
    const there = await render({ seed: 1 }, { engine: child });
    await child.close();
    expect(there.sums).toEqual((await render({ seed: 1 })).sums);
  });

  it('shows seeds, prompts, negative prompts, samplers, guidance, steps and shift in the picture', async () => {
    const variants: Partial<GenerateRequest>[] = [
      {},
      { seed: 1 },
      { prompt: 'a dog' },
      { negativePrompt: 'snow' },
      { sampler: 'euler' },
      { sampler: 'dpmpp' },
      { guidance: 1 },
      { steps: 5 },
      { shift: 1 },
      { clip: 1 },
    ];
    const sums: (string | undefined)[] = [];
    for (const variant of variants) {
      const { folder } = await render({ ...variant, output: 'frames-%02d.png', frames: 1 });
      // Without its metadata, so that only the picture counts.
      const png = await readFile(join(folder, 'frames-01.png'));
      sums.push(png.subarray(png.indexOf('IDAT')).toString('base64'));
    }
    expect(new Set(sums).size).toBe(variants.length);
  });

  it('renders several clips, each as if it were asked for alone', async () => {
    const { clips, sums } = await render({ clips: 3, seed: 4 });
    expect(new Set(sums).size).toBe(3);
    expect(clips.map(({ render: { clip } }) => clip)).toEqual([0, 1, 2]);
    expect((await render({ clip: 2, seed: 4 })).sums).toEqual([sums[2]]);
  });

  it('goes on with the clips that a stop left out', async () => {
    const asked = { clips: 3, seed: 4 };
    const whole = await render(asked);
    const output = join(whole.folder, 'clip.mp4');
    const again = () => generate({ prompt: 'a cat jumps', model: 'tiny', ...asked, output }, { engine, settings });
    await expect(again()).rejects.toThrow('clip-1.mp4 exists already');
    for (const end of ['mp4', 'json']) await rm(join(whole.folder, `clip-2.${end}`));
    const { mtimeMs } = await stat(whole.clips[0]!.path);
    expect((await again()).clips.map(({ sha256 }) => sha256)).toEqual(whole.sums);
    expect((await stat(whole.clips[0]!.path)).mtimeMs).toBe(mtimeMs);
  });

  it('renders a clip again from its record', async () => {
    const { clips, sums } = await render({ seed: 9, steps: 3, negativePrompt: 'snow', fps: 12, clips: 2 });
    const from = await readSidecar(clips[1]!.sidecar);
    const again = await render(from.request, { from });
    expect(again.sums).toEqual([sums[1]]);
    expect(again.notices).toEqual([]);
    const { output, ...record } = await readSidecar(again.clips[0]!.sidecar);
    expect({ ...record, output: { ...output, file: 'clip-2.mp4' } }).toEqual(from);
  });

  it('says when a record comes from other weights', async () => {
    const from = await readSidecar((await render({})).clips[0]!.sidecar);
    const models = await scratch();
    await writeTinyModel(join(models, 'tiny'), { seed: 2 });
    const { notices } = await render(from.request, { from, settings: { ...settings, modelFolders: [models] } });
    expect(notices.join()).toContain('the weights of tiny are others');
  });

  it.each(['unipc', 'euler', 'dpmpp'] as const)('goes on at the step where %s was stopped', async (sampler) => {
    const request = { sampler, seed: 3, steps: 6 };
    const whole = await render(request);
    for (const stop of [1, 3, 6]) {
      const own = { ...settings, cacheFolder: await scratch() };
      const controller = new AbortController();
      const onProgress = ({ stage, step }: Progress): void => {
        if (stage === 'steps' && step === stop) controller.abort();
      };
      const stopped = render(request, { settings: own, signal: controller.signal, onProgress });
      await expect(stopped).rejects.toThrow(`stopped after step ${stop} of 6`);
      await expect(stopped).rejects.toMatchObject({ code: 'CANCELLED' });
      const resumed = await render(request, { settings: own });
      expect(resumed.sums).toEqual(whole.sums);
      expect(resumed.notices).toEqual([`Going on after step ${stop} of 6, where an earlier render was stopped.`]);
      expect(await readdir(join(own.cacheFolder, 'renders'))).toEqual([]);
    }
  });

  it('leaves nothing behind when it is stopped', async () => {
    const folder = await scratch();
    const request = { prompt: 'a cat', model: 'tiny', output: join(folder, 'clip.mp4') };
    const stopAt = async (stage: string): Promise<void> => {
      const controller = new AbortController();
      const onProgress = (progress: Progress): void => void (progress.stage === stage && controller.abort());
      const stopped = generate(request, { engine, settings, signal: controller.signal, onProgress });
      await expect(stopped).rejects.toBeInstanceOf(JobFailedError);
      expect(await readdir(folder)).toEqual([]);
    };
    for (const stage of ['steps', 'decode', 'encode']) await stopAt(stage);
  });

  it('says which words the model does not know, and when the end of a prompt is not read', async () => {
    const { notices } = await render({
      prompt: 'a unicorn jumps on a red dragon in the snow in the meadow in the snow',
    });
    expect(notices).toEqual([
      'tiny does not know these words: unicorn, dragon.',
      'The prompt is longer than the 12 tokens that tiny reads; its end is left out.',
    ]);
  });

  it('runs the architectures of Wan 2.1: flat autoencoder, patches, UMT5', async () => {
    const models = join(await scratch(), 'models');
    const own = { ...settings, modelFolders: [models] };
    await writeTinyModel(join(models, 'wan'), { family: 'wan2.1' });
    const first = await render({ model: 'wan', width: 48, height: 32, frames: 9 }, { settings: own });
    expect(first.clips[0]).toMatchObject({ width: 48, height: 32, frames: 9 });
    const dog = await render({ model: 'wan', width: 48, height: 32, frames: 9, prompt: 'a dog' }, { settings: own });
    expect(dog.clips[0]!.sizeBytes).not.toBe(first.clips[0]!.sizeBytes);
    await expect(render({ model: 'wan', width: 40 }, { settings: own })).rejects.toThrow('Use 32 or 48.');
  });

  it('hides padding where the model says so', async () => {
    const models = join(await scratch(), 'models');
    await writeTinyModel(join(models, 'tiny'), { masksPadding: true });
    const hidden = await render({}, { settings: { ...settings, modelFolders: [models] } });
    const seen = await render({});
    expect(hidden.model.fingerprint).not.toBe(seen.model.fingerprint);
    expect(hidden.clips[0]!.sizeBytes).not.toBe(seen.clips[0]!.sizeBytes);
  });

  it('hands over from one expert to the other at the boundary', async () => {
    const models = join(await scratch(), 'models');
    const own = { ...settings, modelFolders: [models] };
    await writeTinyModel(join(models, 'late'), { boundary: 0.001 });
    await writeTinyModel(join(models, 'middle'), { boundary: 0.8 });
    const one = await render({ prompt: 'a cat' });
    // Above the boundary the first expert alone: the same pictures as the model without a second one.
    const pictures = async (model: string, there: Settings = own): Promise<string> => {
      const { folder } = await render({ prompt: 'a cat', model, output: 'f-%d.png', frames: 1 }, { settings: there });
      const png = await readFile(join(folder, 'f-1.png'));
      return png.subarray(png.indexOf('IDAT')).toString('base64');
    };
    expect(one.clips).toHaveLength(1);
    expect(await pictures('late')).toBe(await pictures('tiny', settings));
    expect(await pictures('middle')).not.toBe(await pictures('late'));
  });

  it('refuses what the model cannot do before it starts an engine', async () => {
    const folder = await scratch();
    const refused = generate({ prompt: 'a cat', model: 'tiny', frames: 6 }, { settings, engine: 'child' });
    await expect(refused).rejects.toThrow('frames (=6) must be 4k+1 for this model. Use 5 or 9.');
    await writeFile(join(folder, 'clip.mp4'), 'mine');
    const taken = generate({ prompt: 'a cat', model: 'tiny', output: join(folder, 'clip.mp4') }, { settings });
    await expect(taken).rejects.toThrow('exists already');
    expect(await readFile(join(folder, 'clip.mp4'), 'utf8')).toBe('mine');
  });

  it('renders without a cache folder that can be written', async () => {
    const folder = await scratch();
    await writeFile(join(folder, 'cache'), 'a file');
    const own = { ...settings, cacheFolder: join(folder, 'cache') };
    const { sums, notices } = await render({ seed: 1 }, { settings: own, saveEveryMs: 0 });
    expect(notices.join()).toContain('Latents cannot be saved');
    expect(sums).toEqual((await render({ seed: 1 })).sums);
  });

  it('takes sizes that are not square and lengths of one frame', async () => {
    const { clips } = await render({ width: 64, height: 16, frames: 1, output: 'x.webp' });
    expect(clips[0]).toMatchObject({ width: 64, height: 16, frames: 1 });
  });

  it('fails clearly when weights are cut short while it looks', async () => {
    const models = join(await scratch(), 'models');
    await mkdir(models);
    await cp(join(shared, 'models', 'tiny'), join(models, 'tiny'), { recursive: true });
    const weights = join(models, 'tiny', 'transformer', 'config.json');
    await writeFile(weights, (await readFile(weights, 'utf8')).replace('"num_layers": 2', '"num_layers": 4'));
    await expect(render({}, { settings: { ...settings, modelFolders: [models] } })).rejects.toThrow('blocks.2');
  });
});
