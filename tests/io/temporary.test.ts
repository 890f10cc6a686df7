import { spawnSync } from 'node:child_process';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { expect, it } from 'vitest';
import { removeLeftovers, temporaryBeside } from '../../io/temporary.ts';
import { scratch } from '../jobs/scratch.ts';

it('removes what a process that is no more left of an output and of its record, and nothing else', async () => {
  const folder = await scratch();
  const clip = join(folder, 'clip.mp4');
  const dead = spawnSync(process.execPath, ['-e', '']).pid;
  const leftBy = (pid: number, path: string): string =>
    temporaryBeside(path).replace(`-${process.pid}-`, () => `-${pid}-`);
  await writeFile(leftBy(dead, clip), 'half');
  await writeFile(leftBy(dead, join(folder, 'clip.json')), 'half');
  await mkdir(leftBy(dead, join(folder, 'clip')));
  const others = [temporaryBeside(clip), leftBy(dead, join(folder, 'other.mp4')), clip];
  for (const path of others) await writeFile(path, 'whole');
  await removeLeftovers(clip);
  expect((await readdir(folder)).sort()).toEqual(others.map((path) => basename(path)).sort());
  await removeLeftovers(join(folder, 'nowhere', 'clip.mp4'));
});
