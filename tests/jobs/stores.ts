// The three stores of the queue, real ones: a folder, a Redis and a PostgreSQL that are started for a test file on free
// ports of the loopback, with their data in its folder, and end with it.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chown, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { Redis } from 'ioredis';
import { Queue } from '../../jobs/queue.ts';
import type { Settings } from '../../jobs/settings.ts';
import { findProgram } from '../../scripts/stores.mjs';
import { settingsIn } from './scratch.ts';
import { until } from './until.ts';

export const storeKinds = ['embedded', 'redis', 'postgres'] as const;
export type StoreKind = (typeof storeKinds)[number];

export interface TestStore {
  /** The address for TESSERA_QUEUE; the embedded store has none. */
  readonly queue?: string;
  /** Kills the server and starts it again on its data; the embedded store's host is killed by whoever wants that. */
  restart?(): Promise<void>;
  close(): Promise<void>;
}

/** A store with nothing in it. */
export function startStore(kind: StoreKind): Promise<TestStore> {
  if (kind === 'redis') return startRedis();
  if (kind === 'postgres') return startPostgres();
  return Promise.resolve({ close: () => Promise.resolve() });
}

export interface StoreQueue {
  readonly store: TestStore;
  readonly settings: Settings;
  readonly queue: Queue;
}

/** A queue in a new store, whose jobs are done in a folder that is made, with the models of another. */
export async function openStoreQueue(kind: StoreKind, folder: string, models: string): Promise<StoreQueue> {
  await mkdir(folder, { recursive: true });
  const store = await startStore(kind);
  const own = { ...settingsIn(folder), modelFolders: [models] };
  const settings = { ...own, ...(store.queue !== undefined && { queue: store.queue }) };
  return { store, settings, queue: await Queue.open(settings) };
}

function program(name: string): string {
  const path = findProgram(name);
  if (path === undefined) throw new Error(`These tests need ${name}. Install it (Debian: redis-server, postgresql).`);
  return path;
}

function freePort(): Promise<number> {
  return new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => done(port));
    });
  });
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const end = new Promise((done) => child.once('exit', done));
  child.kill(signal);
  await end;
}

async function startRedis(): Promise<TestStore> {
  const folder = await mkdtemp(join(tmpdir(), 'tessera-redis-'));
  const port = await freePort();
  const files = ['--dir', folder, '--save', '', '--appendonly', 'yes'];
  const launch = async (): Promise<ChildProcess> => {
    const args = ['--port', String(port), '--bind', '127.0.0.1', ...files];
    const started = spawn(program('redis-server'), args, { stdio: 'ignore' });
    const client = new Redis({ port, host: '127.0.0.1', retryStrategy: () => 100, maxRetriesPerRequest: null });
    client.on('error', () => undefined);
    await client.ping();
    client.disconnect();
    return started;
  };
  let server = await launch();
  return {
    queue: `redis://127.0.0.1:${port}`,
    restart: async () => {
      await ended(server, 'SIGKILL');
      server = await launch();
    },
    close: async () => {
      await ended(server, 'SIGKILL');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** PostgreSQL does not run as root: then it runs as a user who has nothing to lose. */
function otherUser(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const idOf = (flag: string, user: string): number =>
    Number(spawnSync('id', [flag, user], { encoding: 'utf8' }).stdout);
  const user = ['postgres', 'nobody'].find((name) => spawnSync('id', [name]).status === 0)!;
  return { uid: idOf('-u', user), gid: idOf('-g', user) };
}

async function startPostgres(): Promise<TestStore> {
  const folder = await mkdtemp(join(tmpdir(), 'tessera-postgres-'));
  const user = otherUser();
  if (user.uid !== undefined) await chown(folder, user.uid, user.gid!);
  const options = { ...user, cwd: folder, stdio: 'ignore' as const };
  const data = join(folder, 'data');
  const made = spawn(program('initdb'), ['-D', data, '-U', 'tessera', '-A', 'trust', '-E', 'UTF8', '--no-locale', '--no-sync'], options); // prettier-ignore
  const code = await new Promise((done) => made.once('exit', done));
  if (code !== 0) throw new Error(`initdb ended with ${String(code)}.`);
  const port = await freePort();
  const args = ['-D', data, '-p', String(port), '-k', folder, '-c', 'listen_addresses=127.0.0.1', '-c', 'fsync=off'];
  const queue = `postgres://tessera@127.0.0.1:${port}/postgres`;
  const answers = async (): Promise<boolean> => {
    const client = new pg.Client(queue);
    client.on('error', () => undefined);
    return client.connect().then(() => client.end()).then(() => true, () => false); // prettier-ignore
  };
  const launch = async (): Promise<ChildProcess> => {
    const started = spawn(program('postgres'), args, options);
    await until('PostgreSQL answers', answers);
    return started;
  };
  let server = await launch();
  return {
    queue,
    restart: async () => {
      await ended(server, 'SIGQUIT'); // at once, as in a crash, but with an end to its shared memory
      server = await launch();
    },
    close: async () => {
      await ended(server, 'SIGQUIT');
      await rm(folder, { recursive: true, force: true });
    },
  };
}
