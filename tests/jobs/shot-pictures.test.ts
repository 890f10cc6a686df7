// Pictures of shots that lie where a film has few of them.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadPicture } from '../../io/pictures.ts';
import { shotPicture } from '../../jobs/shot-pictures.ts';
import { ffmpeg } from '../understanding/clips.ts';
import { settingsIn, sharedScratch } from './scratch.ts';

const folder = await sharedScratch();
const settings = settingsIn(folder);
const film = join(folder, 'slides.mp4');
const shot = { film, copies: [], caption: '', said: '', score: 1, by: [] };

test('a shot has a picture where its middle lies behind the last one of the film', async () => {
  const colours = ['red', 'red', 'lime'].flatMap((colour) => ['-f', 'lavfi', '-i', `color=${colour}:s=64x48:r=1:d=1`]);
  await ffmpeg(...colours, '-filter_complex', '[0][1][2]concat=n=3', '-pix_fmt', 'yuv420p', film);
  const picture = await shotPicture({ ...shot, id: 'last', start: 2, end: 3 }, settings);
  const { data } = await loadPicture(picture!);
  expect([data[0]! < 60, data[1]! > 200]).toEqual([true, true]);
  expect(await shotPicture({ ...shot, id: 'behind', start: 5, end: 6 }, settings)).toBeUndefined();
});
