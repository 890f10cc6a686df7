// Where the queue is kept: in Redis, in PostgreSQL, or embedded in a folder, by one setting. BullMQ does the same on each;
// this file opens its classes on a store and closes them. The rest of jobs/ does not know which store it is.
import {
  type BackendFactory,
  type ConnectionOptions,
  createPostgresBackend,
  FlowProducer,
  type IQueueBackend,
  type Job as StoredRow,
  Queue as BullQueue,
  runMigrations,
  Worker as BullWorker,
  type WorkerOptions as BullWorkerOptions,
} from 'bullmq';
import { join } from 'node:path';
import { InvalidRequestError, JobFailedError } from '../graph/errors.ts';
import { EmbeddedStore } from './embedded-store.ts';
import type { JobResult, StoredJob } from './job-record.ts';
import { embeddedPool, PatientPool } from './postgres-pool.ts';
import { mendTimes } from './queue-clock.ts';
import { freeJobsOfKilled } from './queue-killed.ts';
import { type JobTraces, jobTraces } from './queue-telemetry.ts';
import type { Settings } from './settings.ts';

/** The name of the one queue that all jobs go through. */
export const QUEUE = 'tessera';
/** How long a store may take to answer at first. The embedded one may have to make its database, on a busy machine. */
const ANSWER_MS = { redis: 8000, postgres: 15_000, embedded: 600_000 } as const;
/** BullMQ waits so long before it repeats what failed because the store was away. */
const RETRY_STORE_MS = 1000;

export type Row = StoredRow<StoredJob, JobResult | undefined>;
export type Rows = BullQueue<
  StoredJob,
  JobResult | undefined,
  string,
  StoredJob,
  JobResult | undefined,
  string,
  IQueueBackend
>;
export type Process = (row: Row, token: string) => Promise<JobResult | undefined>;
export type ProcessOptions = Pick<BullWorkerOptions, 'concurrency' | 'lockDuration' | 'stalledInterval' | 'maxStalledCount' | 'drainDelay' | 'name'>; // prettier-ignore

export type StoreKind = keyof typeof ANSWER_MS;

/** An open store. Close what was opened on it first. */
export class QueueStore {
  readonly kind: StoreKind;
  readonly #address: string;
  readonly #connection: ConnectionOptions;
  readonly #backend: BackendFactory<IQueueBackend> | undefined;
  readonly #close: () => Promise<void>;
  #traces: JobTraces | undefined;

  private constructor(kind: StoreKind, address: string, connection: ConnectionOptions, close: () => Promise<void>) {
    this.kind = kind;
    this.#address = address;
    this.#connection = connection;
    this.#backend = kind === 'redis' ? undefined : (createPostgresBackend as unknown as BackendFactory<IQueueBackend>);
    this.#close = close;
  }

  /** @throws JobFailedError (QUEUE_UNREACHABLE) when it does not answer, InvalidRequestError when its address is wrong */
  static async open(settings: Settings): Promise<QueueStore> {
    const store = await QueueStore.#open(settings);
    store.#traces = await jobTraces(settings);
    return store;
  }

  static async #open({ queue, dataFolder }: Settings): Promise<QueueStore> {
    if (queue === undefined) return QueueStore.#openEmbedded(join(dataFolder, 'queue'));
    if (/^rediss?:/.test(queue)) {
      const connection = { url: checked(queue), maxRetriesPerRequest: null };
      return new QueueStore('redis', shown(queue), connection, () => Promise.resolve());
    }
    const pool = new PatientPool({ connectionString: checked(queue), options: '-c search_path="bullmq"' });
    return QueueStore.#openPool('postgres', shown(queue), pool, () => pool.end());
  }

  static async #openEmbedded(folder: string): Promise<QueueStore> {
    const store = await EmbeddedStore.open(folder);
    const pool = embeddedPool(store);
    return QueueStore.#openPool('embedded', folder, pool, async () => {
      await pool.end();
      await store.close();
    });
  }

  static async #openPool(kind: StoreKind, address: string, pool: PatientPool, close: () => Promise<void>) {
    const store = new QueueStore(kind, address, pool, close);
    try {
      await store.#answer(migrate(pool));
      return store;
    } catch (error) {
      await close().catch(() => undefined);
      throw error;
    }
  }

  /** The jobs as BullMQ has them. */
  async rows(): Promise<Rows> {
    const options = { connection: this.#connection, ...this.#traced };
    const rows = this.#backend ? new BullQueue(QUEUE, options, this.#backend) : new BullQueue(QUEUE, options);
    rows.on('error', () => undefined); // what fails is told where it was asked for
    try {
      await this.#answer(rows.waitUntilReady());
    } catch (error) {
      rows.close().catch(() => undefined);
      throw error;
    }
    return rows as Rows;
  }

  /** Adds jobs that depend on each other. */
  flows(): FlowProducer<IQueueBackend> {
    const options = { connection: this.#connection, ...this.#traced };
    const flows = this.#backend ? new FlowProducer(options, this.#backend) : new FlowProducer(options);
    flows.on('error', () => undefined);
    return flows;
  }

  /** Runs jobs as they come, once it is told to. */
  process(work: Process, options: ProcessOptions): BullWorker<StoredJob, JobResult | undefined, string, IQueueBackend> {
    const all = {
      ...options,
      ...this.#traced,
      connection: this.#connection,
      autorun: false,
      runRetryDelay: RETRY_STORE_MS,
    };
    const run = (row: Row, token?: string): Promise<JobResult | undefined> => work(row, token ?? '');
    const worker = this.#backend ? new BullWorker(QUEUE, run, all, this.#backend) : new BullWorker(QUEUE, run, all);
    return worker;
  }

  /**
   * What BullMQ leaves to time, done at once where it is certain: takes back times that a clock wrote that was ahead, frees the
   * jobs of workers that were killed here. In Redis times are its own, and killed workers are found when their locks run out.
   * @param mostLost how many workers a job may lose before it fails
   */
  async tidy(mostLost: number): Promise<void> {
    if (!(this.#connection instanceof PatientPool)) return;
    await mendTimes(this.#connection, QUEUE);
    await freeJobsOfKilled(this.#connection, QUEUE, mostLost);
  }

  async close(): Promise<void> {
    await this.#close();
    await this.#traces?.flush();
  }

  get #traced(): { telemetry?: JobTraces['telemetry'] } {
    return this.#traces === undefined ? {} : { telemetry: this.#traces.telemetry };
  }

  async #answer<T>(answer: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, failed) => {
      timer = setTimeout(() => failed(new Error('it does not answer')), ANSWER_MS[this.kind]);
    });
    try {
      return await Promise.race([answer, late]);
    } catch (error) {
      if (error instanceof JobFailedError || error instanceof InvalidRequestError) throw error;
      const why = error instanceof Error ? error.message || (error as NodeJS.ErrnoException).code : String(error);
      throw new JobFailedError(
        `The queue at ${this.#address} cannot be reached: ${why}. Check that it runs, and the address in TESSERA_QUEUE.`,
        { code: 'QUEUE_UNREACHABLE', cause: error },
      );
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Lets an ended row wait again, with all its attempts; one that somebody else took up meanwhile is left to them. */
export async function retryRow(row: Row): Promise<void> {
  const state = await row.getState();
  if (state !== 'failed' && state !== 'completed') return;
  await row.retry(state, { resetAttemptsMade: true, resetAttemptsStarted: true }).catch(async (error: unknown) => {
    if ((await row.getState()) === state) throw error;
  });
}

/** Makes BullMQ's tables where they are missing or old. */
async function migrate(pool: PatientPool): Promise<void> {
  const client = await pool.connect();
  try {
    await runMigrations(client);
  } finally {
    client.release();
  }
}

function checked(address: string): string {
  if (URL.canParse(address)) return address;
  throw new InvalidRequestError(`TESSERA_QUEUE (=${address}) is no address. It is like redis://localhost:6379 or postgres://user@host/database.`); // prettier-ignore
}

/** Without the password. */
function shown(address: string): string {
  const url = new URL(address);
  url.password = '';
  return url.href;
}
