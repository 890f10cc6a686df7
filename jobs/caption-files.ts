// Which videos a request means: files as they are named, what a pattern fits, and what a folder holds, at any depth.
import { stat } from 'node:fs/promises';
import { extname, resolve } from 'node:path';
import { glob, isDynamicPattern } from 'tinyglobby';
import { InvalidRequestError } from '../graph/errors.ts';

/** Endings that are taken from folders. A file that is named, or fits a pattern, may have any. */
export const videoEndings: ReadonlySet<string> = new Set(
  'mp4 m4v mov mkv webm avi gif mpg mpeg ts mts m2ts wmv asf flv ogv ogg 3gp 3g2 mxf vob y4m webp'.split(' '),
);

export const isVideoName = (path: string): boolean => videoEndings.has(extname(path).slice(1).toLowerCase());

/** Copies with captions that were made here; captioning a folder again leaves them alone. */
const isOurs = (path: string): boolean => /\.(captioned|burnt)\.\w+$/.test(path);

/** Absolute paths, each once, in the order in which they are named; those of a folder by name. @throws InvalidRequestError */
export async function findVideos(names: readonly string[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (const name of names) found.push(...(await filesOf(name)));
  return [...new Set(found)];
}

async function filesOf(name: string): Promise<readonly string[]> {
  const status = await stat(name).catch(() => undefined);
  if (status?.isDirectory() === true) return inFolder(name);
  // What is no file and no pattern is told when it is opened, as a broken file is.
  if (status !== undefined || !isDynamicPattern(name)) return [resolve(name)];
  const files = (await glob(name, { absolute: true, expandDirectories: false })).filter((path) => !isOurs(path));
  if (files.length === 0) throw new InvalidRequestError(`No file fits ${name}.`);
  return files.sort().map((path) => resolve(path));
}

async function inFolder(folder: string): Promise<readonly string[]> {
  const files = await glob('**/*', { cwd: folder, absolute: true });
  const videos = files.filter((path) => isVideoName(path) && !isOurs(path));
  if (videos.length > 0) return videos.sort().map((path) => resolve(path));
  throw new InvalidRequestError(`There are no videos in ${folder} (${[...videoEndings].slice(0, 6).join(', ')}, …).`);
}
