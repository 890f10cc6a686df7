// `tessera jobs` and `tessera worker` as people meet them: real processes that share an embedded queue.
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Job } from '../../jobs/job-record.ts';
import { Queue } from '../../jobs/queue.ts';
import { settingsIn, sharedScratch } from '../jobs/scratch.ts';
import { writeTinyModel } from '../jobs/tiny-model.ts';
import { tessera } from './program.ts';

const MINUTES = 60_000;
const folder = await sharedScratch();
let queue: Queue;
beforeAll(async () => {
  await writeTinyModel(join(folder, 'models', 'tiny'));
  queue = await Queue.open(settingsIn(folder)); // hosts the store, so that each command only has to reach it
}, 15 * MINUTES);
afterAll(() => queue.close(), 15 * MINUTES);

const submit = async (...args: readonly string[]): Promise<Job & { isNew: boolean }> => {
  const { code, stdout, stderr } = await tessera(folder, ['jobs', 'submit', ...args, '--model', 'tiny', '--json']);
  expect([code, stderr]).toEqual([0, '']);
  return JSON.parse(stdout) as Job & { isNew: boolean };
};
const jobs = async (...args: readonly string[]): Promise<unknown> => {
  const { code, stdout, stderr } = await tessera(folder, ['jobs', ...args, '--json']);
  expect([code, stderr]).toEqual([0, '']);
  return JSON.parse(stdout);
};

describe('tessera jobs and worker', { timeout: 15 * MINUTES }, () => {
  it('submit, look, render, look again', async () => {
    const job = await submit('a cat jumps', '-o', 'a.mp4', '--seed', '7');
    expect(job).toMatchObject({ state: 'waiting', isNew: true, request: { seed: 7, output: join(folder, 'a.mp4') } });
    expect(await submit('a cat jumps', '-o', 'a.mp4', '--seed', '7')).toMatchObject({ id: job.id, isNew: false });
    expect(await jobs('ls', '--state', 'waiting')).toMatchObject([{ id: job.id }]);
    const { code, stdout } = await tessera(folder, ['worker', '--drain']);
    expect(stdout).toBe(`done       ${job.id}  Done: ${join(folder, 'a.mp4')}\n`);
    expect(code).toBe(0);
    const shown = await tessera(folder, ['jobs', 'show', job.id]);
    expect(shown.stdout).toMatch(/^state +done$/m);
    expect(shown.stdout).toMatch(/^what +a cat jumps$/m);
    expect((await tessera(folder, ['jobs', 'logs', job.id])).stdout).toMatch(/Taken up by .*\n.*Done: /);
    expect((await tessera(folder, ['jobs', 'ls'])).stdout).toMatch(new RegExp(`${job.id} +done .* a cat jumps\n`));
    const record = JSON.parse(await readFile(join(folder, 'a.json'), 'utf8')) as { request: { seed: number } };
    expect(record.request.seed).toBe(7);
  });

  it('cancel, retry and clean', async () => {
    const { id } = await submit('a dog', '-o', 'b.mp4', '--priority', '1');
    expect(await jobs('cancel', id)).toMatchObject([{ id, state: 'cancelled' }]);
    expect(await jobs('ls', '--state', 'cancelled')).toMatchObject([{ id }]);
    expect(await jobs('retry', id)).toMatchObject([{ id, state: 'waiting' }]);
    await rm(join(folder, 'models', 'tiny', 'vae'), { recursive: true });
    const failed = await tessera(folder, ['worker', '--once', '--json']);
    expect(failed.code).toBe(1);
    const lines = failed.stdout.trim().split('\n').map((line) => JSON.parse(line) as { kind: string }); // prettier-ignore
    expect(lines.map(({ kind }) => kind)).toEqual(['began', 'failed', 'ended']);
    expect(await jobs('show', id)).toMatchObject({
      state: 'failed',
      attempts: { made: 1 },
      error: { code: 'MODEL_FILE' },
    });
    expect(await jobs('clean')).toContain(id);
    expect(await jobs('ls')).toEqual([]);
  });

  it.each([
    [['jobs', 'show', 'clip-x'], 'There is no job clip-x'],
    [['jobs', 'cancel', 'clip-x'], 'There is no job clip-x'],
    [['jobs', 'submit', ' '], 'prompt (=" ") is empty'],
    [['jobs', 'submit', 'a', '--priority', 'high'], 'priority (=NaN)'],
    [['jobs', 'ls', '--state', 'odd'], 'state (=odd) must be one of waiting, running'],
    [['jobs', 'clean', '--older-than', 'long'], 'older-than (=long)'],
    [['worker', '--concurrency', '0'], 'concurrency (=0)'],
  ])('answer %j with exit code 2', async (args, words) => {
    const { code, stdout, stderr } = await tessera(folder, args);
    expect(stderr).toContain(words);
    expect(stderr).not.toContain('    at ');
    expect([code, stdout]).toEqual([2, '']);
  });

  it('say that the store cannot be reached, without its password', async () => {
    for (const scheme of ['redis', 'postgres']) {
      const address = `${scheme}://me:secret@127.0.0.1:1/x`;
      const { code, stderr } = await tessera(folder, ['jobs', 'ls'], { TESSERA_QUEUE: address });
      expect(stderr).toMatch(/The queue at .*127\.0\.0\.1:1.* cannot be reached: .*\. Check that it runs/);
      expect(stderr).not.toContain('secret');
      expect(code).toBe(1);
    }
  });

  it.each([['jobs'], ['jobs', 'submit'], ['jobs', 'ls'], ['worker']])('explain themselves: %s %s', async (...args) => {
    const { code, stdout } = await tessera(folder, [...args, '--help']);
    expect(stdout).toMatch(/^Usage: tessera/);
    expect(stdout).toContain('Examples:');
    expect(code).toBe(0);
  });
});
