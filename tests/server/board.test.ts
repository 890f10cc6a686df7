// bull-board on a real server, on each store of the queue: it shows the jobs to those who have the token, and changes nothing.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { join } from 'node:path';
import type { VideoObject } from '../../server/video-object.ts';
import { sharedScratch } from '../jobs/scratch.ts';
import { startStore, storeKinds, type TestStore } from '../jobs/stores.ts';
import { startServer, type TestServer } from './running.ts';

const MINUTES = 60_000;
const token = 'a-token-of-the-tests';
const folder = await sharedScratch();

describe.each(storeKinds)('the board of a queue in %s', { timeout: 10 * MINUTES }, (kind) => {
  let store: TestStore;
  let server: TestServer;
  let asked: VideoObject;
  beforeAll(async () => {
    store = await startStore(kind);
    const queue = store.queue === undefined ? {} : { queue: store.queue };
    server = await startServer(join(folder, kind), { ...queue, token, workers: 0 });
    asked = (await (await server.post({ prompt: 'a red cat' })).json()) as VideoObject;
  }, 10 * MINUTES);
  afterAll(async () => {
    await server.close();
    await store.close();
  }, 10 * MINUTES);

  it('shows itself with all that it loads', async () => {
    const page = await server.ask('/queues');
    const html = await page.text();
    expect([page.status, html]).toEqual([200, expect.stringContaining('<title>Tessera</title>')]);
    expect(page.headers.get('content-security-policy')).toContain("default-src 'self'");
    const own = Array.from(html.matchAll(/(?:src|href)="(static\/[^"]+)"/g), ([, path]) => path!);
    expect(own.length).toBeGreaterThan(3);
    for (const path of own) expect((await server.ask(`/queues/${path}`)).status, path).toBe(200);
    expect((await server.ask('/queues/nothing/at/all')).status).toBe(404);
  });

  it('shows jobs, without the paths of this machine', async () => {
    const list = await server.ask('/queues/api/queues?activeQueue=tessera&status=prioritized&page=1');
    const text = await list.text();
    expect(list.status, text).toBe(200);
    expect(JSON.parse(text)).toMatchObject({
      queues: [{ name: 'tessera', readOnlyMode: true, counts: { prioritized: 1 }, jobs: [{ id: asked.id }] }],
    });
    const one = await server.ask(`/queues/api/queues/tessera/${asked.id}`);
    expect([one.status, await one.json()]).toMatchObject([200, { job: { id: asked.id, data: { request: { prompt: 'a red cat' } } } }]); // prettier-ignore
    expect((await server.ask(`/queues/api/queues/tessera/${asked.id}/logs`)).status).toBe(200);
    expect((await server.ask(`/queues/api/queues/tessera/${asked.id}/flow`)).status).toBe(200);
    expect(text).not.toContain(folder);
  });

  it('changes nothing', async () => {
    for (const action of [`${asked.id}/clean`, `${asked.id}/promote`, 'obliterate', 'pause', 'empty', 'add']) {
      const answer = await server.ask(`/queues/api/queues/tessera/${action}`, { method: 'PUT', body: '{}' });
      expect(answer.status, action).toBe(405);
    }
    expect(await (await server.ask(`/v1/videos/${asked.id}`)).json()).toMatchObject({ status: 'queued' });
  });

  it('is for those who show the token, as a password where a browser asks for one', async () => {
    const get = (authorization?: string): Promise<Response> =>
      fetch(`${server.url}/queues`, authorization === undefined ? {} : { headers: { authorization } });
    const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;
    for (const shown of [undefined, 'Bearer wrong', basic('any:wrong'), basic('wrong'), `Basic ${token}`]) {
      const answer = await get(shown);
      expect([answer.status, answer.headers.get('www-authenticate')], shown).toEqual([401, 'Basic realm="tessera"']);
    }
    expect((await get(basic(`any:${token}`))).status).toBe(200);
    const elsewhere = { headers: { authorization: basic(`any:${token}`) } };
    expect((await fetch(`${server.url}/v1/videos`, elsewhere)).status).toBe(401);
    expect(server.troubles).toEqual([]);
  });
});
