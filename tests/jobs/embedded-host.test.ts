// What a host does for the jobs of one that died.
import { expect, it } from 'vitest';
import { EmbeddedStore } from '../../jobs/embedded-store.ts';
import { embeddedPool } from '../../jobs/postgres-pool.ts';
import { Queue } from '../../jobs/queue.ts';
import { workerName } from '../../jobs/queue-killed.ts';
import { Worker } from '../../jobs/worker.ts';
import { scratch, settingsIn } from './scratch.ts';
import { hostsOf } from './processes.ts';
import { writeTinyModel } from './tiny-model.ts';
import { join } from 'node:path';

it('gives running jobs time to be spoken for, however long there was no host', { timeout: 300_000 }, async () => {
  const folder = await scratch();
  const settings = settingsIn(folder);
  await writeTinyModel(join(folder, 'models', 'tiny'));
  const queue = await Queue.open(settings);
  await queue.submit({ prompt: 'a cat', model: 'tiny', output: join(folder, 'cat.mp4') });
  const store = await EmbeddedStore.open(join(settings.dataFolder, 'queue'));
  const pool = embeddedPool(store);
  const job = async (): Promise<unknown> =>
    (await pool.query('SELECT locked_until_ms::float8 AS until, stalled_marked AS marked FROM bullmq.job')).rows[0];
  await pool.query(`UPDATE bullmq.job SET state = 'active', locked_until_ms = 1, stalled_marked = true`);
  expect(await job()).toEqual({ until: 1, marked: true });
  const before = Date.now();
  process.kill(hostsOf(settings.dataFolder)[0]!, 'SIGKILL');
  const { until, marked } = (await job()) as { until: number; marked: boolean };
  expect(marked).toBe(false);
  expect(until).toBeGreaterThan(before + 20_000);
  await pool.end();
  await store.close();
  await queue.close();
});

it('finds lost jobs after a clock jumped back, and those of killed workers at once', { timeout: 300_000 }, async () => {
  const folder = await scratch();
  const settings = settingsIn(folder);
  await writeTinyModel(join(folder, 'models', 'tiny'));
  const queue = await Queue.open(settings);
  const submit = async (name: string): Promise<string> =>
    (await queue.submit({ prompt: 'a cat', model: 'tiny', output: join(folder, name) })).job.id;
  const [lost, delayed, killed] = [await submit('1.mp4'), await submit('2.mp4'), await submit('3.mp4')];
  const store = await EmbeddedStore.open(join(settings.dataFolder, 'queue'));
  const pool = embeddedPool(store);
  const set = (id: string, row: string, ...values: readonly unknown[]) =>
    pool.query(`UPDATE bullmq.job SET ${row} WHERE id = $1`, [id, ...values]);
  const [soon, ahead] = [Date.now() + 1000, Date.now() + 3_600_000];
  const look = `INSERT INTO bullmq.meta (queue, field, value) VALUES ('tessera', 'stalled-check', $1::text)`;
  await pool.query(look, [ahead]);
  const active = `state = 'active', lock_token = 'gone', locked_until_ms = $2, processed_by = $3`;
  await set(lost, active, soon, 'elsewhere-1');
  await set(killed, active, Date.now() + 500_000, workerName.replace(/\d+$/, '999999999'));
  await set(delayed, `state = 'delayed', process_at_ms = $2`, ahead);
  const worker = await Worker.start({ settings, until: 'drained', lockMs: 1000 });
  expect(await worker.ended).toMatchObject({ done: 3 });
  for (const id of [lost, delayed, killed]) expect((await queue.need(id)).state).toBe('done');
  await pool.end();
  await store.close();
  await queue.close();
});
