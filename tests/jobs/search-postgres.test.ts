// The index on a real PostgreSQL server: it works where pgvector is installed, and else says what is missing. Debian 12 has no
// package of pgvector, so that most machines run the second half only; what ran is told by the names.
import pg from 'pg';
import { afterAll, describe, expect, it } from 'vitest';
import { indexFilms } from '../../jobs/index-films.ts';
import { SearchStore } from '../../jobs/search-store.ts';
import { settingsIn, sharedScratch } from './scratch.ts';
import { startStore } from './stores.ts';

const MINUTES = 60_000;
const folder = await sharedScratch();
const server = await startStore('postgres');
afterAll(() => server.close(), 5 * MINUTES);
const settings = { ...settingsIn(folder), queue: server.queue! };
const [vector] = await rows<{ version: string }>(`SELECT default_version AS version FROM pg_available_extensions WHERE name = 'vector'`); // prettier-ignore

async function rows<T extends object>(text: string): Promise<readonly T[]> {
  const client = new pg.Client(server.queue);
  await client.connect();
  try {
    return (await client.query<T>(text)).rows;
  } finally {
    await client.end();
  }
}

describe.runIf(vector === undefined)('a server without pgvector', { timeout: 5 * MINUTES }, () => {
  const missing = {
    code: 'NO_PGVECTOR',
    message: expect.stringMatching(/postgresql-15-pgvector.*CREATE EXTENSION vector/) as string,
  };

  it('is told of, with what to install, before any film is looked at', async () => {
    await expect(SearchStore.open(settings)).rejects.toMatchObject(missing);
    await expect(indexFilms({ videos: [folder] }, { settings })).rejects.toMatchObject(missing);
  });

  it('is left as it was', async () => {
    expect(await rows(`SELECT FROM pg_namespace WHERE nspname = 'tessera'`)).toEqual([]);
  });
});

describe.runIf(vector !== undefined)(`a server with pgvector ${vector?.version}`, { timeout: 5 * MINUTES }, () => {
  const choices = { captioner: 'detector', clip: 'nano', space: 'nano@1' };
  const shots = [0, 1, 2].map((angle) => ({
    startSeconds: angle,
    endSeconds: angle + 1,
    caption: ['A dog runs.', 'A boat lies there.', 'A train leaves.'][angle]!,
    said: angle === 1 ? 'Look at the harbour!' : '',
    place: [Math.cos(angle), Math.sin(angle)],
  }));

  it('keeps shots, and finds them by captions, by what is said and by places', async () => {
    const store = await SearchStore.open(settings);
    await store.addFilm({ path: '/a.mp4', sizeBytes: 1, modifiedMs: 1, key: 'a' }, { sha256: 'a', choices, shots });
    const [space] = await store.spaces();
    const captions = async (ids: readonly number[]): Promise<readonly string[]> =>
      (await store.shots(ids)).map(({ caption }) => caption);
    expect(await captions(await store.byWords('dogs', { count: 5 }))).toEqual(['A dog runs.']);
    expect(await captions(await store.byWords('boats and harbours', { count: 5 }))).toEqual(['A boat lies there.']);
    const near = (more = {}): Promise<readonly number[]> =>
      store.nearest(space!, Float32Array.of(Math.cos(1.9), Math.sin(1.9)), { count: 2, ...more });
    expect(await captions(await near())).toEqual(['A train leaves.', 'A boat lies there.']);
    expect(await near({ folders: ['/elsewhere/'] })).toEqual([]);
    await store.close();
  });

  it('has an index over the places of each space', async () => {
    expect(await rows(`SELECT FROM pg_indexes WHERE schemaname = 'tessera' AND indexdef LIKE '%hnsw%'`)).toHaveLength(
      1,
    );
  });

  it('serves several at once, and forgets films that are gone', async () => {
    const stores = await Promise.all([1, 2, 3].map(() => SearchStore.open(settings)));
    const films = stores.map((store, i) =>
      store.addFilm(
        { path: `/${i}.mp4`, sizeBytes: 1, modifiedMs: 1, key: `k${i}` },
        { sha256: `s${i}`, choices, shots },
      ),
    );
    await Promise.all(films);
    expect(await stores[0]!.counts()).toEqual({ films: 4, shots: 12 });
    await stores[1]!.removeFilms(['/a.mp4', '/0.mp4', '/1.mp4', '/2.mp4']);
    expect(await stores[2]!.counts()).toEqual({ films: 0, shots: 0 });
    await Promise.all(stores.map((store) => store.close()));
  });
});
