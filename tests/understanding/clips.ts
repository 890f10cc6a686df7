// Makes films for the tests with ffmpeg.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { findFfmpeg } from '../../io/ffmpeg.ts';

export const tools = await findFfmpeg();

export async function ffmpeg(...args: readonly string[]): Promise<void> {
  await promisify(execFile)(tools.ffmpeg.path, ['-v', 'error', '-y', ...args]);
}

/** Plain colours, a second each, with hard cuts between them. */
export async function writeColours(path: string, colours: readonly string[], size = '160x120'): Promise<void> {
  const inputs = colours.flatMap((colour) => ['-f', 'lavfi', '-i', `color=${colour}:s=${size}:r=10:d=1`]);
  const filter = `${colours.map((_, i) => `[${i}]`).join('')}concat=n=${colours.length}`;
  await ffmpeg(...inputs, '-filter_complex', filter, '-pix_fmt', 'yuv420p', path);
}
