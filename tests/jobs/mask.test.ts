// Masks of restyled videos: pictures and videos of any size, in lossy formats too, and those that say nothing.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { localEngine } from '../../graph/engine.ts';
import { collectFrames } from '../../io/frames.ts';
import { readVideo } from '../../io/read-video.ts';
import { generate } from '../../jobs/generate.ts';
import { ffmpeg, tools } from '../understanding/clips.ts';
import { settingsIn, sharedScratch } from './scratch.ts';
import { writeTinyModel } from './tiny-model.ts';

const folder = await sharedScratch();
const settings = settingsIn(folder);
const engine = localEngine({ threads: 1 });
const restyle = join(folder, 'film.mp4');
const FRAMES = 13;

/** The left and the right half of a clip. */
type Halves = readonly [number[], number[]];
const halvesOf = (data: Uint8Array): Halves => {
  const half = (side: number): number[] => [...data].filter((_, i) => Math.floor(i / 48) % 2 === side);
  return [half(0), half(1)];
};
let given: Halves;

beforeAll(async () => {
  await writeTinyModel(join(folder, 'models', 'tiny'), { startsFromPicture: true });
  await ffmpeg('-f', 'lavfi', '-i', 'testsrc=s=32x32:r=8:d=2', '-pix_fmt', 'yuv420p', restyle);
  const film = await collectFrames(readVideo(tools, restyle, { width: 32, height: 32, fps: 8 }));
  given = halvesOf(film.data.subarray(0, FRAMES * 3072));
});
afterAll(() => engine.close());

let number = 0;
async function paint(mask: string): Promise<{ halves: Halves; notices: readonly string[] }> {
  const name = `${number++}-`;
  const wish = { prompt: 'a cat', model: 'tiny', restyle, mask, frames: FRAMES, steps: 2, guidance: 1 };
  const { notices } = await generate({ ...wish, output: join(folder, `${name}%02d.png`) }, { engine, settings });
  const names = (await readdir(folder)).filter((file) => file.startsWith(name) && file.endsWith('.png')).sort();
  const frames = await Promise.all(names.map((file) => sharp(join(folder, file)).removeAlpha().raw().toBuffer()));
  return { halves: halvesOf(Buffer.concat(frames)), notices };
}

/** A mask of two levels, left and right. */
async function drawMask(name: string, [left, right]: readonly [number, number], size = 32): Promise<string> {
  const path = join(folder, name);
  const raw = { width: size, height: size, channels: 1 } as const;
  const levels = Uint8Array.from({ length: size * size }, (_, i) => (i % size < size / 2 ? left : right));
  await sharp(levels, { raw }).toFile(path);
  return path;
}

it.each<[string, () => Promise<string>]>([
  ['a picture', () => drawMask('mask.png', [0, 255])],
  ['a larger picture', () => drawMask('large.png', [0, 255], 96)],
  ['one that is nearly black and white', () => drawMask('nearly.png', [5, 251])],
  [
    'a video of another size',
    async () => {
      const path = join(folder, 'mask.mp4');
      await ffmpeg('-loop', '1', '-i', await drawMask('half.png', [0, 255], 64), '-t', '1', '-r', '5', '-crf', '30', '-pix_fmt', 'yuv420p', path); // prettier-ignore
      return path;
    },
  ],
])('keeps what is black in %s', async (_, draw) => {
  const { halves, notices } = await paint(await draw());
  expect(notices).toEqual([]);
  expect(halves[0].filter((value, i) => value !== given[0][i]).length).toBeLessThan(0.1 * given[0].length); // at the edge
  expect(halves[0].slice(0, 24)).toEqual(given[0].slice(0, 24));
  expect(halves[1]).not.toEqual(given[1]);
});

it('says so where a mask is black or white all over', async () => {
  const black = await paint(await drawMask('black.png', [3, 0]));
  expect(black.notices).toEqual([expect.stringMatching(/black all over: nothing is made anew/)]);
  expect(black.halves).toEqual(given);
  const white = join(folder, 'white.mp4');
  await ffmpeg('-f', 'lavfi', '-i', 'color=white:s=48x48:r=8:d=1', '-pix_fmt', 'yuv420p', white);
  const whole = await paint(white);
  expect(whole.notices).toEqual([expect.stringMatching(/white all over: everything is made anew/)]);
  expect(whole.halves[0]).not.toEqual(given[0]);
});
