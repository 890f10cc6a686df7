// The queue and its workers on each of the three stores: what is asked for is rendered once, whatever happens on the way.
import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { localEngine } from '../../graph/engine.ts';
import { tensor } from '../../graph/tensor.ts';
import { writeSafetensors } from '../../io/safetensors.ts';
import { generate } from '../../jobs/generate.ts';
import type { RenderResult } from '../../jobs/job-record.ts';
import { Queue } from '../../jobs/queue.ts';
import type { GenerateRequest } from '../../jobs/request.ts';
import type { Settings } from '../../jobs/settings.ts';
import { checksum } from '../../jobs/sidecar.ts';
import { Worker, type WorkerEvent } from '../../jobs/worker.ts';
import { enginesOf } from './processes.ts';
import { sharedScratch } from './scratch.ts';
import { openStoreQueue, storeKinds, type TestStore } from './stores.ts';
import { writeTinyModel } from './tiny-model.ts';
import { until } from './until.ts';

const shared = await sharedScratch();
const engine = localEngine({ threads: 1 });
const LONG = 1000;
const MINUTES = 60_000;
beforeAll(() => writeTinyModel(join(shared, 'models', 'tiny')));
afterAll(() => engine.close());

/** What the queue must give: the bytes of a render that nothing disturbed. */
async function undisturbed(request: Partial<GenerateRequest>, settings: Settings): Promise<string | undefined> {
  const output = join(shared, `alone-${Math.random()}.mp4`);
  const full = { prompt: 'a cat', model: 'tiny', ...request, output };
  const { clips } = await generate(full, { engine, settings: { ...settings, cacheFolder: join(shared, 'elsewhere') } });
  return clips[0]!.sha256;
}

const clipsOf = (result: unknown): RenderResult['clips'] => (result as RenderResult).clips;

describe.each(storeKinds)('the queue in %s', { timeout: 15 * MINUTES }, (kind) => {
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
  const request = (part: Partial<GenerateRequest> = {}): GenerateRequest => {
    const seed = number++;
    return { prompt: 'a cat', model: 'tiny', seed, output: join(folder, `clip-${seed}.mp4`), ...part };
  };

  const work = async (options: Partial<Parameters<typeof Worker.start>[0]> = {}): Promise<readonly WorkerEvent[]> => {
    const events: WorkerEvent[] = [];
    const worker = await Worker.start({
      settings,
      until: 'drained',
      onEvent: (event) => events.push(event),
      ...options,
    });
    await worker.ended;
    return events.filter(({ kind }) => kind !== 'trouble');
  };
  const kinds = (events: readonly WorkerEvent[]): readonly string[] => events.map((event) => event.kind);

  it('renders a job and keeps what there is to know of it', async () => {
    const asked = request({ prompt: 'a cat and a unicorn' });
    const { job, isNew } = await queue.submit(asked);
    expect(isNew).toBe(true);
    expect(job).toMatchObject({ state: 'waiting', kind: 'generate', priority: 100, attempts: { made: 0, most: 3 } });
    expect(await queue.counts()).toMatchObject({ waiting: 1, running: 0 });
    expect(kinds(await work())).toEqual(['began', 'done']);
    const done = await queue.need(job.id);
    expect(done).toMatchObject({ state: 'done', request: { ...asked, steps: 4, width: 32 } });
    const [clip] = clipsOf(done.result);
    expect(clip).toMatchObject({ path: asked.output, sidecar: asked.output!.replace('.mp4', '.json') });
    expect(await checksum(asked.output!)).toBe(clip!.sha256);
    expect(clip!.sha256).toBe(await undisturbed(asked, settings));
    expect(done.progress).toMatchObject({ clip: 1, clips: 1 });
    const logs = (await queue.logs(job.id)).join('\n');
    expect(logs).toMatch(/Taken up by .*, attempt 1\./);
    expect(logs).toContain('tiny does not know these words: and, unicorn.');
    expect(logs).toContain(`Done: ${asked.output}`);
  });

  it('takes the same request twice for one job, and keeps a clip that is there', async () => {
    const asked = request();
    const first = await queue.submit(asked);
    expect(await queue.submit({ ...asked, steps: 4 })).toMatchObject({ job: { id: first.job.id }, isNew: false });
    expect((await queue.submit({ ...asked, output: join(folder, 'other.mp4') })).job.id).not.toBe(first.job.id);
    const events = await work();
    expect(kinds(events)).toEqual(['began', 'done', 'began', 'done']);
    const { mtimeMs } = await stat(asked.output!);
    expect(await queue.submit(asked)).toMatchObject({ job: { state: 'done' }, isNew: false });
    await queue.clean({ state: 'done' });
    expect(await queue.get(first.job.id)).toBeUndefined();
    const again = await queue.submit(asked);
    expect(again).toMatchObject({ job: { id: first.job.id, state: 'waiting' }, isNew: true });
    await work();
    expect(clipsOf((await queue.need(first.job.id)).result)).toMatchObject([{ path: asked.output }]);
    expect((await stat(asked.output!)).mtimeMs).toBe(mtimeMs);
    await rm(asked.output!);
    expect((await queue.submit(asked)).job.state).toBe('waiting');
    await work();
    expect((await stat(asked.output!)).mtimeMs).not.toBe(mtimeMs);
  });

  it('renders with what a request adds to its model', async () => {
    const lora = join(folder, 'lora.safetensors');
    const values = Float32Array.from({ length: 64 }, (_, i) => Math.sin(i));
    await writeSafetensors(lora, [
      ['transformer.blocks.1.attn1.to_q.lora_A.weight', tensor(values, [2, 32])],
      ['transformer.blocks.1.attn1.to_q.lora_B.weight', tensor(values, [32, 2])],
    ]);
    const asked = request({ lora: [lora], weights: 'f16' });
    const { job } = await queue.submit(asked);
    await work();
    const { state, result } = await queue.need(job.id);
    expect(state).toBe('done');
    expect(clipsOf(result)[0]!.sha256).toBe(await undisturbed(asked, settings));
  });

  it('keeps the order of priorities', async () => {
    const seeds: number[] = [];
    for (const priority of [3, 1, 2, 1]) {
      const asked = request();
      seeds.push(asked.seed as number);
      await queue.submit(asked, { priority });
    }
    const waiting = await queue.list({ state: 'waiting' });
    const order = [seeds[1], seeds[3], seeds[2], seeds[0]];
    expect(waiting.map((job) => job.request!.seed)).toEqual(order);
    expect((await queue.list({ state: 'waiting', from: 1, count: 2 })).map((job) => job.request!.seed)).toEqual(
      order.slice(1, 3),
    );
    const begun = (await work()).filter((event) => event.kind === 'began');
    expect(begun.map((event) => (event as { job: { request: { seed: number } } }).job.request.seed)).toEqual(order);
  });

  it('refuses at once what cannot be rendered', async () => {
    const before = await queue.counts();
    await expect(queue.submit(request({ frames: 6 }))).rejects.toThrow('frames (=6) must be 4k+1');
    await expect(queue.submit(request({ width: 8192, height: 8192, frames: 10001 }))).rejects.toThrow('memory');
    await expect(queue.submit(request({ output: join(folder, 'no', 'x.mp4') }))).rejects.toThrow('there is no folder');
    await expect(queue.submit(request({ output: join(folder, 'clip-0.mp4') }))).rejects.toThrow('exists already');
    await expect(queue.submit(request(), { priority: 0 })).rejects.toThrow('priority (=0)');
    await expect(queue.need('clip-nothing')).rejects.toThrow('There is no job clip-nothing');
    expect(await queue.counts()).toEqual(before);
  });

  it('fails on a full disk, and goes on when there is room', async ({ skip }) => {
    const disk = join(folder, 'disk');
    await mkdir(disk);
    const run = promisify(execFile);
    const mounted = await run('mount', ['-t', 'tmpfs', '-o', 'size=8k', 'tmpfs', disk]).then(() => true, () => false); // prettier-ignore
    if (!mounted) return skip('needs the right to mount a small disk');
    try {
      const asked = request({ frames: 25, width: 96, output: join(disk, 'x.mp4') });
      const { job } = await queue.submit(asked);
      await work();
      expect(await queue.need(job.id)).toMatchObject({ state: 'failed', error: { message: expect.stringContaining('the disk is full') as string } }); // prettier-ignore
      expect(await readdir(disk)).toEqual([]);
      await run('mount', ['-o', 'remount,size=1m', disk]);
      await queue.retry(job.id);
      await work();
      expect(await queue.need(job.id)).toMatchObject({ state: 'done' });
      expect(await checksum(join(disk, 'x.mp4'))).toBe(await undisturbed(asked, settings));
    } finally {
      await run('umount', [disk]);
    }
  });

  it('does not try again what cannot pass', async () => {
    const place = join(folder, 'gone');
    await mkdir(place);
    const { job } = await queue.submit(request({ output: join(place, 'x.mp4') }));
    await rm(place, { recursive: true });
    expect(kinds(await work())).toEqual(['began', 'failed']);
    expect(await queue.need(job.id)).toMatchObject({
      state: 'failed',
      attempts: { made: 1 },
      error: { code: 'INVALID_REQUEST', message: expect.stringContaining('there is no folder') as string },
    });
    await mkdir(place);
    expect(await queue.retry(job.id)).toMatchObject({ state: 'waiting', attempts: { made: 0 } });
    expect(kinds(await work())).toEqual(['began', 'done']);
    await expect(queue.retry(job.id)).rejects.toThrow('is done; only failed and cancelled jobs can be retried');
  });

  it('tries again with a fresh engine when the engine was killed', async () => {
    const asked = request({ steps: LONG, frames: 33 });
    const { job } = await queue.submit(asked, { attempts: 1 });
    await queue.cancel(job.id);
    await queue.submit(asked, { attempts: 2 }); // what is asked last holds
    const working = work();
    const running = await until('an engine samples', async () => {
      const now = await queue.need(job.id);
      return now.progress?.stage === 'steps' && enginesOf(process.pid)[0];
    });
    process.kill(running, 'SIGKILL');
    expect(kinds(await working)).toEqual(['began', 'failed', 'began', 'done']);
    const logs = (await queue.logs(job.id)).join('\n');
    expect(logs).toContain("ENGINE_DIED: The engine's process was ended by SIGKILL.");
    expect(logs).toContain('It will be tried again.');
    expect(await checksum(asked.output!)).toBe(await undisturbed(asked, settings));
  });

  it('cancels jobs that wait and jobs that run', async () => {
    const waiting = await queue.submit(request());
    expect(await queue.cancel(waiting.job.id)).toMatchObject({ state: 'cancelled' });
    const long = request({ steps: LONG, frames: 81, width: 256, height: 256 }); // for no machine short of minutes
    const { job } = await queue.submit(long);
    const working = work();
    await until('it samples', async () => (await queue.need(job.id)).progress?.stage === 'steps');
    const other = await Queue.open(settings);
    await other.cancel(job.id);
    await other.close();
    expect(kinds(await working)).toEqual(['cancelled', 'began', 'cancelled']);
    for (const id of [waiting.job.id, job.id]) {
      expect(await queue.need(id)).toMatchObject({ state: 'cancelled', error: { code: 'CANCELLED' } });
    }
    await expect(readFile(long.output!)).rejects.toThrow('ENOENT');
    expect(await queue.retry(waiting.job.id)).toMatchObject({ state: 'waiting' });
    expect(kinds(await work())).toEqual(['began', 'done']);
    await expect(queue.cancel(waiting.job.id)).rejects.toThrow('is done; there is nothing to cancel');
  });

  it('gives its job back when it is stopped, and another goes on from there', async () => {
    const asked = request({ steps: LONG, frames: 33 });
    const { job } = await queue.submit(asked, { attempts: 1 });
    const worker = await Worker.start({ settings });
    await until('it samples', async () => ((await queue.need(job.id)).progress?.step ?? 0) > 0);
    expect(await worker.stop()).toEqual({ done: 0, failed: 0, cancelled: 0, returned: 1, lost: 0 });
    expect(await queue.need(job.id)).toMatchObject({ state: 'waiting', attempts: { made: 0 } });
    expect((await queue.logs(job.id)).join('\n')).toMatch(/Given back\. The render was stopped after step \d+ of 1000/);
    expect(kinds(await work())).toEqual(['began', 'done']);
    expect((await queue.logs(job.id)).join('\n')).toMatch(/Going on after step \d+ of 1000/);
    expect(await checksum(asked.output!)).toBe(await undisturbed(asked, settings));
  });

  it('ends after one job when it is told so', async () => {
    await queue.submit(request());
    const later = await queue.submit(request());
    expect(kinds(await work({ until: 'one' }))).toEqual(['began', 'done']);
    expect((await queue.need(later.job.id)).state).toBe('waiting');
    await work();
  });

  it('ends a batch when all of its jobs have ended', async () => {
    const place = join(folder, 'away');
    await mkdir(place);
    const [one, two, three] = [request(), request(), request({ output: join(place, 'x.mp4') })];
    const batch = await queue.submitBatch([one, two, three, one], 'three clips');
    expect(batch).toMatchObject({ kind: 'batch', state: 'waiting', batch: { name: 'three clips' } });
    expect(batch.batch!.jobs).toHaveLength(3);
    await rm(place, { recursive: true });
    const working = work();
    // A second one shares a render with the first, which has it done.
    const second = await queue.submitBatch([request(), one], 'two clips');
    await working;
    expect(await queue.need(batch.id)).toMatchObject({ state: 'done', result: { jobs: 3, succeeded: 2, failed: 1 } });
    expect(await queue.need(second.id)).toMatchObject({ state: 'done', result: { jobs: 2, succeeded: 2, failed: 0 } });
    // Again, it does what is missing.
    await mkdir(place);
    const { mtimeMs } = await stat(two.output!);
    const again = await queue.submitBatch([one, two, three], 'three clips');
    expect(again.id).toBe(`${batch.id}-2`);
    expect((await queue.submitBatch([one, two, three], 'three clips')).id).toBe(again.id);
    await work();
    expect(await queue.need(again.id)).toMatchObject({ state: 'done', result: { jobs: 3, succeeded: 3, failed: 0 } });
    expect((await stat(two.output!)).mtimeMs).toBe(mtimeMs);
  });
});
