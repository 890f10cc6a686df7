// A film of three colours, a folder with a copy of it, and a stub server that looks at pictures in no time.
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll } from 'vitest';
import {
  caption,
  type CaptionedVideo,
  type CaptionOptions,
  type CaptionResult,
  hasFailed,
} from '../../jobs/caption.ts';
import type { CaptionRequest } from '../../jobs/caption-request.ts';
import { writeColours } from '../understanding/clips.ts';
import { stubEndpoint } from '../understanding/stub-endpoint.ts';
import { writeTinyListener } from '../understanding/tiny-hub-models.ts';
import { scratch, settingsIn, sharedScratch } from './scratch.ts';

const media = await sharedScratch();
export const film = join(media, 'film.mp4');

beforeAll(async () => {
  await writeColours(film, ['red', 'red', 'red', 'blue', 'blue', 'blue', 'white', 'white']);
  await writeTinyListener(join(media, 'models', 'listener'));
});

/** A folder with a copy of the film, and a way to caption in it. */
export async function setUp(name = 'film.mp4') {
  const folder = await scratch();
  const stub = await stubEndpoint();
  const video = join(folder, name);
  await copyFile(film, video);
  const settings = { ...settingsIn(folder), modelFolders: [join(media, 'models')] };
  const run = (request: Partial<CaptionRequest> = {}, options: CaptionOptions = {}): Promise<CaptionResult> =>
    caption({ videos: [video], captioner: `openai:${stub.url}`, retries: 0, ...request }, { settings, ...options });
  return { folder, stub, video, run, settings };
}

/** The one video that was captioned. */
export const only = ({ videos: [video] }: CaptionResult): CaptionedVideo => {
  if (video === undefined || hasFailed(video)) throw new Error('It failed.');
  return video;
};
