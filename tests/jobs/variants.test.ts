// Wan's published variants through the whole path, each a checkpoint of its true layout and tiny shapes: image to video, first
// and last frame, VACE, TI2V, two experts. What is shown must be seen in the clip; what does not fit is refused by name.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { localEngine } from '../../graph/engine.ts';
import { findFfmpeg } from '../../io/ffmpeg.ts';
import { framesOf } from '../../io/frames.ts';
import { writeVideo } from '../../io/write-video.ts';
import { generate } from '../../jobs/generate.ts';
import type { GenerateRequest } from '../../jobs/request.ts';
import { readSidecar } from '../../jobs/sidecar.ts';
import { verifyModel } from '../../jobs/verify-model.ts';
import { settingsIn, sharedScratch } from './scratch.ts';
import { type TinyOptions, writeTinyModel } from './tiny-model.ts';

const folder = await sharedScratch();
const settings = settingsIn(folder);
const engine = localEngine({ threads: 1 });
const file = (name: string): string => join(folder, name);
const models: Readonly<Record<string, TinyOptions>> = {
  i2v: { family: 'wan2.1', variant: 'i2v' },
  flf2v: { family: 'wan2.1', variant: 'flf2v' },
  'i2v-a14b': { family: 'wan2.1', variant: 'i2v-a14b', boundary: 0.9 },
  't2v-a14b': { family: 'wan2.1', boundary: 0.875 },
  ti2v: { startsFromPicture: true },
  vace: { family: 'wan2.1', variant: 'vace' },
};

beforeAll(async () => {
  for (const [name, options] of Object.entries(models)) await writeTinyModel(join(folder, 'models', name), options);
  for (const [name, background] of [
    ['red', '#c02020'],
    ['blue', '#2020c0'],
    ['mask', '#ffffff'],
  ] as const)
    // prettier-ignore
    await sharp({ create: { width: 40, height: 32, channels: 3, background } })
      .png()
      .toFile(file(`${name}.png`));
  const moving = Uint8Array.from({ length: 5 * 32 * 32 * 3 }, (_, i) => (i * 5) % 256);
  await writeVideo(await findFfmpeg(settings), file('moving.mp4'), one(framesOf(moving, 5, 32, 32)), { fps: 8 });
}, 120_000);
afterAll(() => engine.close());

async function* one<T>(value: T) {
  yield await Promise.resolve(value);
}

let number = 0;
async function render(request: Partial<GenerateRequest>) {
  const output = file(`${number++}.mp4`);
  const full = { prompt: 'a cat jumps', steps: 2, ...request, output };
  const { clips } = await generate(full, { engine, settings });
  return { clip: clips[0]!, sum: clips[0]!.sha256 };
}
const [red, blue, mask, moving] = ['red.png', 'blue.png', 'mask.png', 'moving.mp4'].map(file) as [string, string, string, string]; // prettier-ignore

describe('variants of Wan', { timeout: 300_000 }, () => {
  it.each(Object.keys(models))('%s has every tensor that its definition asks for', async (name) => {
    expect((await verifyModel(join(folder, 'models', name), settings)).problems).toEqual([]);
  });

  it.each<[string, Partial<GenerateRequest>, Partial<GenerateRequest>]>([
    ['i2v', { image: red }, { image: blue }],
    ['flf2v', { image: red, last: red }, { image: red, last: blue }],
    ['i2v-a14b', { image: red, last: red }, { image: red, last: blue }],
    ['t2v-a14b', {}, { guidanceLow: 1 }],
    ['ti2v', { image: red }, { image: blue }],
    ['vace', {}, { image: red }],
    ['vace', { control: moving }, { control: moving, mask }],
    ['vace', { reference: [red] }, { reference: [red, blue] }],
  ])('%s shows what it is given: %j', async (model, request, other) => {
    const first = await render({ model, ...request });
    expect(first.clip).toMatchObject({ width: 32, height: 32, frames: 5 });
    expect((await render({ model, ...other })).sum).not.toBe(first.sum);
    const { request: recorded } = await readSidecar(first.clip.sidecar);
    expect((await render(recorded)).sum).toBe(first.sum);
  });

  it.each<[string, Partial<GenerateRequest>, string]>([
    ['i2v', {}, 'i2v starts from a picture'],
    ['flf2v', { image: red }, 'Give it both: --image and --last'],
    ['i2v', { image: red, last: blue }, 'taught with a first picture alone'],
    ['ti2v', { control: moving }, 'takes image'],
    ['t2v-a14b', { image: red }, 'was taught to start from text'],
    ['i2v', { image: red, prompt: '0-4: a cat; 4-8: a dog' }, 'seconds (=8) of more than a clip'],
    ['vace', { mask }, 'there is no control'],
    ['vace', { reference: [file('gone.png')] }, 'there is no such file'],
  ])('%s with %j is refused', async (model, request, message) => {
    await expect(render({ model, ...request })).rejects.toThrow(message);
  });

  it('refuses another file in the place of one that was asked for', async () => {
    const path = file('copy.png');
    await sharp(red).toFile(path);
    const { request } = await readSidecar((await render({ model: 'vace', reference: [path] })).clip.sidecar);
    await writeFile(path, await sharp(blue).png().toBuffer());
    await expect(render(request)).rejects.toThrow('is another file than the one that was asked for');
  });
});
