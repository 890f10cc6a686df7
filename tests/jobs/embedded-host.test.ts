// What a host does for the jobs of one that died.
import { expect, it } from 'vitest';
import { EmbeddedStore } from '../../jobs/embedded-store.ts';
import { embeddedPool } from '../../jobs/postgres-pool.ts';
import { Queue } from '../../jobs/queue.ts';
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

it(
  'finds lost jobs, and those whose turn it is, after a clock that was ahead was set back',
  { timeout: 300_000 },
  async () => {
    const folder = await scratch();
    const settings = settingsIn(folder);
    await writeTinyModel(join(folder, 'models', 'tiny'));
    const queue = await Queue.open(settings);
    const submit = async (name: string): Promise<string> =>
      (await queue.submit({ prompt: 'a cat', model: 'tiny', output: join(folder, name) })).job.id;
    const [lost, delayed] = [await submit('lost.mp4'), await submit('delayed.mp4')];
    const store = await EmbeddedStore.open(join(settings.dataFolder, 'queue'));
    const pool = embeddedPool(store);
    const ahead = Date.now() + 3_600_000;
    await pool.query(`INSERT INTO bullmq.meta (queue, field, value) VALUES ('tessera', 'stalled-check', $1::text)`, [
      ahead,
    ]);
    const locked = `state = 'active', lock_token = 'gone', locked_until_ms = $1`;
    await pool.query(`UPDATE bullmq.job SET ${locked} WHERE id = $2`, [Date.now() + 1000, lost]);
    await pool.query(`UPDATE bullmq.job SET state = 'delayed', process_at_ms = $1 WHERE id = $2`, [ahead, delayed]);
    await (
      await Worker.start({ settings, until: 'drained', lockMs: 1000 })
    ).ended;
    expect([await queue.need(lost), await queue.need(delayed)]).toMatchObject([{ state: 'done' }, { state: 'done' }]);
    await pool.end();
    await store.close();
    await queue.close();
  },
);
