// Small pictures of shots for those who search: the middle of each, drawn when it is first asked for and kept in the cache.
import { mkdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { InvalidRequestError, TesseraError } from '../graph/errors.ts';
import { findFfmpeg } from '../io/ffmpeg.ts';
import type { Frames } from '../io/frames.ts';
import { isPictureFile } from '../io/picture-kind.ts';
import { loadPicture, savePicture } from '../io/pictures.ts';
import { probeVideo } from '../io/probe-video.ts';
import { readVideo } from '../io/read-video.ts';
import type { SearchHit } from './search.ts';
import type { Settings } from './settings.ts';

const WIDTH = 320;

/** The path of a PNG, or undefined where the film is gone or cannot be read. */
export async function shotPicture(shot: SearchHit, settings: Settings): Promise<string | undefined> {
  const target = join(settings.cacheFolder, 'shots', `${shot.id}.png`);
  if (await stat(target).then(() => true, () => false)) return target; // prettier-ignore
  try {
    const picture = await middleOf(shot, settings);
    if (picture === undefined) return undefined;
    await mkdir(dirname(target), { recursive: true });
    await savePicture(target, picture, { overwrite: true });
    return target;
  } catch (error) {
    if (error instanceof TesseraError || (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function middleOf({ film, start, end }: SearchHit, settings: Settings): Promise<Frames | undefined> {
  if (await isPictureFile(film)) return loadPicture(film, { width: WIDTH });
  const tools = await findFfmpeg(settings);
  const info = await probeVideo(tools, film);
  const frameAt = async (startSeconds: number): Promise<Frames | undefined> => {
    const options = { width: Math.min(WIDTH, info.width), startSeconds, maxFrames: 1 };
    for await (const frame of readVideo(tools, info, options)) return frame;
    return undefined;
  };
  // Behind the last picture of a film is none, and that one may be shown for long.
  return frameAt((start + end) / 2).catch((error: unknown) => {
    if (error instanceof InvalidRequestError) return frameAt(start);
    throw error;
  });
}
