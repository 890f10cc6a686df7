// The tables of the search index, in a schema of their own beside the queue's: in the embedded database, or on a PostgreSQL server
// that has pgvector. `content` is what a file held when it was looked at, `film` where such files lie: one that moved is known again.
import { JobFailedError } from '../graph/errors.ts';
import type { PatientPool } from './postgres-pool.ts';

/**
 * Held until its transaction ends by whoever makes tables or changes what they hold. Several programs may index at once: an index over
 * places that two of them make would keep both from adding their shots.
 */
export const takeTurns = 'SELECT pg_advisory_xact_lock(7377301)';

const tables = `
  CREATE TABLE IF NOT EXISTS tessera.space (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    clip text NOT NULL,
    width int NOT NULL
  );
  CREATE TABLE IF NOT EXISTS tessera.content (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key text NOT NULL UNIQUE,
    sha256 text NOT NULL,
    choices jsonb NOT NULL
  );
  CREATE TABLE IF NOT EXISTS tessera.film (
    path text PRIMARY KEY,
    content int NOT NULL REFERENCES tessera.content,
    size_bytes float8 NOT NULL,
    modified_ms float8 NOT NULL
  );
  CREATE INDEX IF NOT EXISTS film_of_content ON tessera.film (content);
  CREATE TABLE IF NOT EXISTS tessera.shot (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    content int NOT NULL REFERENCES tessera.content ON DELETE CASCADE,
    space int NOT NULL REFERENCES tessera.space,
    start_seconds float8 NOT NULL,
    end_seconds float8 NOT NULL,
    caption text NOT NULL,
    words tsvector GENERATED ALWAYS AS (to_tsvector('english', caption)) STORED,
    place vector NOT NULL
  );
  CREATE INDEX IF NOT EXISTS shot_of_content ON tessera.shot (content);`;

/** What is said came later than what is seen: tables that were made before lack it. Their words are found together. */
const spokenWords = `
  ALTER TABLE tessera.shot ADD COLUMN said text NOT NULL DEFAULT '';
  ALTER TABLE tessera.shot ADD COLUMN said_words tsvector GENERATED ALWAYS AS (to_tsvector('english', said)) STORED;
  DROP INDEX IF EXISTS tessera.shot_words;
  CREATE INDEX shot_all_words ON tessera.shot USING gin ((words || said_words));`;

/** Makes what is missing. @returns the schemas to look for names in @throws JobFailedError (NO_PGVECTOR) */
export async function prepareSearchSchema(pool: PatientPool): Promise<string> {
  return pool.transaction(async (client) => {
    await client.query(takeTurns);
    await client.query('CREATE SCHEMA IF NOT EXISTS tessera');
    await client.query('CREATE EXTENSION IF NOT EXISTS vector SCHEMA tessera').catch((cause: unknown) => {
      throw withoutVector(cause);
    });
    const { rows } = await client.query<{ home: string }>(
      `SELECT extnamespace::regnamespace::text AS home FROM pg_extension WHERE extname = 'vector'`,
    );
    const path = [...new Set(['tessera', rows[0]!.home])].join(', ');
    await client.query(`SET LOCAL search_path TO ${path}`);
    await client.query(tables);
    const { rowCount } = await client.query(
      `SELECT FROM pg_attribute WHERE attrelid = 'tessera.shot'::regclass AND attname = 'said'`,
    );
    if (rowCount === 0) await client.query(spokenWords);
    return path;
  });
}

/**
 * An index over the places of one space. Its expression and its condition are those of `SearchStore.nearest`.
 */
export const placeIndex = ({ id, width }: { readonly id: number; readonly width: number }): string =>
  `CREATE INDEX IF NOT EXISTS shot_place_${id} ON tessera.shot USING hnsw ((place::vector(${width})) vector_ip_ops) WHERE space = ${id}`;

// Another store for those without it would be a second way to search, and slow where there is much to search in.
const withoutVector = (cause: unknown): JobFailedError =>
  new JobFailedError(
    `The search index needs pgvector in the PostgreSQL database of TESSERA_QUEUE (${cause instanceof Error ? cause.message : String(cause)}). ` +
      'Install it on the server (postgresql-15-pgvector of apt.postgresql.org) and have its owner run CREATE EXTENSION vector.',
    { code: 'NO_PGVECTOR', cause },
  );
