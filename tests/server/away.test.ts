// A server whose queue goes away: it says so, and asks to be asked again.
import { describe, expect, it } from 'vitest';
import { scratch } from '../jobs/scratch.ts';
import { startStore } from '../jobs/stores.ts';
import { until } from '../jobs/until.ts';
import { startServer } from './running.ts';

describe('a server without its queue', { timeout: 600_000 }, () => {
  it('answers 503 with Retry-After, lives on, and ends when it is told to', async () => {
    const store = await startStore('redis');
    const server = await startServer(await scratch(), { queue: store.queue!, workers: 0, patienceMs: 2000 });
    await until('it is ready', async () => (await server.ask('/readyz')).status === 200);
    await store.close();
    await until('it is not', async () => (await server.ask('/readyz')).status === 503);
    const answer = await server.post({ prompt: 'a cat' });
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5']);
    expect(await answer.json()).toMatchObject({ error: { type: 'server_error', code: 'unavailable' } });
    expect((await server.ask('/healthz')).status).toBe(200);
    await server.close();
  });
});
