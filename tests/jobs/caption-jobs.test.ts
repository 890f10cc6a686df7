// Captions as jobs of the queue: what was accepted is looked at once, whatever happens on the way. Real processes and signals; a
// stub endpoint counts the pictures that it is shown.
import { appendFile, copyFile, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { caption } from '../../jobs/caption.ts';
import type { CaptionRequest } from '../../jobs/caption-request.ts';
import { Queue } from '../../jobs/queue.ts';
import { Worker } from '../../jobs/worker.ts';
import { start } from '../cli/program.ts';
import { writeColours } from '../understanding/clips.ts';
import { type Stub, stubEndpoint } from '../understanding/stub-endpoint.ts';
import { settingsIn, sharedScratch } from './scratch.ts';
import { until } from './until.ts';

const MINUTES = 60_000;
const PICTURES = 8;
const folder = await sharedScratch();
const film = join(folder, 'film.mp4');
const settings = settingsIn(folder);
let queue: Queue;
beforeAll(async () => {
  await writeColours(film, ['red', 'red', 'red', 'blue', 'blue', 'blue', 'white', 'white']);
  queue = await Queue.open(settings);
}, 15 * MINUTES);
afterAll(() => queue.close(), 15 * MINUTES);

/** A film of its own for a test, an endpoint that is slow enough to be met in the middle, and a request for both. */
async function setUp(name: string): Promise<{ video: string; stub: Stub; request: CaptionRequest }> {
  const video = join(folder, `${name}.mp4`);
  await copyFile(film, video);
  await appendFile(video, name); // films of other bytes are other jobs; what stands behind the end of an mp4 is not read
  const stub = await stubEndpoint();
  stub.answer = ({ picture }) => `A picture of ${picture.length} bytes.`;
  stub.delayMs = 300;
  return { video, stub, request: { videos: [video], captioner: `openai:${stub.url}`, concurrency: 1, retries: 0 } };
}
const submit = async (request: CaptionRequest) => (await queue.submitCaptions(request)).submitted[0]!;
const work = async () => (await Worker.start({ settings, until: 'drained' })).ended;
const read = (name: string): Promise<string> => readFile(join(folder, name), 'utf8');
const lookedAt = async (id: string): Promise<number> => {
  const { progress } = await queue.need(id);
  return progress?.stage === 'look' ? progress.step : 0;
};

describe('captions as jobs', { timeout: 20 * MINUTES }, () => {
  it('are made once, and the same as without a queue', async () => {
    const { stub, request } = await setUp('once');
    stub.delayMs = 0;
    const { job, isNew } = await submit(request);
    expect(isNew).toBe(true);
    expect(job).toMatchObject({ kind: 'caption', state: 'waiting', caption: request });
    expect(await submit(request)).toMatchObject({ job: { id: job.id }, isNew: false });
    expect(await work()).toMatchObject({ done: 1 });
    const files = ['vtt', 'captions.json'].map((ending) => join(folder, `once.${ending}`));
    const done = await queue.need(job.id);
    expect(done).toMatchObject({ state: 'done', result: { files, captioner: request.captioner, durationSeconds: 8 } });
    expect((await queue.logs(job.id)).join('\n')).toContain(`Done: ${files.join(', ')}`);
    const there = await Promise.all(files.map((path) => readFile(path, 'utf8')));
    const alone = { ...request, folder: join(folder, 'alone') };
    await caption(alone, { settings: { ...settings, cacheFolder: join(folder, 'elsewhere') } });
    expect(await Promise.all(['once.vtt', 'once.captions.json'].map((name) => read(`alone/${name}`)))).toEqual(there);
    expect(stub.questions).toHaveLength(2 * PICTURES);
    // Done is done; what is gone is written again, from what was seen.
    expect((await submit(request)).job.state).toBe('done');
    await rm(files[0]!);
    expect((await submit({ ...request, overwrite: true })).job).toMatchObject({ id: job.id, state: 'waiting' });
    await work();
    expect(await read('once.vtt')).toBe(there[0]);
    expect(stub.questions).toHaveLength(2 * PICTURES);
  });

  it('are refused at once where that can be known', async () => {
    const { video, request } = await setUp('refused');
    const before = await queue.counts();
    const refused = (part: Partial<CaptionRequest>) => expect(submit({ ...request, ...part })).rejects;
    await refused({ videos: [join(folder, 'nothing.mp4')] }).toThrow(/no such file/);
    await refused({ captioner: 'nobody' }).toThrow(/no captioner nobody/);
    await refused({ captioner: 'detector', prompt: 'x' }).toThrow(/takes no prompt/);
    await refused({ speech: 'loud' }).toThrow(/must be hf:/);
    await writeFile(join(folder, 'refused.vtt'), 'mine');
    await refused({}).toThrow(/exists already/);
    await writeFile(join(folder, 'broken.mp4'), 'nothing');
    expect(await queue.counts()).toEqual(before);
    const some = await queue.submitCaptions({
      ...request,
      videos: [video, join(folder, 'broken.mp4')],
      overwrite: true,
    });
    expect(some.failed).toMatchObject([{ video: join(folder, 'broken.mp4'), error: { code: 'INVALID_REQUEST' } }]);
    await appendFile(video, 'changed');
    await work();
    const { state, error } = await queue.need(some.submitted[0]!.job.id);
    expect({ state, message: error?.message }).toEqual({ state: 'failed', message: expect.stringMatching(/not the film/) as string }); // prettier-ignore
    expect(await read('refused.vtt')).toBe('mine');
  });

  it('can be cancelled while they are made, and taken up again from there', async () => {
    const { stub, request } = await setUp('cancelled');
    const { job } = await submit(request);
    const working = work();
    await until('some is looked at', async () => (await lookedAt(job.id)) >= 2);
    await queue.cancel(job.id);
    expect(await working).toMatchObject({ cancelled: 1, done: 0 });
    expect(await queue.need(job.id)).toMatchObject({ state: 'cancelled', error: { code: 'CANCELLED' } });
    expect((await readdir(folder)).filter((name) => name.startsWith('cancelled.'))).toEqual(['cancelled.mp4']);
    await queue.retry(job.id);
    await work();
    expect((await queue.need(job.id)).state).toBe('done');
    // A question that was under way when it was cancelled is asked again.
    expect(stub.questions.length).toBeLessThanOrEqual(PICTURES + 1);
  });

  it.each(['SIGTERM', 'SIGKILL'] as const)('go on where they were when their worker gets %s', async (signal) => {
    const { stub, request } = await setUp(signal);
    const { job } = await submit(request);
    const worker = start(folder, ['worker', '--lost-after', '3', '--json']);
    await until('some is looked at', async () => (await lookedAt(job.id)) >= 3);
    worker.process.kill(signal);
    const { stdout } = await worker.ended;
    if (signal === 'SIGTERM') {
      expect(stdout).toContain('"kind":"returned"');
      expect(await queue.need(job.id)).toMatchObject({ state: 'waiting', attempts: { made: 0 } });
    }
    const next = await Worker.start({ settings, until: 'drained', lockMs: 3000 });
    expect(await next.ended).toMatchObject({ done: 1, failed: 0 });
    expect(stub.questions.length).toBeLessThanOrEqual(PICTURES + 2);
    const record = JSON.parse(await read(`${signal}.captions.json`)) as { captions: { start: number }[] };
    expect(record.captions.map(({ start: at }) => at)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect((await readdir(folder)).filter((name) => name.startsWith(signal)).sort()).toEqual([
      `${signal}.captions.json`,
      `${signal}.mp4`,
      `${signal}.vtt`,
    ]);
  });
});
