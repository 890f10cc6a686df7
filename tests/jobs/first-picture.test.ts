// Clips that start from a picture.
import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openAutoencoder } from '../../compressor/open-autoencoder.ts';
import { localEngine } from '../../graph/engine.ts';
import { framesToTensor, tensorToFrames } from '../../io/frames.ts';
import { loadPicture } from '../../io/pictures.ts';
import { generate, type GenerateOptions } from '../../jobs/generate.ts';
import { loadModel } from '../../jobs/model.ts';
import { jobPreparer } from '../../jobs/prepare-job.ts';
import { readSidecar } from '../../jobs/sidecar.ts';
import { sharedScratch, settingsIn } from './scratch.ts';
import { writeTinyModel } from './tiny-model.ts';

const folder = await sharedScratch();
const settings = settingsIn(folder);
const engine = localEngine({ threads: 1 });
const picture = join(folder, 'first.png');
const wide = join(folder, 'wide.jpg');
const cat = { prompt: 'a cat jumps', model: 'starts', image: picture } as const;

beforeAll(async () => {
  await writeTinyModel(join(folder, 'models', 'starts'), { startsFromPicture: true });
  await writeTinyModel(join(folder, 'models', 'text-only'));
  const gradient = Buffer.from(Array.from({ length: 48 * 48 * 3 }, (_, i) => (i * 7) % 256));
  const raw = { width: 48, height: 48, channels: 3 } as const;
  await sharp(gradient, { raw }).png().toFile(picture);
  await sharp(gradient, { raw }).resize(96, 32, { fit: 'fill' }).withExif({ IFD0: { Orientation: '6' } }).toFile(wide); // prettier-ignore
});
afterAll(() => engine.close());

let number = 0;
const render = (request: Parameters<typeof generate>[0], options: GenerateOptions = {}) =>
  generate({ ...request, output: join(folder, `${number++}-%02d.png`) }, { engine, settings, ...options });

it('begins with the picture as the autoencoder keeps it, and goes on by the prompt', async () => {
  const { clips } = await render(cat);
  const { autoencoder: model } = await loadModel('starts', settings);
  const autoencoder = openAutoencoder(engine, model);
  const fitted = await loadPicture(picture, { width: 32, height: 32 });
  const { mean } = await autoencoder.encode(framesToTensor(fitted));
  const expected = tensorToFrames(await autoencoder.decode(mean));
  const first = await loadPicture(clips[0]!.path.replace('%02d', '01'));
  const differences = first.data.map((value, i) => Math.abs(value - expected.data[i]!));
  expect(Math.max(...differences)).toBeLessThanOrEqual(1); // of rounding
  const last = await loadPicture(clips[0]!.path.replace('%02d', '05'));
  expect(last.data).not.toEqual(first.data);
  await autoencoder.close();
});

it('renders the same bytes from the record, wherever the picture lies by then, and refuses another in its place', async () => {
  const output = join(folder, 'clip.mp4');
  const { clips } = await generate({ ...cat, output }, { engine, settings });
  const { request } = await readSidecar(join(folder, 'clip.json'));
  expect(request).toMatchObject({ image: picture, fit: 'cover' });
  const moved = join(folder, 'moved.png');
  await copyFile(picture, moved);
  const again = await generate({ ...request, image: moved, output: join(folder, 'again.mp4') }, { engine, settings });
  expect(again.clips[0]!.sha256).toBe(clips[0]!.sha256);
  await expect(render({ ...request, image: wide })).rejects.toThrow(/image \(=.*wide\.jpg\) is another picture/);
});

it('makes different jobs of different pictures, and one of copies of a picture', async () => {
  const prepare = jobPreparer(settings);
  const copy = join(folder, 'copy.png');
  await copyFile(picture, copy);
  const ids = await Promise.all([picture, copy, wide].map(async (image) => (await prepare({ ...cat, image }, { folder })).id)); // prettier-ignore
  expect(ids[0]).toBe(ids[1]);
  expect(ids[0]).not.toBe(ids[2]);
  const contained = await prepare({ ...cat, fit: 'contain' }, { folder });
  expect(contained.id).not.toBe(ids[0]);
});

it('takes pictures of other shapes and orientations, fitted as asked', async () => {
  const starts = await Promise.all(
    (['cover', 'contain', 'stretch'] as const).map(async (fit) => {
      const { clips } = await render({ ...cat, image: wide, fit, steps: 1, frames: 1 });
      return Buffer.from((await loadPicture(clips[0]!.path.replace('%02d', '01'))).data).toString('base64');
    }),
  );
  expect(new Set(starts).size).toBe(3);
});

it('refuses what is no picture, what is not there, and models that start from text', async () => {
  const text = join(folder, 'text.png');
  await writeFile(text, 'no picture');
  await expect(render({ ...cat, image: text })).rejects.toThrow(
    /image \(=.*text\.png\) cannot be read: it is no picture/,
  );
  const nowhere = join(folder, 'nowhere.png');
  await expect(render({ ...cat, image: nowhere })).rejects.toThrow(
    /nowhere\.png\) cannot be read: there is no such file/,
  );
  await expect(render({ ...cat, model: 'text-only' })).rejects.toThrow(/cannot be given to text-only/);
  await expect(render({ prompt: 'a cat', model: 'starts', fit: 'contain' })).rejects.toThrow(
    /fit \(=contain\) says how/,
  );
});
