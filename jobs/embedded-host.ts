// The process that hosts the embedded queue: PGlite on a folder, answering PostgreSQL's protocol on a socket in that folder.
// Started by embedded-store.ts in whoever needs the queue first, and ends with it. All clients share PGlite's one session:
// pieces run one after the other, and while a transaction is open, only those of the client that opened it.
import { PGlite } from '@electric-sql/pglite';
import { vector } from '@electric-sql/pglite-pgvector';
import { mkdir } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { claimFolder, isListening, latestHost, shortFolder, socketIn } from './embedded-election.ts';
import { ClientReader, greeting, partNotifications, type Piece, rollback } from './embedded-wire.ts';

/** What the host tells the process that started it. */
export type HostNews =
  | { readonly kind: 'hosting'; readonly host: number }
  /** Another process hosts the folder. */
  | { readonly kind: 'taken' }
  | { readonly kind: 'failed'; readonly why: string };

/** A job that ran when the last host ended is its worker's for so long yet, however long there was no host to say so to. */
const GRACE_MS = 30_000;
/** Closing the database takes a moment. */
const CLOSE_MS = 10_000;

interface Waiting {
  readonly client: Socket;
  readonly bytes: Buffer;
}

/** Runs what clients send on one database, in turn. */
class Turns {
  readonly #database: PGlite;
  readonly #clients = new Set<Socket>();
  #waiting: Waiting[] = [];
  /** The client whose transaction is open. */
  #owner: Socket | undefined;
  #isEnding = false;

  constructor(database: PGlite) {
    this.#database = database;
  }

  enter(client: Socket): void {
    this.#clients.add(client);
  }

  leave(client: Socket): void {
    this.#clients.delete(client);
    this.#waiting = this.#waiting.filter((one) => one.client !== client);
    if (this.#owner !== client || this.#isEnding) return;
    this.#database.execProtocolRawSync(rollback);
    this.#owner = undefined;
    this.#run();
  }

  add(client: Socket, bytes: Buffer): void {
    this.#waiting.push({ client, bytes });
    this.#run();
  }

  /** Runs nothing any more, and lets everyone go. */
  async end(): Promise<void> {
    this.#isEnding = true;
    await this.#database.close();
    for (const client of this.#clients) client.destroy();
  }

  #run(): void {
    while (!this.#isEnding) {
      const next = this.#waiting.findIndex(({ client }) => this.#owner === undefined || this.#owner === client);
      if (next === -1) return;
      const [{ client, bytes }] = this.#waiting.splice(next, 1) as [Waiting];
      const { answer, notifications } = partNotifications(this.#database.execProtocolRawSync(bytes));
      this.#owner = this.#database.isInTransaction() ? client : undefined;
      if (client.writable) client.write(answer);
      if (notifications.length > 0) for (const one of this.#clients) if (one.writable) one.write(notifications);
    }
  }
}

function serve(client: Socket, turns: Turns, hello: Buffer): void {
  const reader = new ClientReader();
  const take = (piece: Piece): void => {
    if (piece.kind === 'run') turns.add(client, piece.bytes);
    else if (piece.kind === 'start') client.write(hello);
    else if (piece.kind === 'encrypt') client.write('N');
    else client.end();
  };
  turns.enter(client);
  client.setNoDelay(true);
  client.on('data', (chunk) => reader.push(chunk).forEach(take));
  client.on('error', () => client.destroy());
  client.on('close', () => turns.leave(client));
}

async function openDatabase(folder: string): Promise<{ readonly database: PGlite; readonly hello: Buffer }> {
  const data = join(folder, 'database');
  await mkdir(data, { recursive: true });
  const database = await PGlite.create(data, { extensions: { vector } }); // for the search index
  await database.exec('SET search_path TO bullmq'); // what BullMQ asks for when it connects, once for the one session
  await extendLocks(database);
  const { rows } = await database.query<{ server_version: string }>('SHOW server_version');
  return { database, hello: greeting(rows[0]!.server_version) };
}

/** Workers could not renew their locks without a host, so none has run out. A folder's first host finds no table. */
async function extendLocks(database: PGlite): Promise<void> {
  const { rows } = await database.query<{ job: string | null }>(`SELECT to_regclass('bullmq.job') AS job`);
  if (rows[0]!.job === null) return;
  const until = Date.now() + GRACE_MS;
  const running = `state = 'active' AND locked_until_ms < $1`;
  await database.query(`UPDATE bullmq.job SET locked_until_ms = $1, stalled_marked = false WHERE ${running}`, [until]);
}

async function host(folder: string, server: Server): Promise<HostNews> {
  const { path } = await shortFolder(folder); // held until this process ends
  const early: Socket[] = [];
  const hold = (client: Socket): void => void early.push(client.on('error', () => client.destroy()));
  server.on('connection', hold);
  const last = await latestHost(path);
  if (last > 0 && (await isListening(socketIn(path, last)))) return { kind: 'taken' };
  const number = await claimFolder(path, last, server);
  if (number === undefined) return { kind: 'taken' };
  const { database, hello } = await openDatabase(folder);
  const turns = new Turns(database);
  server.off('connection', hold);
  server.on('connection', (client) => serve(client, turns, hello));
  for (const client of early) serve(client, turns, hello);
  ending = () => turns.end();
  return { kind: 'hosting', host: number };
}

let ending: () => Promise<void> = () => Promise.resolve();
// A signal to the whole group is for the process that started this one, which then lets go of it.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
process.on('disconnect', endAll);

const news = await host(process.argv[2]!, createServer()).catch((error: unknown): HostNews => {
  return { kind: 'failed', why: error instanceof Error ? error.message : String(error) };
});
if (process.connected) process.send?.(news, () => news.kind !== 'hosting' && process.exit());
else endAll();

/** Nobody waits for this process any more, and while it listens nobody takes the folder over, which bears to be left at once. */
function endAll(): void {
  setTimeout(() => process.exit(1), CLOSE_MS);
  void ending().finally(() => process.exit());
}
