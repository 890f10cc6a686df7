// A picture as a prompt, on a model of random weights: what it reads is chance, all else is real.
import { copyFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { localEngine } from '../../graph/engine.ts';
import { loadPicture } from '../../io/pictures.ts';
import { generate, type GenerateOptions } from '../../jobs/generate.ts';
import { jobPreparer } from '../../jobs/prepare-job.ts';
import { parseRequest } from '../../jobs/request.ts';
import { readSidecar } from '../../jobs/sidecar.ts';
import { settingsIn, sharedScratch } from './scratch.ts';
import { writeTinyModel } from './tiny-model.ts';

const folder = await sharedScratch();
const settings = settingsIn(folder);
const engine = localEngine({ threads: 1 });
const picture = join(folder, 'like.png');
const cat = { prompt: 'a red cat jumps', model: 'towers', like: picture, steps: 2 } as const;

beforeAll(async () => {
  const towers = { masksPadding: true, towers: true };
  await writeTinyModel(join(folder, 'models', 'towers'), towers);
  await writeTinyModel(join(folder, 'models', 'attends-to-all'), { ...towers, masksPadding: false });
  await writeTinyModel(join(folder, 'models', 'i2v'), { family: 'wan2.1', variant: 'i2v' });
  await sharp({ create: { width: 40, height: 28, channels: 3, background: '#e0e8f0' } })
    .png()
    .toFile(picture);
});
afterAll(() => engine.close());

let number = 0;
async function render(request: Parameters<typeof generate>[0], options: GenerateOptions = {}) {
  const output = join(folder, `${number++}.mp4`);
  const { clips, notices } = await generate({ ...request, output }, { engine, settings, ...options });
  return { sha256: clips[0]!.sha256, notices, record: await readSidecar(clips[0]!.sidecar) };
}

it('is read once, stands in the record, and gives the same bytes from it', async () => {
  const { sha256, notices, record } = await render(cat);
  expect(notices[0]).toMatch(
    /^towers sees "a (cat|dog|penguin) (on a snowy field|in a meadow)" in the picture of like\.$/,
  );
  expect(record.request).toMatchObject({ like: picture, likeWeight: expect.any(Number) as number });
  expect(record.request.likeness).toMatch(/^(cat|dog|penguin), (snow|meadow)$/);
  const moved = join(folder, 'moved.png');
  await copyFile(picture, moved);
  const { output: _, ...request } = record.request;
  expect((await render({ ...request, like: moved })).sha256).toBe(sha256);
  expect((await render(cat)).sha256).toBe(sha256);
  expect(await readdir(join(settings.cacheFolder, 'likenesses'))).toHaveLength(1);
  const named = await render({ ...cat, prompt: 'a red cat in the snow' });
  expect(named.notices[1]).toContain('leaves nothing open');
});

it('fills what the prompt leaves open, and is weighed where it says otherwise', async () => {
  const shown = async (request: object): Promise<string> => {
    const output = join(folder, `${number++}-%02d.png`);
    const { clips } = await generate({ ...cat, ...request, output }, { engine, settings });
    return Buffer.from((await loadPicture(clips[0]!.path.replace('%02d', '05'))).data).toString('base64');
  };
  const prompt = 'a red cat jumps on a snowy field';
  const likeness = 'dog, snow';
  const filled = await shown({ likeness, likeWeight: 0 });
  expect(filled).toBe(await shown({ like: undefined, prompt }));
  expect(await shown({ likeness, likeWeight: 0, prompt })).toBe(filled);
  const mixed = [await shown({ likeness, likeWeight: 0.3 }), await shown({ likeness, likeWeight: 0.7 })];
  expect(new Set([...mixed, filled]).size).toBe(3);
});

it('fills each part of a prompt with times', async () => {
  const timed = { model: 'towers', seconds: 2, likeness: 'dog, snow', likeWeight: 0.4 };
  const { notices, record } = await render({ ...cat, ...timed, prompt: '0-1: jumps; 1-2: it walks' });
  expect(notices.join(' ')).not.toContain('leaves nothing open');
  expect(record.request).toMatchObject({ prompt: '0-1: jumps; 1-2: it walks', likeness: 'dog, snow' });
});

it('makes different jobs of different weights, and one of copies of a picture', async () => {
  const prepare = jobPreparer(settings);
  const copy = join(folder, 'copy.png');
  await copyFile(picture, copy);
  const idOf = async (more: object) => (await prepare({ ...cat, ...more }, { folder })).id;
  expect(await idOf({ like: copy })).toBe(await idOf({}));
  expect(await idOf({ likeWeight: 0.9 })).not.toBe(await idOf({}));
});

it('goes with fit, and with a first picture of models that take one', async () => {
  await writeTinyModel(join(folder, 'models', 'starts'), { masksPadding: true, towers: true, startsFromPicture: true });
  const { record } = await render({ ...cat, model: 'starts', image: picture, fit: 'contain' });
  expect(record.request).toMatchObject({ image: picture, like: picture, fit: 'contain' });
});

it('refuses models without what it needs, what is no picture, and weights without a picture', async () => {
  await expect(render({ ...cat, model: 'i2v', image: picture })).rejects.toThrow(
    /like \(=.*like\.png\) cannot be given to i2v, which has no picture tower in the space of its text tower .* Use nano/,
  );
  await expect(render({ ...cat, model: 'attends-to-all' })).rejects.toThrow(/attends to all of its text alike/);
  const text = join(folder, 'text.png');
  await writeFile(text, 'no picture');
  await expect(render({ ...cat, like: text })).rejects.toThrow(
    /like \(=.*text\.png\) cannot be read: it is no picture/,
  );
  await expect(render({ ...cat, like: join(folder, 'no.png') })).rejects.toThrow(
    /no\.png\) cannot be read: there is no/,
  );
  await expect(render({ prompt: 'a cat', model: 'towers', likeWeight: 0.3 })).rejects.toThrow(
    'likeWeight says something about like, which is missing.',
  );
  expect(() => parseRequest({ prompt: 'a cat', like: picture, likeWeight: 1.5 })).toThrow(
    'likeWeight (=1.5) must be a number from 0 to 1',
  );
});
