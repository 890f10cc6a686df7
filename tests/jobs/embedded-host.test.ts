// What a host does for the jobs of one that died.
import { expect, it } from 'vitest';
import { EmbeddedStore } from '../../jobs/embedded-store.ts';
import { embeddedPool } from '../../jobs/postgres-pool.ts';
import { Queue } from '../../jobs/queue.ts';
import { scratch, settingsIn } from './scratch.ts';
import { hostsOf } from './stores.ts';
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
