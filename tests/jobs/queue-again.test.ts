// What is asked for again, on each of the three stores: what failed, what was cancelled, what was discarded.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { RenderResult } from '../../jobs/job-record.ts';
import type { Queue } from '../../jobs/queue.ts';
import type { GenerateRequest } from '../../jobs/request.ts';
import type { Settings } from '../../jobs/settings.ts';
import { checksum } from '../../jobs/sidecar.ts';
import { Worker, type WorkerSummary } from '../../jobs/worker.ts';
import { sharedScratch } from './scratch.ts';
import { openStoreQueue, storeKinds, type TestStore } from './stores.ts';
import { writeTinyModel } from './tiny-model.ts';
import { until } from './until.ts';

const shared = await sharedScratch();
const MINUTES = 60_000;
beforeAll(() => writeTinyModel(join(shared, 'models', 'tiny')));

describe.each(storeKinds)('a job that is asked for again, in %s', { timeout: 15 * MINUTES }, (kind) => {
  const folder = join(shared, kind);
  let store: TestStore;
  let settings: Settings;
  let queue: Queue;
  let number = 0;

  beforeAll(async () => {
    ({ store, settings, queue } = await openStoreQueue(kind, folder, join(shared, 'models')));
  }, 15 * MINUTES);

  afterAll(async () => {
    await queue.close();
    await store.close();
  }, 15 * MINUTES);

  /** A request that was not made before. */
  const request = (): GenerateRequest & { readonly output: string } => {
    const seed = number++;
    return { prompt: 'a cat', model: 'tiny', seed, output: join(folder, `clip-${seed}.mp4`) };
  };
  const work = async (): Promise<WorkerSummary> =>
    (await Worker.start({ settings, until: 'drained', lockMs: 300_000 })).ended;

  it('is done as it was asked for last', async () => {
    const asked = request();
    const { job } = await queue.submit(asked);
    await writeFile(asked.output, 'mine');
    expect(await work()).toMatchObject({ failed: 1 });
    expect(await queue.need(job.id)).toMatchObject({ state: 'failed', request: { overwrite: false } });
    expect(await readFile(asked.output, 'utf8')).toBe('mine');
    const again = await queue.submit({ ...asked, overwrite: true }, { priority: 7, attempts: 5 });
    expect(again).toMatchObject({ isNew: false, job: { id: job.id, state: 'waiting', priority: 7, attempts: { most: 5 }, request: { overwrite: true } } }); // prettier-ignore
    // What was asked last outlives a cancellation.
    await queue.cancel(job.id);
    expect(await queue.retry(job.id)).toMatchObject({ state: 'waiting', priority: 7, attempts: { most: 5 } });
    const first = await queue.submit(request(), { priority: 6 });
    const last = await queue.submit(request(), { priority: 8 });
    const waiting = await queue.list({ state: 'waiting' });
    expect(waiting.map(({ id }) => id)).toEqual([first.job.id, job.id, last.job.id]);
    expect(await work()).toMatchObject({ done: 3, failed: 0 });
    const { state, result } = await queue.need(job.id);
    expect(state).toBe('done');
    expect(await checksum(asked.output)).toBe((result as RenderResult).clips[0]!.sha256);
  });

  it('leaves nothing behind when it is discarded, though its worker is done before it looks', async () => {
    const asked = { ...request(), steps: 1000, frames: 33 };
    const { job } = await queue.submit(asked);
    vi.useFakeTimers({ toFake: ['setInterval'] }); // the worker does not look for cancellations
    onTestFinished(() => void vi.useRealTimers());
    const working = work();
    await until('it samples', async () => (await queue.need(job.id)).progress?.stage === 'steps');
    await queue.discard(job.id);
    expect(await working).toMatchObject({ done: 0, cancelled: 1 });
    expect(await queue.need(job.id)).toMatchObject({ state: 'cancelled', error: { code: 'CANCELLED' } });
    expect((await readdir(folder)).filter((name) => name.includes(basename(asked.output, '.mp4')))).toEqual([]);
    // Asked for again, it is wanted again.
    expect((await queue.submit({ ...asked, steps: 1000 })).job).toMatchObject({ id: job.id, state: 'waiting' });
    expect(await work()).toMatchObject({ done: 1 });
    await queue.discard(job.id);
    expect((await queue.need(job.id)).state).toBe('done');
    expect(await checksum(asked.output)).toBeDefined();
  });

  it('is rendered in a batch that was cancelled just before', async () => {
    const both = [request(), request()];
    const batch = await queue.submitBatch(both, 'two clips');
    expect(await queue.cancel(batch.id)).toMatchObject({ state: 'cancelled' });
    const again = await queue.submitBatch(both, 'two clips');
    expect(again).toMatchObject({ id: `${batch.id}-2`, state: 'waiting', batch: batch.batch });
    expect((await queue.submitBatch(both, 'two clips')).id).toBe(again.id);
    await work();
    expect(await queue.need(again.id)).toMatchObject({ state: 'done', result: { jobs: 2, succeeded: 2, failed: 0 } });
    expect(await queue.need(batch.id)).toMatchObject({ state: 'cancelled' });
    for (const { output } of both) expect(await checksum(output)).toBeDefined();
  });
});
