// What a server does with requests that it cannot carry out: each is answered with what to mend, none breaks it.
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { generateSchema } from '../../jobs/request.ts';
import { checkExposure } from '../../server/access.ts';
import { withoutPaths } from '../../server/problems.ts';
import { sharedScratch } from '../jobs/scratch.ts';
import { writeTinyModel } from '../jobs/tiny-model.ts';
import { malformedBodies, malformedTargets } from './malformed.ts';
import { badFields, startServer, type TestServer } from './running.ts';

const MINUTES = 60_000;
const folder = await sharedScratch();
const token = 'a-token-of-the-tests';
let open: TestServer;
let locked: TestServer;
beforeAll(async () => {
  await writeTinyModel(join(folder, 'open', 'models', 'i2v'), { family: 'wan2.1', variant: 'i2v' });
  open = await startServer(join(folder, 'open'), { workers: 0, maxWaiting: 3 });
  locked = await startServer(join(folder, 'locked'), { workers: 0, token });
}, 10 * MINUTES);
afterAll(() => Promise.all([open.close(), locked.close()]), 10 * MINUTES);

describe('a server that is asked wrongly', { timeout: 10 * MINUTES }, () => {
  it.each<[string, object, readonly string[]]>([
    ['no prompt', {}, ['prompt']],
    ['two fields', { prompt: 'a cat', steps: 0, fps: 'fast' }, ['fps', 'steps']],
    ['a size of no picture', { prompt: 'a cat', size: '64' }, ['size']],
    ['a size twice', { prompt: 'a cat', size: '64x64', width: 64 }, ['size']],
    ['a length twice', { prompt: 'a cat', seconds: '4', frames: 5 }, ['seconds']],
    ['a size that the model cannot make', { prompt: 'a cat', size: '33x32' }, ['width']],
    ['a model that is not there', { prompt: 'a cat', model: 'sora-2' }, ['model']],
    ['a path for a model', { prompt: 'a cat', model: './models/tiny' }, ['model']],
    ['an address for a model', { prompt: 'a cat', model: 'https://example.org/m' }, ['model']],
    ['a way out for a model', { prompt: 'a cat', model: '..' }, ['model']],
    ['an address for an expander', { prompt: 'a cat', expand: 'openai:http://127.0.0.1:9/v1' }, ['expand']],
    ['an endpoint that is not set', { prompt: 'a cat', expand: 'openai' }, ['expand']],
    ['an expander that the model has not', { prompt: 'a cat', expand: 'nano' }, ['expand']],
    ['a prompt that is expanded already', { prompt: 'a cat', expanded: 'a dog' }, ['expanded']],
    ['a place for the clip', { prompt: 'a cat', output: '/tmp/x.mp4', overwrite: true }, ['output', 'overwrite']],
    ['a picture to begin with', { prompt: 'a cat', input_reference: 'x' }, ['input_reference']],
    ['a picture to be like', { prompt: 'a cat', like: '/tmp/x.png' }, ['like']],
    ['more than all of a picture', { prompt: 'a cat', likeWeight: 2 }, ['likeWeight']],
    ['what was read from a picture', { prompt: 'a cat', likeness: 'dog, snow' }, ['likeness']],
    ['more than one clip', { prompt: 'a cat', clips: 2 }, ['clips']],
    ['no picture to start from', { prompt: 'a cat', model: 'i2v' }, ['image']],
    ['guidance of an expert that there is not', { prompt: 'a cat', guidanceLow: 3 }, ['guidanceLow']],
    ['levels that are not the steps', { prompt: 'a cat', sigmas: [1, 0.5], steps: 3 }, ['sigmas', 'steps']],
    ['a fit of nothing', { prompt: 'a cat', fit: 'cover' }, ['fit']],
    ['a part without times', { prompt: '0-1: a cat; a dog' }, ['prompt']],
    ['times that run backwards', { prompt: '1-2: a cat; 0-1: a dog' }, ['prompt']],
    ['more than memory holds', { prompt: 'a cat', size: '8192x8192', frames: 9993 }, ['width', 'height', 'frames']],
    ['weights that were not made', { prompt: 'a cat', weights: 'int8' }, ['weights']],
  ])('names the fields for %s', async (_, body, fields) => {
    const answer = await open.post(body);
    expect(answer.status).toBe(422);
    expect(await badFields(answer)).toEqual(expect.arrayContaining([...fields]));
  });

  it('refuses a picture to be like where the model has no towers for it', async () => {
    const form = new FormData();
    form.append('prompt', 'a cat');
    form.append('model', 'tiny');
    form.append('likeWeight', '0.5');
    form.append('like_reference', new File([await readFile('docs/penguin.webp')], 'penguin.webp'));
    const answer = await open.ask('/v1/videos', { method: 'POST', body: form });
    expect([answer.status, await badFields(answer)]).toEqual([422, ['like']]);
  });

  it('is understood by the official client', async () => {
    const wrong = open.openai.videos.create({ model: 'tiny', prompt: 'a cat', size: 'huge' as '720x1280' });
    await expect(wrong).rejects.toMatchObject({ status: 422, param: 'size', type: 'invalid_request_error' });
  });

  it('tells nothing of its folders', async () => {
    const text = await (await open.post({ prompt: 'a cat', model: 'elsewhere' })).text();
    expect(text).not.toContain(folder);
    expect(withoutPaths('cannot write /data/videos/a.mp4: full; see https://example.org/a/b and 4/3')).toBe(
      'cannot write a.mp4: full; see https://example.org/a/b and 4/3',
    );
  });

  it('never fails itself, whatever is sent', async () => {
    const statuses = new Map<number, number>();
    const note = async (what: unknown, answer: Response): Promise<void> => {
      const text = await answer.text();
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
      const described = `${JSON.stringify(what)?.slice(0, 200)}: ${answer.status} ${text.slice(0, 300)}`;
      expect(answer.status, described).toBeGreaterThanOrEqual(400);
      expect(answer.status, described).toBeLessThan(500);
      expect(answer.headers.get('x-request-id'), described).not.toBeNull();
      expect(text, described).not.toMatch(/\n\s+at |node_modules|\.ts:\d/);
      expect(JSON.parse(text), described).toMatchObject({ error: { message: expect.any(String) as string } });
    };
    for (const { body, type } of malformedBodies(generateSchema.shape)) {
      const headers: Record<string, string> = type === undefined ? {} : { 'content-type': type };
      await note(body, await open.ask('/v1/videos', { method: 'POST', body, headers }));
    }
    for (const { method, path, headers } of malformedTargets) {
      await note([method, path], await open.ask(path, { method, ...(headers && { headers }) }));
    }
    expect([...statuses.values()].reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(200);
    expect([...statuses.keys()]).toEqual(expect.arrayContaining([400, 404, 415, 422]));
    expect(open.troubles).toEqual([]);
    expect(await (await open.ask('/metrics')).text()).toContain('tessera_queue_length 0');
  });

  it('takes no body over its limit, said or not', async () => {
    const large = 'x'.repeat(300_000);
    expect((await open.post({ prompt: large })).status).toBe(413);
    const body = new Blob([JSON.stringify({ prompt: large })]).stream();
    const streamed = { method: 'POST', body, duplex: 'half', headers: { 'content-type': 'application/json' } };
    expect((await open.ask('/v1/videos', streamed as RequestInit)).status).toBe(413);
  });

  it('takes no more than may wait, but knows what it has taken', async () => {
    for (let seed = 0; seed < 3; seed++) expect((await open.post({ prompt: 'a cat', seed })).status).toBe(200);
    const full = await open.post({ prompt: 'a cat', seed: 3 });
    expect([full.status, full.headers.get('retry-after')]).toEqual([429, '15']);
    expect(await full.json()).toMatchObject({ error: { type: 'rate_limit_error', code: 'queue_full' } });
    expect((await open.post({ prompt: 'a cat', seed: 1 })).status).toBe(200);
  });

  it('lives on after a caller that hangs up', async () => {
    const { port, hostname } = new URL(open.url);
    const socket = connect(Number(port), hostname);
    socket.write('POST /v1/videos HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{'); // prettier-ignore
    await new Promise((resolve) => setTimeout(resolve, 100));
    socket.destroy();
    expect((await open.ask('/healthz')).status).toBe(200);
  });
});

describe('a server with a token', { timeout: 10 * MINUTES }, () => {
  it('answers only those who show it', async () => {
    const get = (path: string, authorization?: string): Promise<Response> =>
      fetch(`${locked.url}${path}`, authorization === undefined ? {} : { headers: { authorization } });
    for (const shown of [undefined, 'Bearer', 'Bearer wrong', `Bearer ${token}x`, `Basic ${token}`, token]) {
      const answer = await get('/v1/videos', shown);
      expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([401, 'Bearer realm="tessera"']);
    }
    expect((await get('/metrics')).status).toBe(401);
    expect((await get('/nowhere')).status).toBe(401);
    expect((await get('/healthz')).status).toBe(200);
    expect((await get('/readyz')).status).toBe(200);
    expect((await get('/v1/videos', `Bearer ${token}`)).status).toBe(200);
    expect((await locked.openai.videos.list()).data).toEqual([]);
  });

  it('is the only one that others may reach', () => {
    for (const host of ['0.0.0.0', '::', '192.168.0.1', 'example.org', '127.0.0.1.example.org']) {
      expect(() => checkExposure(host, undefined)).toThrow('Set TESSERA_TOKEN');
      checkExposure(host, token);
    }
    for (const host of ['127.0.0.1', '127.8.8.8', 'localhost', '::1', '[::1]']) checkExposure(host, undefined);
  });
});

describe('a server without a token', { timeout: 10 * MINUTES }, () => {
  it('does not answer pages of other sites', async () => {
    onTestFinished(() => expect(open.troubles).toEqual([]));
    const foreign = await open.ask('/v1/videos', { headers: { origin: 'https://example.org' } });
    expect(foreign.status).toBe(403);
    expect((await open.ask('/v1/videos', { headers: { origin: open.url } })).status).toBe(200);
    expect(await statusFor('evil.example.org')).toContain(' 403 ');
    expect(await statusFor('localhost')).toContain(' 200 ');
  });
});

/** The first line of the answer to a request that says it is for another host. */
function statusFor(host: string): Promise<string> {
  const { port, hostname } = new URL(open.url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () =>
      socket.write(`GET /v1/models HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`),
    );
    let text = '';
    socket.setEncoding('utf8').on('data', (part: string) => (text += part));
    socket.on('end', () => resolve(text.split('\r\n')[0]!)).on('error', reject);
  });
}
