// Searching and asking as agents do, by the client of the protocol's SDK: all that is indexed where the agent is of this machine's
// user, only the films of the server over HTTP.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Captions } from '../../jobs/captions.ts';
import { indexFilms } from '../../jobs/index-films.ts';
import { Queue } from '../../jobs/queue.ts';
import { Videos } from '../../jobs/videos.ts';
import { Agent } from '../../server/mcp-agent.ts';
import { createMcpServer } from '../../server/mcp-server.ts';
import { DOG, filmTeller, TRAIN } from '../jobs/film-teller.ts';
import { settingsIn, sharedScratch } from '../jobs/scratch.ts';
import { writeColours } from '../understanding/clips.ts';

const MINUTES = 60_000;
const folder = await sharedScratch();
const settings = { ...settingsIn(folder), modelFolders: [resolve('models')] };
const shelf = join(settings.dataFolder, 'videos');
const id = 'clip-0123456789abcdef';

let queue: Queue;
const agents: Agent[] = [];
beforeAll(async () => {
  await mkdir(shelf, { recursive: true });
  queue = await Queue.open(settings);
}, 10 * MINUTES);
afterAll(async () => {
  for (const agent of agents) await agent.close();
  await queue.close();
}, 10 * MINUTES);

async function connect(tellsPaths: boolean, of = queue): Promise<Client> {
  const videos = await Videos.open(of, 10);
  const captions = await Captions.open(videos, 10);
  const agent = new Agent({ videos, captions, patienceMs: 10 * MINUTES, tellsPaths, onTrouble: console.error });
  agents.push(agent);
  const client = new Client({ name: 'tests', version: '1' });
  const [ours, theirs] = InMemoryTransport.createLinkedPair();
  await createMcpServer(agent).connect(ours);
  await client.connect(theirs);
  return client;
}

const call = async (client: Client, name: string, args: Record<string, unknown>): Promise<CallToolResult> =>
  (await client.callTool({ name, arguments: args }, undefined, { timeout: 10 * MINUTES })) as CallToolResult;
const textOf = ({ content }: CallToolResult): string => content.map((one) => (one.type === 'text' ? one.text : '')).join('\n'); // prettier-ignore

it(
  'finds shots, links to their pictures, and keeps what is not the server’s from others',
  { timeout: 10 * MINUTES },
  async () => {
    const [user, stranger] = [await connect(true), await connect(false)];
    const early = await call(user, 'search', { question: 'a dog' });
    expect([early.isError, textOf(early)]).toEqual([true, expect.stringContaining('Nothing is indexed yet')]);
    await writeColours(join(shelf, `${id}.mp4`), [DOG]);
    await writeColours(join(folder, 'private.mp4'), [TRAIN]);
    const { captioner } = await filmTeller();
    await indexFilms({ videos: [shelf, join(folder, 'private.mp4')], captioner }, { settings });

    const mine = await call(user, 'search', { question: 'a train', limit: 1 });
    expect(mine.structuredContent).toMatchObject({ shots: [{ film: join(folder, 'private.mp4'), video: null, caption: 'A train leaves.' }] }); // prettier-ignore
    const theirs = await call(stranger, 'search', { question: 'a train or a dog' });
    expect(theirs.structuredContent).toMatchObject({ shots: [{ film: `${id}.mp4`, video: id, start: 0 }] });
    expect(textOf(theirs)).not.toContain(folder);
    const links = theirs.content.filter((one) => one.type === 'resource_link');
    expect(links.map(({ uri }) => uri)).toEqual([expect.stringMatching(/^tessera:\/\/shots\/.*\/thumbnail\.png$/), `tessera://videos/${id}/video.mp4`]); // prettier-ignore
    const { contents } = await stranger.readResource({ uri: links[0]!.uri });
    expect(contents).toMatchObject([{ mimeType: 'image/png', blob: expect.stringMatching(/^iVBOR/) as string }]);
    const secret = mine.content.find((one) => one.type === 'resource_link')!.uri;
    await expect(stranger.readResource({ uri: secret })).rejects.toThrow('There is no picture of this shot');
  },
);

it('asks with a captioner that is there, about what the agent may see', { timeout: 10 * MINUTES }, async () => {
  const [user, stranger] = [await connect(true), await connect(false)];
  const question = 'what is it?';
  expect(textOf(await call(stranger, 'ask', { question, path: '/etc/passwd' }))).toContain(
    'path is not opened over HTTP',
  );
  expect(textOf(await call(user, 'ask', { question }))).toContain('video or path must be given');
  expect(textOf(await call(user, 'ask', { question, video: id, captioner: 'hf:none' }))).toMatch(/captioner must be .*: no other answers here|Nothing here answers/); // prettier-ignore
});

it('answers by the endpoint that its owner set', { timeout: 10 * MINUTES }, async () => {
  const { captioner } = await filmTeller();
  const sighted = await Queue.open({ ...settings, vision: { url: captioner.slice('openai:'.length) } });
  const user = await connect(true, sighted);
  const film = join(folder, 'asked.mp4');
  await writeColours(film, [TRAIN]);
  const told = await call(user, 'ask', { question: 'what leaves?', path: film });
  expect(told.structuredContent).toMatchObject({ answer: 'A train leaves.' });
  await sighted.close();
});
