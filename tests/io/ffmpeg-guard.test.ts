// A process that is killed while ffmpeg works for it leaves none behind.
import { spawn } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { childrenOf, hold, isRunning } from '../jobs/processes.ts';
import { scratch } from '../jobs/scratch.ts';
import { until } from '../jobs/until.ts';
import { ffmpeg } from '../understanding/clips.ts';

const MINUTES = 60_000;
const root = join(import.meta.dirname, '..', '..');

describe('ffmpeg', { timeout: 10 * MINUTES }, () => {
  it.each(['burnSubtitles', 'muxSubtitles'])('ends with the process that %s was called in', async (put) => {
    const folder = await scratch();
    const [video, srt] = [join(folder, 'film.mp4'), join(folder, 'film.srt')];
    await ffmpeg('-f', 'lavfi', '-i', 'testsrc=s=320x240:r=25:d=60', '-preset', 'ultrafast', video);
    writeFileSync(srt, '1\n00:00:00,000 --> 00:01:00,000\nwords\n');
    const source = `
      import { findFfmpeg } from '${root}/io/ffmpeg.ts';
      import { ${put} } from '${root}/io/subtitled-video.ts';
      const [video, srt, output] = process.argv.slice(2);
      const tools = await findFfmpeg();
      for (;;) await ${put}(tools, { video, srt, output }, { overwrite: true });
    `;
    const script = join(folder, 'put.mts');
    writeFileSync(script, source);
    const loader = join(root, 'node_modules/tsx/dist/esm/index.mjs');
    const args = ['--import', loader, script, video, srt, join(folder, 'out.mkv')];
    const starter = spawn(process.execPath, args, { stdio: 'inherit' });
    onTestFinished(() => void starter.kill('SIGKILL'));
    const isWriting = (): boolean => readdirSync(folder).some((name) => name.startsWith('.'));
    const looking = (): Promise<number | false | undefined> => Promise.resolve(isWriting() && childrenOf(starter.pid!, `file:${video}`)[0]); // prettier-ignore
    const working = await until('ffmpeg works', looking, 2);
    hold(working); // it does not end by itself
    starter.kill('SIGKILL');
    await until('it is gone', () => Promise.resolve(!isRunning(working)));
    expect(isRunning(working)).toBe(false);
  });
});
