// Searching a real server over HTTP: it finds what it made, shows pictures of that, and tells nobody of the other films of its machine.
import { mkdir, symlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { indexFilms } from '../../jobs/index-films.ts';
import { Searcher } from '../../jobs/search.ts';
import { DOG, filmTeller, TRAIN } from '../jobs/film-teller.ts';
import { settingsIn, sharedScratch } from '../jobs/scratch.ts';
import { writeColours } from '../understanding/clips.ts';
import { badFields, startServer, type TestServer } from './running.ts';

const MINUTES = 60_000;
const folder = await sharedScratch();
const settings = settingsIn(folder);
const video = 'clip-0123456789abcdef';

let server: TestServer;
beforeAll(async () => {
  server = await startServer(folder, { token: 'secret' });
  await symlink(resolve('models/nano'), join(folder, 'models', 'nano')); // its towers place films
}, 10 * MINUTES);
afterAll(() => server.close(), 10 * MINUTES);

interface Found {
  readonly object: string;
  readonly data: readonly { readonly id: string; readonly film: string; readonly by: readonly string[] }[];
  readonly notices: readonly string[];
}
const search = (question: string): Promise<Response> => server.ask(`/v1/search?question=${encodeURIComponent(question)}`); // prettier-ignore

it('finds shots of the server’s films only, with their pictures', { timeout: 10 * MINUTES }, async () => {
  const early = await search('a dog');
  expect([early.status, await early.text()]).toEqual([422, expect.stringContaining('Nothing is indexed yet')]);
  const shelf = join(settings.dataFolder, 'videos');
  await mkdir(shelf, { recursive: true });
  await writeColours(join(shelf, `${video}.mp4`), [DOG]);
  await writeColours(join(folder, 'private.mp4'), [TRAIN]);
  const { captioner } = await filmTeller();
  await indexFilms({ videos: [shelf, join(folder, 'private.mp4')], captioner }, { settings });

  const answer = await search('a train or a dog');
  const text = await answer.text();
  const found = JSON.parse(text) as Found;
  expect(answer.status).toBe(200);
  expect(found).toMatchObject({ object: 'list', data: [{ object: 'shot', video, film: `${video}.mp4`, start: 0 }] });
  expect(found.data[0]!.by).toContain('words');
  expect(text).not.toContain(folder);

  const picture = await server.ask(`/v1/shots/${found.data[0]!.id}/content`);
  expect([picture.status, picture.headers.get('content-type')]).toEqual([200, 'image/png']);
  expect(
    Buffer.from(await picture.arrayBuffer())
      .subarray(1, 4)
      .toString(),
  ).toBe('PNG');

  const owner = await Searcher.open(settings);
  const secret = (await owner.search({ question: 'a train' })).hits.find(({ film }) => film.endsWith('private.mp4'))!;
  await owner.close();
  expect((await server.ask(`/v1/shots/${secret.id}/content`)).status).toBe(404);
  expect((await server.ask('/v1/shots/none/content')).status).toBe(404);
  expect(await (await server.ask('/metrics')).text()).toContain('route="/v1/search"');
  expect(server.troubles).toEqual([]);
});

it('names the fields that do not fit, and wants the token', async () => {
  expect(await badFields(await server.ask('/v1/search'))).toEqual(['question']);
  expect(await badFields(await server.ask('/v1/search?question=dog&limit=0&folder=/'))).toEqual(
    expect.arrayContaining(['limit', 'folder']),
  );
  expect((await fetch(`${server.url}/v1/search?question=dog`)).status).toBe(401);
});

it('is described for machines', async () => {
  const { paths } = (await (await server.ask('/openapi.json')).json()) as {
    paths: Record<string, { get: { parameters: object[] } }>;
  };
  expect(paths['/v1/search']!.get.parameters).toMatchObject([{ name: 'question', required: true }, { name: 'limit' }]);
  expect(paths).toHaveProperty(['/v1/shots/{id}/content']);
});
