// `tessera serve` as people meet it: a real process that is asked, stopped, killed, and started again.
import { createServer } from 'node:net';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { VideoObject } from '../../server/video-object.ts';
import { sharedScratch } from '../jobs/scratch.ts';
import { writeTinyModel } from '../jobs/tiny-model.ts';
import { until } from '../jobs/until.ts';
import { type Running, start, tessera } from './program.ts';

const folder = await sharedScratch();
beforeAll(() => writeTinyModel(join(folder, 'models', 'tiny')));

/** Starts a server and waits for the address that it prints. */
async function begin(...args: readonly string[]): Promise<Running & { readonly url: string }> {
  const running = start(folder, ['serve', '--port', '0', ...args]);
  let printed = '';
  running.process.stdout!.on('data', (text: string) => (printed += text));
  onTestFinished(() => void running.process.kill('SIGKILL'));
  const url = await until('it serves', () => {
    if (running.process.exitCode !== null) throw new Error('It ended.');
    return Promise.resolve(/serves at (http:\S+)/.exec(printed)?.[1]);
  });
  return { ...running, url };
}

const ask = async (url: string, prompt: string, steps: number): Promise<VideoObject> => {
  const body = JSON.stringify({ prompt, steps, model: 'tiny' });
  const answer = await fetch(`${url}/v1/videos`, { method: 'POST', body, headers: { 'content-type': 'application/json' } }); // prettier-ignore
  return (await answer.json()) as VideoObject;
};
const look = async (url: string, id: string): Promise<VideoObject> =>
  (await (await fetch(`${url}/v1/videos/${id}`)).json()) as VideoObject;

describe('tessera serve', { timeout: 600_000 }, () => {
  it('gives its job back when it is stopped, and the next one goes on with it, also after a kill', async () => {
    const first = await begin();
    const { id } = await ask(first.url, 'a cat', 600);
    const other = await ask(first.url, 'a dog', 4);
    await until('it samples', async () => (await look(first.url, id)).progress > 2);
    const listening = fetch(`${first.url}/v1/videos/${id}/events`).then((answer) => answer.text());
    first.process.kill('SIGTERM');
    const { code, stderr } = await first.ended;
    expect(code).toBe(143);
    expect(stderr).toMatch(new RegExp(`returned +${id} +Given back`));
    expect(await listening).not.toContain('video.completed');

    const second = await begin('--workers', '0');
    expect(await look(second.url, id)).toMatchObject({ status: 'queued', prompt: 'a cat' });
    second.process.kill('SIGKILL');
    await second.ended;

    const third = await begin();
    await until('both are done', async () => {
      const both = await Promise.all([look(third.url, id), look(third.url, other.id)]);
      return both.every(({ status }) => status === 'completed');
    });
    third.process.kill('SIGINT');
    expect((await third.ended).code).toBe(130);
  });

  it('says what stands in its way', async () => {
    const blocker = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void blocker.close());
    await until('the port is taken', () => Promise.resolve(blocker.listening));
    const { port } = blocker.address() as { port: number };
    const taken = await tessera(folder, ['serve', '--port', String(port)]);
    expect([taken.code, taken.stderr]).toEqual([1, expect.stringContaining(`port (=${port}) on 127.0.0.1 is in use.`)]);
    const exposed = await tessera(folder, ['serve', '--port', '0', '--host', '0.0.0.0']);
    expect([exposed.code, exposed.stderr]).toEqual([2, expect.stringContaining('Set TESSERA_TOKEN')]);
    const wrong = await tessera(folder, ['serve', '--port', 'http']);
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('port (=http)')]);
  });
});
