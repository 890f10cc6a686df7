// Tessera's tools as an agent meets them: the client of the protocol's SDK, over HTTP with a token and over the standard input and
// output of a real process.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { CallToolResult, Progress } from '@modelcontextprotocol/sdk/types.js';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CaptionsObject } from '../../server/caption-object.ts';
import type { VideoObject } from '../../server/video-object.ts';
import { start } from '../cli/program.ts';
import { sharedScratch } from '../jobs/scratch.ts';
import { writeTinyModel } from '../jobs/tiny-model.ts';
import { until } from '../jobs/until.ts';
import { startServer, type TestServer } from './running.ts';

const MINUTES = 60_000;
const token = 'a-token-of-the-tests';
const root = fileURLToPath(new URL('../..', import.meta.url));
const patient = { timeout: 10 * MINUTES };
const folder = await sharedScratch();
/** Not done before it is looked at, however slow the looking is. */
const long = { model: 'tiny', prompt: 'a long walk', steps: 1000, frames: 81, width: 256, height: 256 };

let server: TestServer;
const clients: Client[] = [];
beforeAll(async () => {
  server = await startServer(join(folder, 'http'), { token });
  await writeTinyModel(join(folder, 'stdio', 'models', 'tiny'));
}, 10 * MINUTES);
afterAll(async () => {
  for (const client of clients) await client.close();
  await server.close();
}, 10 * MINUTES);

/** A client that notes what is no protocol. */
async function connect(transport: Parameters<Client['connect']>[0]): Promise<Client & { readonly strays: Error[] }> {
  const strays: Error[] = [];
  const client = Object.assign(new Client({ name: 'tests', version: '1' }), { strays });
  client.onerror = (error) => void strays.push(error);
  await client.connect(transport, patient);
  clients.push(client);
  return client;
}

function overHttp(): ReturnType<typeof connect> {
  const headers = { authorization: `Bearer ${token}` };
  return connect(new StreamableHTTPClientTransport(new URL(`${server.url}/mcp`), { requestInit: { headers } }));
}

function overStdio(): ReturnType<typeof connect> {
  const home = join(folder, 'stdio');
  const names = { MODELS: 'models', CACHE: 'cache', DATA: 'data' };
  const places = Object.entries(names).map(([name, place]) => [`TESSERA_${name}`, join(home, place)]);
  const args = ['--import', join(root, 'node_modules/tsx/dist/esm/index.mjs'), join(root, 'cli/main.ts'), 'mcp'];
  const env = { ...process.env, ...Object.fromEntries(places), TESSERA_THREADS: '1' } as Record<string, string>;
  return connect(new StdioClientTransport({ command: process.execPath, args, cwd: home, env, stderr: 'ignore' }));
}

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

const textOf = ({ content }: CallToolResult): string => content.map((one) => (one.type === 'text' ? one.text : '')).join('\n'); // prettier-ignore

describe.each([
  ['streamable HTTP', overHttp],
  ['standard input and output', overStdio],
])('tools over %s', patient, (way, open) => {
  let client: Awaited<ReturnType<typeof connect>>;
  beforeAll(async () => void (client = await open()), 10 * MINUTES);
  const call = async (name: string, args: object, onprogress?: (one: Progress) => void): Promise<CallToolResult> => {
    const options = { ...patient, ...(onprogress && { onprogress }) };
    return (await client.callTool({ name, arguments: { ...args } }, undefined, options)) as CallToolResult;
  };
  const videoOf = ({ structuredContent }: CallToolResult): VideoObject => structuredContent as VideoObject;

  it('are listed with the schemas of requests', async () => {
    const { tools } = await client.listTools(undefined, patient);
    expect(tools.map(({ name }) => name)).toEqual(['generate', 'list_videos', 'video_status', 'cancel_video', 'caption', 'captions_status', 'ask', 'search', 'list_models']); // prettier-ignore
    const { inputSchema, outputSchema } = tools[0]!;
    expect(inputSchema).toMatchObject({ type: 'object', required: ['prompt'], additionalProperties: false });
    expect(Object.keys(inputSchema.properties!)).toEqual(expect.arrayContaining(['seed', 'seconds', 'waitSeconds']));
    expect(Object.keys(inputSchema.properties!)).not.toContain('output');
    expect(outputSchema!.properties).toHaveProperty('status');
  });

  it('render a clip, tell how far it is, and link to it', async () => {
    const told: Progress[] = [];
    const wish = { model: 'tiny', prompt: 'a red unicorn', seed: 7, steps: 40 };
    const result = await call('generate', { ...wish, waitSeconds: 3600 }, (one) => void told.push(one));
    expect(result.isError, textOf(result)).toBeUndefined();
    const video = videoOf(result);
    expect(video).toMatchObject({ status: 'completed', prompt: 'a red unicorn', render: { seed: 7, steps: 40 } });
    expect(textOf(result)).toContain('tiny does not know these words: unicorn.');
    expect(told.length).toBeGreaterThan(0);
    expect(told.every(({ total, message }) => total === 100 && typeof message === 'string')).toBe(true);
    expect(told.map(({ progress }) => progress)).toEqual([...new Set(told.map(({ progress }) => progress))].sort((a, b) => a - b)); // prettier-ignore
    expect(textOf(result).includes(join(folder, 'stdio')), 'only those of this machine learn of paths').toBe(way.startsWith('standard')); // prettier-ignore

    const link = result.content.find((one) => one.type === 'resource_link')!;
    expect(link).toMatchObject({ uri: `tessera://videos/${video.id}/video.mp4`, mimeType: 'video/mp4' });
    const { contents } = await client.readResource({ uri: link.uri }, patient);
    const [clip] = contents as { blob: string; mimeType: string }[];
    expect(Buffer.from(clip!.blob, 'base64').subarray(4, 8).toString()).toBe('ftyp');
    const picture = await client.readResource({ uri: link.uri.replace('video.mp4', 'thumbnail.png') }, patient);
    expect(picture.contents[0]).toMatchObject({ mimeType: 'image/png' });
    const { resources } = await client.listResources(undefined, patient);
    expect(resources.map(({ uri }) => uri)).toEqual([link.uri]);
    expect((await client.listResourceTemplates(undefined, patient)).resourceTemplates).toHaveLength(8);

    const again = await call('generate', wish);
    expect(videoOf(again)).toMatchObject({ id: video.id, status: 'completed' });
    const list = (await call('list_videos', { limit: 5 })).structuredContent;
    expect(list).toMatchObject({ videos: [{ id: video.id }], has_more: false });
  });

  it('caption a clip that was made here, and a film where the agent is of this machine', async () => {
    const { videos } = (await call('list_videos', {})).structuredContent as { videos: VideoObject[] };
    const result = await call('caption', { video: videos[0]!.id, captioner: 'detector', waitSeconds: 3600 });
    expect(result.isError, textOf(result)).toBeUndefined();
    const captions = result.structuredContent as unknown as CaptionsObject & { text: string };
    expect(captions).toMatchObject({ status: 'completed', video: videos[0]!.id });
    expect(captions.text).toMatch(/^0:00 {2}/);
    const link = result.content.find((one) => one.type === 'resource_link')!;
    const { contents } = await client.readResource({ uri: link.uri }, patient);
    expect(contents).toMatchObject([{ mimeType: 'text/vtt', text: expect.stringMatching(/^WEBVTT/) as string }]);
    const status = await call('captions_status', { id: captions.id });
    expect(status.structuredContent).toEqual(result.structuredContent);
    const film = await call('caption', {
      path: join(root, 'docs', 'penguin.webp'),
      captioner: 'detector',
      waitSeconds: 3600,
    });
    if (way.startsWith('standard'))
      expect(film.structuredContent).toMatchObject({ status: 'completed', name: 'penguin.webp' });
    else expect(textOf(film)).toContain('path is not opened over HTTP');
  });

  it('answer at once, follow, and cancel', async () => {
    const { id } = videoOf(await call('generate', long));
    const soon = await call('video_status', { id, waitSeconds: 0.1 });
    expect(['queued', 'in_progress'], textOf(soon)).toContain(videoOf(soon)?.status);
    await until('it runs', async () => videoOf(await call('video_status', { id })).status === 'in_progress');
    const later = call('video_status', { id, waitSeconds: 2 });
    await sleep(500);
    collectGarbage(); // which takes timers that nothing holds
    expect(videoOf(await later)).toMatchObject({ status: 'in_progress' });
    expect(videoOf(await call('cancel_video', { id }))).toMatchObject({
      status: 'failed',
      error: { code: 'cancelled' },
    });
    const ended = await call('video_status', { id, waitSeconds: 3600 });
    expect(videoOf(ended)).toMatchObject({ status: 'failed', error: { code: 'cancelled' } });
  });

  it('need not be waited for to the end', async () => {
    const gone = new AbortController();
    const wish = { ...long, seed: 2, waitSeconds: 3600 };
    const waiting = client.callTool({ name: 'generate', arguments: wish }, undefined, {
      ...patient,
      signal: gone.signal,
      onprogress: () => gone.abort(),
    });
    await expect(waiting).rejects.toThrow();
    const list = (await call('list_videos', {})).structuredContent as { videos: VideoObject[] };
    expect(list.videos[0]).toMatchObject({ render: { seed: 2 } });
    await call('cancel_video', { id: list.videos[0]!.id });
  });

  it('name models and what they can do', async () => {
    const { models } = (await call('list_models', {})).structuredContent as { models: { model: string }[] };
    const tiny = models.find(({ model }) => model === 'tiny');
    expect(tiny).toMatchObject({ size: { multipleOf: 16 }, frames: { default: 5 }, sampler: 'unipc' });
  });

  it.each([
    ['generate', {}, 'prompt is missing'],
    ['generate', { prompt: 'a cat', steps: 0, fps: 'fast' }, 'steps must be a whole number from 1 to 1000'],
    ['generate', { prompt: 'a cat', steps: 0, fps: 'fast' }, 'fps must be a number from 1 to 120'],
    ['generate', { prompt: 'a cat', model: 'tiny', width: 33 }, 'width (=33) must be'],
    ['generate', { prompt: 'a cat', model: '../tiny' }, 'model must be the name of a model'],
    ['generate', { prompt: 'a cat', output: '/tmp/x.mp4' }, 'output is the choice of the server'],
    ['generate', { prompt: 'a cat', waitSeconds: -1 }, 'waitSeconds must be a number of seconds'],
    ['list_videos', { limit: 0 }, 'limit must be a whole number from 1 to 100'],
    ['list_videos', { after: 'clip-0' }, 'after (=clip-0) is no video'],
    ['video_status', {}, 'id must be the id of a video'],
    ['video_status', { id: '../../etc/passwd' }, 'There is no video of this id'],
    ['cancel_video', { id: 'clip-0123456789abcdef' }, 'list_videos gives those that are there'],
    ['caption', {}, 'video or path must be given'],
    ['caption', { video: 'clip-0', every: 'often' }, 'every must be a time'],
    ['captions_status', { id: 'x' }, 'There is no captioned film of this id'],
    ['list_models', { name: 'tiny' }, 'name is no argument of this tool'],
  ])('say what is wrong: %s %j', async (name, args, message) => {
    const result = await call(name, args);
    expect([result.isError, textOf(result)]).toEqual([true, expect.stringContaining(message)]);
    expect(result.structuredContent).toBeUndefined();
  });

  it('are the only ones', async () => {
    await expect(call('rm', {})).rejects.toThrow('There is no tool rm. There are generate, ');
    for (const uri of [
      'tessera://videos/clip-0123456789abcdef/video.mp4',
      'tessera://videos/../video.mp4',
      'file:///etc/passwd',
    ]) {
      // prettier-ignore
      await expect(client.readResource({ uri }, patient)).rejects.toThrow('There is no');
    }
    await expect(client.listResources({ cursor: 'x' }, patient)).rejects.toThrow('after (=x)');
  });

  it('send nothing but the protocol', () => {
    // Over HTTP a cancellation does not reach the connection that it is for: its answer comes late, and is of no use.
    expect(client.strays.filter(({ message }) => !message.includes('unknown message ID'))).toEqual([]);
    expect(server.troubles).toEqual([]);
  });
});

describe('agents that are turned away', patient, () => {
  it('without the token, or with anything but messages', async () => {
    const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
    const body = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}';
    expect((await fetch(`${server.url}/mcp`, { method: 'POST', headers, body })).status).toBe(401);
    expect((await server.ask('/mcp', { method: 'POST', headers, body })).status).toBe(200);
    expect((await server.ask('/mcp')).status).toBe(405);
    expect((await server.ask('/mcp', { method: 'POST', headers, body: '{' })).status).toBe(400);
    expect((await server.ask('/mcp', { method: 'POST', headers, body: 'x'.repeat(300_000) })).status).toBe(413);
  });

  it('by a process that ends with its input, silently', async () => {
    const { code, stdout } = await start(join(folder, 'stdio'), ['mcp', '--workers', '0']).ended;
    expect([code, stdout]).toEqual([0, '']);
  });
});
