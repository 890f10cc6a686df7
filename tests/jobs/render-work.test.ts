// What is counted before a render is what its graphs then run, as an engine sees them.
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Engine, localEngine, type Value } from '../../graph/engine.ts';
import { findFfmpeg } from '../../io/ffmpeg.ts';
import { framesOf } from '../../io/frames.ts';
import { writeVideo } from '../../io/write-video.ts';
import { generate } from '../../jobs/generate.ts';
import { loadModel } from '../../jobs/model.ts';
import { renderWork } from '../../jobs/render-work.ts';
import type { GenerateRequest } from '../../jobs/request.ts';
import { scratch, settingsIn, sharedScratch } from './scratch.ts';
import { type TinyOptions, writeTinyModel } from './tiny-model.ts';

const folder = await sharedScratch();
const settings = settingsIn(folder);
const engine = localEngine({ threads: 1 });
const [red, blue, moving] = ['red.png', 'blue.png', 'moving.mp4'].map((name) => join(folder, name)) as [string, string, string]; // prettier-ignore
const models: Readonly<Record<string, TinyOptions>> = {
  words: { family: 'wan2.1' },
  experts: { family: 'wan2.1', boundary: 0.875 },
  i2v: { family: 'wan2.1', variant: 'i2v' },
  flf2v: { family: 'wan2.1', variant: 'flf2v' },
  vace: { family: 'wan2.1', variant: 'vace' },
  ti2v: { startsFromPicture: true },
};

beforeAll(async () => {
  for (const [name, options] of Object.entries(models)) await writeTinyModel(join(folder, 'models', name), options);
  for (const [path, background] of [
    [red, '#c02020'],
    [blue, '#2020c0'],
  ] as const)
    // prettier-ignore
    await sharp({ create: { width: 32, height: 32, channels: 3, background } }).toFile(path);
  const frames = framesOf(
    Uint8Array.from({ length: 9 * 32 * 32 * 3 }, (_, i) => (i * 5) % 256),
    9,
    32,
    32,
  );
  await writeVideo(await findFfmpeg(settings), moving, one(frames), { fps: 8 });
}, 120_000);
afterAll(() => engine.close());

async function* one<T>(value: T) {
  yield await Promise.resolve(value);
}

/** The engine, telling what each graph is fed with. */
function watched(onRun: (feeds: Readonly<Record<string, Value>>) => void): Engine {
  return {
    open: async (...asked) => {
      const session = await engine.open(...asked);
      return {
        run: (feeds, options) => {
          onRun(feeds);
          return session.run(feeds, options);
        },
        release: () => session.release(),
      };
    },
    drop: (values) => engine.drop(values),
    close: () => Promise.resolve(),
  };
}

async function count(request: Partial<GenerateRequest>) {
  const own = await scratch();
  const seen = { texts: 0, pictures: 0, encodings: [] as number[], passes: 0, decodings: 0 };
  const onRun = ({ input_ids: ids, pixels, chunk, latents, timestep }: Readonly<Record<string, Value>>): void => {
    if (ids) seen.texts++;
    if (pixels) seen.pictures += pixels.shape[0]!;
    if (chunk?.shape[1] === 3) seen.encodings.push(chunk.shape[2]!);
    else if (chunk) seen.decodings++;
    if (timestep) seen.passes += latents!.shape[0]!;
  };
  const { clips } = await generate(
    { prompt: 'a cat jumps', model: 'words', steps: 2, ...request, output: join(own, 'clip.mp4') },
    { engine: watched(onRun), settings: { ...settings, cacheFolder: own } },
  );
  const model = await loadModel(request.model ?? 'words', settings);
  return { seen, counted: renderWork(clips[0]!.render, model) };
}

it.each<Partial<GenerateRequest>>([
  {},
  { guidance: 1 },
  { prompt: '0-1: a cat; 1-2: a dog', frames: 9 },
  { seconds: 2 },
  { extend: moving, side: 'both' },
  { restyle: moving, strength: 0.5, steps: 4 },
  { model: 'experts', steps: 8, guidanceLow: 1 },
  { model: 'experts', steps: 8, guidance: 1, guidanceLow: 3 },
  { model: 'i2v', image: red },
  { model: 'flf2v', image: red, last: blue },
  { model: 'vace', control: moving, reference: [red, blue] },
  { model: 'ti2v', image: red, last: blue, frames: 9 },
])('counts what runs: %j', { timeout: 120_000 }, async (request) => {
  const { seen, counted } = await count(request);
  const { passes, encodings, ...rest } = counted;
  expect({ ...rest, encodings: encodings.toSorted(), passes: passes.most }).toEqual({
    ...seen,
    encodings: seen.encodings.toSorted(),
  });
  expect(passes.least).toBe(passes.most);
});

it('says between what fast leaves the passes', { timeout: 120_000 }, async () => {
  const { seen, counted } = await count({ steps: 20, fast: true });
  expect(counted.passes.least).toBeGreaterThan(10);
  expect(counted.passes.most).toBeLessThan(40);
  expect(seen.passes).toBeGreaterThanOrEqual(counted.passes.least);
  expect(seen.passes).toBeLessThanOrEqual(counted.passes.most);
  const few = await count({ steps: 5, fast: true });
  expect(few.counted.passes).toEqual({ least: few.seen.passes, most: few.seen.passes });
});
