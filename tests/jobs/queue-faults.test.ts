// What happens to a job when processes end under it, or hang: workers that are stopped or killed, and the host of the embedded store.
// Real processes and real signals, on each store. The bytes must be those of a render that nothing disturbed.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generate } from '../../jobs/generate.ts';
import { Queue } from '../../jobs/queue.ts';
import type { GenerateRequest } from '../../jobs/request.ts';
import type { Settings } from '../../jobs/settings.ts';
import { checksum } from '../../jobs/sidecar.ts';
import { type Running, start } from '../cli/program.ts';
import { settingsIn, sharedScratch } from './scratch.ts';
import { enginesOf, hold, hostsOf } from './processes.ts';
import { openStoreQueue, storeKinds, type TestStore } from './stores.ts';
import { writeTinyModel } from './tiny-model.ts';
import { setTimeout as sleep } from 'node:timers/promises';
import { SAVE_EVERY_MS } from '../../jobs/saved-latents.ts';

const MINUTES = 60_000;
const shared = await sharedScratch();
const models = join(shared, 'models');
/** Long enough to be met in the middle on a fast machine; what takes longer happens while the engine is held. */
const long = { prompt: 'a penguin', model: 'tiny', steps: 1000, width: 112, height: 112, frames: 17 } as const;
let expected: string | undefined;

beforeAll(async () => {
  await writeTinyModel(join(models, 'tiny'));
  const output = join(shared, 'undisturbed.mp4');
  const { clips } = await generate({ ...long, output }, { engine: 'local', settings: settingsIn(shared) });
  expected = clips[0]!.sha256;
}, 15 * MINUTES);

/** Starts a process whose clock is an hour ahead, as one is after a jump. */
const anHourAhead = '--import "data:text/javascript,const now = Date.now.bind(Date); Date.now = () => now() + 3600000"';

describe.each(storeKinds)('a job in %s', { timeout: 15 * MINUTES }, (kind) => {
  const folder = join(shared, kind);
  let store: TestStore;
  let settings: Settings;
  let queue: Queue;
  let number = 0;

  beforeAll(async () => {
    ({ store, settings, queue } = await openStoreQueue(kind, folder, models));
  }, 15 * MINUTES);

  afterAll(async () => {
    await queue.close();
    await store.close();
  }, 15 * MINUTES);

  const workerWith = (environment: NodeJS.ProcessEnv, ...args: readonly string[]): Running =>
    start(folder, ['worker', '--lost-after', '6', ...args], {
      TESSERA_MODELS: models,
      TESSERA_QUEUE: store.queue ?? '',
      ...environment,
    });
  const worker = (...args: readonly string[]): Running => workerWith({}, ...args);

  const submit = async (part: Partial<GenerateRequest> = {}) => {
    const output = join(folder, `clip-${number++}.mp4`);
    const { job } = await queue.submit({ ...long, ...part, output }, { attempts: 1 });
    return { id: job.id, output };
  };

  const saved = async (): Promise<readonly string[]> => {
    const names = await readdir(join(settings.cacheFolder, 'renders')).catch(() => []);
    return names.filter((name) => !name.startsWith('.'));
  };
  /** Holds a worker's engine when it is in the middle of a job. */
  const holdInTheMiddle = async ({ id }: { id: string }, of: Running, after = 0) => {
    await of.until('it samples', async () => ((await queue.need(id)).progress?.step ?? 0) > after);
    return hold(enginesOf(of.process.pid!)[0]!);
  };
  /** Latents are saved by the first step that ends so long after the last ones. */
  const holdWithLatents = async (job: { id: string }, of: Running) => {
    const engine = await holdInTheMiddle(job, of);
    await sleep(SAVE_EVERY_MS);
    engine.release();
    await of.until('latents are saved', async () => (await saved()).length > 0);
    return hold(enginesOf(of.process.pid!)[0]!);
  };

  const expectUndisturbed = async ({ id, output }: { id: string; output: string }): Promise<void> => {
    expect(await queue.need(id)).toMatchObject({ state: 'done', result: { clips: [{ sha256: expected }] } });
    expect(await checksum(output)).toBe(expected);
    expect(await saved()).toEqual([]);
  };

  it('goes on elsewhere when its worker is killed', async () => {
    const job = await submit();
    const killed = worker();
    const engine = await holdWithLatents(job, killed);
    killed.process.kill('SIGKILL');
    engine.release(); // it ends by itself
    await killed.ended;
    expect((await queue.need(job.id)).state).toBe('running');
    const { code, stdout } = await worker('--drain').ended;
    expect(stdout).toMatch(new RegExp(`^done +${job.id} `));
    expect(code).toBe(0);
    const logs = (await queue.logs(job.id)).join('\n');
    expect(logs.match(/Taken up by/g)).toHaveLength(2);
    expect(logs).toMatch(/Going on after step \d+ of 1000/);
    await expectUndisturbed(job);
  });

  it('is given back by a worker that is told to end, after its step', async () => {
    const job = await submit();
    const stopped = worker('--json');
    await stopped.until('it samples', async () => ((await queue.need(job.id)).progress?.step ?? 0) > 0);
    stopped.process.kill('SIGTERM');
    const { code, stdout } = await stopped.ended;
    expect(code).toBe(143);
    const lines = stdout.trim().split('\n').map((line) => JSON.parse(line) as { kind: string }); // prettier-ignore
    expect(lines.map((line) => line.kind)).toEqual(['began', 'returned', 'ended']);
    expect(await queue.need(job.id)).toMatchObject({ state: 'waiting', attempts: { made: 0 } });
    expect((await worker('--once').ended).code).toBe(0);
    expect((await queue.logs(job.id)).join('\n')).toMatch(/Going on after step \d+ of 1000/);
    await expectUndisturbed(job);
  });

  it('that is retried before its worker has let go of it is done all the same', async () => {
    const job = await submit();
    const working = worker('--drain', '--json');
    const engine = await holdInTheMiddle(job, working); // its step does not end
    await queue.cancel(job.id);
    await sleep(2000); // the worker has seen it
    expect(await queue.retry(job.id)).toMatchObject({ state: 'running' });
    engine.release();
    const { code, stdout } = await working.ended;
    expect(code).toBe(0);
    const lines = stdout.trim().split('\n').map((line) => JSON.parse(line) as { kind: string }); // prettier-ignore
    expect(lines.map((line) => line.kind)).toEqual(['began', 'returned', 'began', 'done', 'ended']);
    await expectUndisturbed(job);
  });

  it.runIf(kind !== 'embedded')('outlives a store that crashes and comes back', async () => {
    const job = await submit();
    const working = worker('--drain');
    const engine = await holdInTheMiddle(job, working);
    await store.restart!();
    engine.release();
    expect((await working.ended).code).toBe(0);
    await expectUndisturbed(job);
  });

  it.runIf(kind === 'embedded')('does not notice that the host of the store is killed', async () => {
    const job = await submit();
    const working = worker('--drain');
    for (let kill = 0, step = 0; kill < 2; kill++) {
      const engine = await holdInTheMiddle(job, working, step);
      const hosts = hostsOf(settings.dataFolder);
      expect(hosts).toHaveLength(1);
      process.kill(hosts[0]!, 'SIGKILL');
      step = (await queue.need(job.id)).progress!.step; // told by the next host
      engine.release();
    }
    expect((await working.ended).code).toBe(0);
    expect((await queue.logs(job.id)).join('\n').match(/Taken up by/g)).toHaveLength(1);
    await expectUndisturbed(job);
  });

  it.runIf(kind === 'embedded')('is not lost when the worker that hosts the store is killed', async () => {
    const job = await submit();
    await queue.close(); // so that the worker becomes the host
    const killed = worker();
    await killed.until('it works', () => Promise.resolve(enginesOf(killed.process.pid!).length > 0));
    queue = await Queue.open(settings);
    const engine = await holdWithLatents(job, killed);
    killed.process.kill('SIGKILL');
    engine.release();
    await killed.ended;
    const later = await submit({ steps: 2 });
    expect((await worker('--drain').ended).code).toBe(0);
    await expectUndisturbed(job);
    expect((await queue.need(later.id)).state).toBe('done');
  });

  it('ends with its own bytes when the clock of another worker jumps ahead', async () => {
    const job = await submit();
    const right = worker('--drain');
    const engine = await holdWithLatents(job, right);
    const ahead = workerWith({ NODE_OPTIONS: anHourAhead }, '--drain');
    // Redis has one clock for all. In PostgreSQL a lock is over when who looks says so, and both work for a while.
    const takenUp = async (): Promise<number> => (await queue.logs(job.id)).filter((line) => line.includes('Taken up by')).length; // prettier-ignore
    if (kind !== 'redis') await ahead.until('the job is taken up', async () => (await takenUp()) > 1);
    engine.release();
    const ends = await Promise.all([right.ended, ahead.ended]);
    expect(ends.map(({ code }) => code)).not.toContain(1);
    await expectUndisturbed(job);
  });
});
