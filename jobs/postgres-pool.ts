// Connections to PostgreSQL for BullMQ and the search index, patient: what fails because the server went away is tried again for a
// while, so that a restart, or the handing over of the embedded store, is a delay and not an error. BullMQ's operations bear to be
// repeated (at worst a job is seen as lost by its worker and taken up again), and so must what runs in `transaction`.
import pg from 'pg';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EmbeddedStore } from './embedded-store.ts';

/** How long a server may be away. */
const PATIENCE_MS = 60_000;
const TRY_AGAIN_MS = 250;
const CONNECTIONS = 8;

export type PoolClient = pg.PoolClient;

/** What of `pg.Pool` BullMQ uses, and transactions. */
export class PatientPool {
  /** BullMQ looks here for keepAlive, to know whether it will hear of a lost connection. */
  readonly options = { keepAlive: true };
  readonly #pool: pg.Pool;
  /** The longest wait for a server; 0 until it has answered once, so that a wrong address is told at once. */
  #patienceMs: number;

  constructor(config: pg.PoolConfig, patienceMs = 0) {
    this.#pool = new pg.Pool({ max: CONNECTIONS, keepAlive: true, ...config });
    this.#pool.on('error', () => undefined); // an idle connection was lost; the next use makes another
    this.#patienceMs = patienceMs;
  }

  query<R>(text: string, values?: readonly unknown[]): Promise<{ rows: R[]; rowCount: number | null }> {
    return this.#patiently(
      async () => (await this.#pool.query(text, values as unknown[])) as pg.QueryResult & { rows: R[] },
    );
  }

  connect(): Promise<pg.PoolClient> {
    return this.#patiently(() => this.#pool.connect());
  }

  /** Runs `work` in a transaction, and again from its beginning when the server went away within it. */
  transaction<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    return this.#patiently(async () => {
      const client = await this.#pool.connect();
      let failure: unknown;
      try {
        await client.query('BEGIN');
        const result = await work(client);
        await client.query('COMMIT');
        return result;
      } catch (error) {
        failure = error;
        await client.query('ROLLBACK').catch(() => undefined); // it has gone, and the transaction with it
        throw error;
      } finally {
        client.release(isAway(failure));
      }
    });
  }

  async end(): Promise<void> {
    this.#patienceMs = 0;
    await this.#pool.end();
  }

  on(event: 'error', listener: (error: Error) => void): this;
  on(event: 'connect', listener: (client: pg.PoolClient) => void): this;
  on(event: 'error' | 'connect', listener: (argument: never) => void): this {
    this.#pool.on(event as 'connect', listener as () => void);
    return this;
  }

  removeAllListeners(event?: string): this {
    this.#pool.removeAllListeners(event);
    return this;
  }

  async #patiently<T>(work: () => Promise<T>): Promise<T> {
    const start = performance.now();
    for (;;) {
      try {
        const result = await work();
        this.#patienceMs ||= this.#pool.ending ? 0 : PATIENCE_MS;
        return result;
      } catch (error) {
        if (!isAway(error)) throw error;
        // BullMQ goes on trying after errors that look like this one, and takes others for the job's own.
        if (performance.now() - start > this.#patienceMs) throw Object.assign(error, { code: 'ECONNREFUSED' });
        await sleep(TRY_AGAIN_MS);
      }
    }
  }
}

/** A pool whose connections go to whoever hosts the embedded store at the time. */
export function embeddedPool(store: EmbeddedStore): PatientPool {
  class HostClient extends pg.Client {
    override connect(): Promise<pg.Client>;
    override connect(callback: (error: Error) => void): void;
    override connect(callback?: (error: Error) => void): Promise<pg.Client> | void {
      const reached = store.reach().then((host) => {
        Object.assign(this, { port: host });
      });
      if (callback === undefined) return reached.then<pg.Client>(() => super.connect());
      reached.then(() => super.connect(callback), callback);
    }
  }
  const { socketFolder: host } = store;
  return new PatientPool({ host, user: 'tessera', database: 'tessera', ssl: false, Client: HostClient }, PATIENCE_MS); // prettier-ignore
}

const awayCodes = /^(57P0[123]|08\w{3}|ECONNREFUSED|ECONNRESET|EPIPE|ENOENT|ETIMEDOUT|ENOTCONN|EAI_AGAIN)$/;
const awayWords = /Connection terminated|Client has encountered a connection error|Client was closed|not queryable/;

function isAway(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  const { code = '' } = error as NodeJS.ErrnoException;
  return awayCodes.test(code) || awayWords.test(error.message);
}
