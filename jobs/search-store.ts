// The search index as its users see it: which films are known, what their shots show, in words and as places in a joint space, and
// which shots lie nearest to a question. In the queue's database where that is PostgreSQL, else in the embedded one.
import { join } from 'node:path';
import { JobFailedError, TesseraError } from '../graph/errors.ts';
import { EmbeddedStore } from './embedded-store.ts';
import { embeddedPool, PatientPool, type PoolClient } from './postgres-pool.ts';
import { placeIndex, prepareSearchSchema, takeTurns } from './search-schema.ts';
import type { Settings } from './settings.ts';

/** How a film was looked at. */
export interface IndexChoices {
  /** What `--captioner` and `--clip` call them. */
  readonly captioner: string;
  readonly clip: string;
  /** The space that the clip's name stood for; another training has another name. */
  readonly space: string;
  readonly [other: string]: unknown;
}

export interface KnownFilm {
  readonly path: string;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  readonly sha256: string;
  readonly key: string;
  readonly choices: IndexChoices;
}

export interface ShotToIndex {
  readonly startSeconds: number;
  readonly endSeconds: number;
  readonly caption: string;
  /** What is said in it; empty where nobody listened. */
  readonly said?: string;
  /** Of length 1. */
  readonly place: readonly number[];
}

export interface FilmToIndex {
  readonly path: string;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  /** Names the content and how it was looked at. */
  readonly key: string;
}

export interface Space {
  readonly id: number;
  readonly name: string;
  readonly clip: string;
  readonly width: number;
}

export interface FoundShot {
  readonly id: number;
  /** Where the film lies, and its copies. */
  readonly paths: readonly string[];
  readonly key: string;
  readonly startSeconds: number;
  readonly endSeconds: number;
  readonly caption: string;
  readonly said: string;
}

export interface Within {
  /** At most so many. */
  readonly count: number;
  /** Only films below these folders; undefined for all. */
  readonly folders?: readonly string[] | undefined;
}

export class SearchStore {
  readonly #pool: PatientPool;
  readonly #path: string;
  readonly #close: () => Promise<void>;

  private constructor(pool: PatientPool, path: string, close: () => Promise<void>) {
    this.#pool = pool;
    this.#path = path;
    this.#close = close;
  }

  /** @throws JobFailedError (INDEX_UNREACHABLE, NO_PGVECTOR) */
  static async open(settings: Settings): Promise<SearchStore> {
    const { pool, close } = await openPool(settings);
    try {
      return new SearchStore(pool, await prepareSearchSchema(pool), close);
    } catch (error) {
      await close().catch(() => undefined);
      if (error instanceof TesseraError) throw error;
      const why = error instanceof Error ? error.message || (error as NodeJS.ErrnoException).code : String(error);
      const words = `The search index cannot be reached: ${why}. Check that the server of TESSERA_QUEUE runs.`;
      throw new JobFailedError(words, { code: 'INDEX_UNREACHABLE', cause: error });
    }
  }

  close(): Promise<void> {
    return this.#close();
  }

  /** All films, by path. */
  async films(): Promise<ReadonlyMap<string, KnownFilm>> {
    const rows = await this.#rows<KnownFilm>(
      `SELECT path, size_bytes AS "sizeBytes", modified_ms AS "modifiedMs", sha256, key, choices
       FROM film JOIN content ON content.id = film.content ORDER BY path`,
    );
    return new Map(rows.map((film) => [film.path, film]));
  }

  /** How the latest film was looked at. */
  async latestChoices(): Promise<IndexChoices | undefined> {
    const [row] = await this.#rows<{ choices: IndexChoices }>('SELECT choices FROM content ORDER BY id DESC LIMIT 1');
    return row?.choices;
  }

  /** Whether such content was looked at in such a way. */
  async hasContent(key: string): Promise<boolean> {
    return (await this.#rows('SELECT FROM content WHERE key = $1', [key])).length > 0;
  }

  /** Says where content that is known lies. What lay there before goes. */
  putFilm(film: FilmToIndex): Promise<void> {
    return this.#write((client) => putFilm(client, film));
  }

  /** Adds content with its shots, and says where it lies. */
  addFilm(
    film: FilmToIndex,
    { sha256, choices, shots }: { sha256: string; choices: IndexChoices; shots: readonly ShotToIndex[] },
  ): Promise<void> {
    return this.#write(async (client) => {
      const content = [film.key, sha256, JSON.stringify(choices)];
      const { rows } = await client.query<{ id: number }>(
        'INSERT INTO content (key, sha256, choices) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING id',
        content,
      );
      const [width] = shots.map(({ place }) => place.length);
      if (rows[0] !== undefined && width !== undefined) {
        const space = await spaceOf(client, choices, width);
        await client.query(
          `INSERT INTO shot (content, space, start_seconds, end_seconds, caption, said, place)
           SELECT $1, $2, * FROM unnest($3::float8[], $4::float8[], $5::text[], $6::text[], $7::text[]::vector[])`,
          [
            rows[0].id,
            space,
            shots.map(({ startSeconds }) => startSeconds),
            shots.map(({ endSeconds }) => endSeconds),
            shots.map(({ caption }) => caption),
            shots.map(({ said = '' }) => said),
            shots.map(({ place }) => vectorText(place)),
          ],
        );
      }
      await putFilm(client, film);
    });
  }

  removeFilms(paths: readonly string[]): Promise<void> {
    return this.#write(async (client) => {
      await client.query('DELETE FROM film WHERE path = ANY ($1)', [paths]);
      await client.query(forgetContents);
    });
  }

  async counts(): Promise<{ readonly films: number; readonly shots: number }> {
    const [row] = await this.#rows<{ films: number; shots: number }>(
      'SELECT (SELECT count(*) FROM film)::int AS films, (SELECT count(*) FROM shot)::int AS shots',
    );
    return row!;
  }

  /** Spaces that shots have places in. */
  spaces(): Promise<readonly Space[]> {
    return this.#rows<Space>('SELECT * FROM space WHERE EXISTS (SELECT FROM shot WHERE space = space.id) ORDER BY id');
  }

  /** Shots whose captions, or what is said in them, have all words of the question, then those that have some of them, each with the best first. */
  async byWords(question: string, within: Within): Promise<readonly number[]> {
    const all = `plainto_tsquery('english', $1)`;
    const some = `CAST(replace(${all}::text, '&', '|') AS tsquery)`;
    const best = await this.#matching(all, question, within);
    if (best.length >= within.count) return best;
    const more = (await this.#matching(some, question, within)).filter((id) => !best.includes(id));
    return [...best, ...more].slice(0, within.count);
  }

  /** Shots nearest to a place in a space. */
  async nearest({ id, width }: Space, place: Float32Array, { count, folders }: Within): Promise<readonly number[]> {
    // Below folders there are so few that all are compared: the index would give the nearest of all, of which none may lie there.
    const [from, order] = folders === undefined ? ['', `place::vector(${width})`] : [`AND ${isBelow}`, 'place'];
    const values = [vectorText(place), folders].filter((value) => value !== undefined);
    const found = await this.#change(async (client) => {
      await client.query(`SET LOCAL hnsw.ef_search = ${Math.min(1000, count)}`); // else it finds no more than 40
      const text = `SELECT s.id FROM shot s WHERE space = ${id} ${from} ORDER BY ${order} <#> $1 LIMIT ${count}`;
      return client.query<{ id: number }>(text, values);
    });
    return found.rows.map((one) => one.id);
  }

  /** Shots by their numbers, in that order. */
  shots(ids: readonly number[]): Promise<readonly FoundShot[]> {
    return this.#rows<FoundShot>(
      `SELECT s.id, c.key, caption, said, start_seconds AS "startSeconds", end_seconds AS "endSeconds",
         (SELECT array_agg(path ORDER BY path) FROM film WHERE film.content = c.id) AS paths
       FROM shot s JOIN content c ON c.id = s.content WHERE s.id = ANY ($1) ORDER BY array_position($1, s.id)`,
      [ids],
    );
  }

  /** A shot by its content and where it begins. */
  async shotAt(key: string, startMs: number): Promise<FoundShot | undefined> {
    const [row] = await this.#rows<{ id: number }>(
      `SELECT s.id FROM shot s JOIN content c ON c.id = s.content
       WHERE c.key = $1 AND round(start_seconds * 1000) = $2`,
      [key, startMs],
    );
    return row && (await this.shots([row.id]))[0];
  }

  /** Only some are ranked, which takes longer than to find them, and tells little among thousands that fit. */
  async #matching(query: string, question: string, { count, folders }: Within): Promise<readonly number[]> {
    const found = await this.#rows<{ id: number }>(
      `SELECT id FROM (
         SELECT id, words || said_words AS words FROM shot s WHERE (words || said_words) @@ ${query} ${folders === undefined ? '' : `AND ${isBelow}`} LIMIT ${MOST_RANKED}
       ) AS fitting ORDER BY ts_rank(words, ${query}) DESC, id LIMIT ${count}`,
      [question, folders].filter((value) => value !== undefined),
    );
    return found.map(({ id }) => id);
  }

  #rows<R extends object>(text: string, values: readonly unknown[] = []): Promise<R[]> {
    return this.#change(async (client) => (await client.query<R>(text, [...values])).rows);
  }

  #write<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    return this.#change(async (client) => {
      await client.query(takeTurns);
      return work(client);
    });
  }

  /** The embedded database has one session for all its users, so that nothing may be set for longer. */
  #change<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    return this.#pool.transaction(async (client) => {
      await client.query(`SET LOCAL search_path TO ${this.#path}`);
      return work(client);
    });
  }
}

const MOST_RANKED = 2000;

/** $2: folders that a film must lie below. */
const isBelow = `EXISTS (
  SELECT FROM film, unnest($2::text[]) AS folder WHERE film.content = s.content AND starts_with(film.path, folder))`;

const forgetContents = 'DELETE FROM content WHERE NOT EXISTS (SELECT FROM film WHERE film.content = content.id)';

async function putFilm(client: PoolClient, { path, sizeBytes, modifiedMs, key }: FilmToIndex): Promise<void> {
  await client.query(
    `INSERT INTO film (path, content, size_bytes, modified_ms)
     SELECT $1, id, $2, $3 FROM content WHERE key = $4
     ON CONFLICT (path) DO UPDATE SET content = excluded.content, size_bytes = excluded.size_bytes, modified_ms = excluded.modified_ms`,
    [path, sizeBytes, modifiedMs, key],
  );
  await client.query(forgetContents);
}

async function spaceOf(client: PoolClient, { space, clip }: IndexChoices, width: number): Promise<number> {
  await client.query('INSERT INTO space (name, clip, width) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING', [space, clip, width]); // prettier-ignore
  const { rows } = await client.query<{ id: number }>('SELECT id FROM space WHERE name = $1', [space]);
  const { id } = rows[0]!;
  const { rowCount } = await client.query(`SELECT FROM pg_am WHERE amname = 'hnsw'`); // pgvector has it since 0.5
  if (rowCount === 1) await client.query(placeIndex({ id, width }));
  return id;
}

const vectorText = (values: ArrayLike<number>): string => `[${Array.from(values).join(',')}]`;

async function openPool({ queue, dataFolder }: Settings): Promise<{ pool: PatientPool; close: () => Promise<void> }> {
  if (queue !== undefined && !/^rediss?:/.test(queue)) {
    const pool = new PatientPool({ connectionString: queue });
    return { pool, close: () => pool.end() };
  }
  const store = await EmbeddedStore.open(join(dataFolder, 'queue'));
  const pool = embeddedPool(store);
  const close = async (): Promise<void> => {
    await pool.end();
    await store.close();
  };
  return { pool, close };
}
