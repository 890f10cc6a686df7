// The index on a real PostgreSQL server: it works where pgvector is installed, and else says what is missing.
import pg from 'pg';
import { expect, it } from 'vitest';
import { SearchStore } from '../../jobs/search-store.ts';
import { scratch, settingsIn } from './scratch.ts';
import { startStore } from './stores.ts';

it('needs pgvector on the server, and says so', { timeout: 300_000 }, async () => {
  const server = await startStore('postgres');
  try {
    const client = new pg.Client(server.queue);
    await client.connect();
    const { rowCount } = await client.query(`SELECT FROM pg_available_extensions WHERE name = 'vector'`);
    await client.end();
    const opening = SearchStore.open({ ...settingsIn(await scratch()), queue: server.queue! });
    if (rowCount === 0) {
      await expect(opening).rejects.toMatchObject({
        code: 'NO_PGVECTOR',
        message: expect.stringContaining('postgresql-15-pgvector') as string,
      });
      return;
    }
    const store = await opening;
    const film = { path: '/a.mp4', sizeBytes: 1, modifiedMs: 1, key: 'a' };
    const choices = { captioner: 'detector', clip: 'nano', space: 'nano@1' };
    const shots = [{ startSeconds: 0, endSeconds: 1, caption: 'A dog.', place: [1, 0] }];
    await store.addFilm(film, { sha256: 'a', choices, shots });
    const [space] = await store.spaces();
    const near = await store.nearest(space!, Float32Array.of(1, 0), { count: 1 });
    expect(near).toEqual(await store.byWords('dogs', { count: 1 }));
    await store.close();
  } finally {
    await server.close();
  }
});
