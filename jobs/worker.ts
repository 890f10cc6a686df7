// A worker takes jobs from the queue and renders them, each in a studio that stays open from job to job. Inference is in the
// studio's child process, so this one stays responsive and the queue sees that its jobs are alive. When it is stopped it
// finishes the step and gives its jobs back; when it is killed, the queue gives them to another, which goes on from the
// latents that were saved.
import { DelayedError, UnrecoverableError, WaitingError } from 'bullmq';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { InvalidRequestError, JobFailedError, TesseraError } from '../graph/errors.ts';
import {
  type CaptionJob,
  failureOf,
  failureText,
  type FollowJob,
  type Job,
  type JobResult,
  type RenderJob,
} from './job-record.ts';
import { removeDiscarded } from './discarded.ts';
import { batchCounts } from './queue-batch.ts';
import { FARTHEST_MS } from './queue-clock.ts';
import { workerName } from './queue-killed.ts';
import { QueueStore, retryRow, type Row, type Rows } from './queue-store.ts';
import { viewOf } from './queue-view.ts';
import { readSettings, type Settings } from './settings.ts';
import { Studio } from './studio.ts';
import { captionJob } from './worker-caption.ts';
import { renderJob, stops } from './worker-render.ts';

export interface WorkerOptions {
  readonly settings?: Settings;
  /** Renders at a time, each with its own engine and memory (default 1). */
  readonly concurrency?: number;
  /** `drained`: ends when no job waits or runs anywhere; `one`: also when it has ended one render. Left out, it stays. */
  readonly until?: 'drained' | 'one';
  readonly onEvent?: (event: WorkerEvent) => void;
  /** A worker that is not heard of for so long has lost its jobs (30,000; at most 300,000). */
  readonly lockMs?: number;
}

export type WorkerEvent =
  | { readonly kind: 'began' | keyof WorkerSummary; readonly job: Job; readonly why?: string }
  /** The store did not do what was asked; it is tried again. */
  | { readonly kind: 'trouble'; readonly why: string };

export interface WorkerSummary {
  readonly done: number;
  readonly failed: number;
  readonly cancelled: number;
  /** Given back unfinished. */
  readonly returned: number;
  /** Taken from it because nothing was heard of it in time; they run elsewhere. */
  readonly lost: number;
}

const LOCK_MS = 30_000;
const LONGEST_LOCK_MS = FARTHEST_MS / 2;
/** A job may lose so many workers: its progress is kept, so it gets on all the same. More means that it kills them. */
const MOST_WORKERS_LOST = 100;
/** A follower looks so often whether what it follows has ended. */
const FOLLOW_MS = 2000;
const LOOK_MS = 500;

type BullWorker = ReturnType<QueueStore['process']>;

export class Worker {
  /** Resolves when the worker has ended, by itself or because it was stopped. */
  readonly ended: Promise<WorkerSummary>;
  readonly #options: WorkerOptions;
  readonly #settings: Settings;
  readonly #store: QueueStore;
  readonly #rows: Rows;
  readonly #bull: BullWorker;
  readonly #idle: Studio[] = [];
  readonly #running = new Map<string, AbortController>();
  readonly #summary = { done: 0, failed: 0, cancelled: 0, returned: 0, lost: 0 };
  #isStopping = false;
  #logging: Promise<void> = Promise.resolve();
  #settling: Promise<void> = Promise.resolve();
  #end: (summary: WorkerSummary) => void = () => undefined;

  private constructor(options: WorkerOptions, settings: Settings, store: QueueStore, rows: Rows) {
    const { concurrency = 1, lockMs = LOCK_MS } = options;
    this.#options = options;
    this.#settings = settings;
    this.#store = store;
    this.#rows = rows;
    this.ended = new Promise((end) => (this.#end = end));
    this.#bull = store.process((row, token) => this.#process(row, token), {
      concurrency: options.until === 'one' ? 1 : concurrency,
      lockDuration: lockMs,
      stalledInterval: Math.ceil(lockMs / 3),
      maxStalledCount: MOST_WORKERS_LOST,
      name: workerName,
    });
    this.#bull.on('error', ({ message }) => this.#tell({ kind: 'trouble', why: message }));
    this.#bull.on('failed', (row) => {
      if (row !== undefined) this.#settling = this.#settling.then(() => this.#keepRetry(row));
    });
    this.#bull.on('lockRenewalFailed', (ids: string[]) =>
      ids.forEach((id) => this.#running.get(id)?.abort(stops.lost)),
    );
  }

  /** Opens the queue and begins. @throws InvalidRequestError, JobFailedError (QUEUE_UNREACHABLE) */
  static async start(options: WorkerOptions = {}): Promise<Worker> {
    const { settings = readSettings(), concurrency = 1, lockMs = LOCK_MS } = options;
    if (!Number.isInteger(concurrency) || concurrency < 1) {
      throw new InvalidRequestError(`concurrency (=${concurrency}) must be a whole number above 0.`);
    }
    if (lockMs > LONGEST_LOCK_MS) {
      throw new InvalidRequestError(`A worker must be lost after at most ${LONGEST_LOCK_MS / 1000} seconds.`);
    }
    const store = await QueueStore.open(settings);
    const worker = new Worker(options, settings, store, await store.rows());
    void worker.#tidy(lockMs / 3);
    worker.#bull.run().catch((error: unknown) => worker.#tell({ kind: 'trouble', why: String(error) }));
    if (options.until !== undefined) void worker.#endWhenDrained();
    return worker;
  }

  /** Lets running steps finish, saves their latents, gives their jobs back, and ends. */
  async stop(): Promise<WorkerSummary> {
    if (!this.#isStopping) {
      this.#isStopping = true;
      for (const stopper of this.#running.values()) stopper.abort(stops.ending);
      await this.#bull.close();
      await this.#settling;
      for (const studio of this.#idle) await studio.close();
      await this.#rows.close();
      await this.#store.close();
      this.#end(this.#summary);
    }
    return this.ended;
  }

  async #process(row: Row, token: string): Promise<JobResult | undefined> {
    if (row.data.cancelledAt !== undefined && (await this.#isCancelled(row))) {
      await removeDiscarded(row, this.#rows); // what a worker wrote that was killed
      throw this.#failed(row, stops.cancelled);
    }
    const { data } = row;
    if (data.attempts !== undefined) row.opts.attempts = data.attempts; // BullMQ keeps what a row was added with
    if (data.kind === 'batch') return batchCounts(row);
    if (data.kind === 'follow') return this.#follow(row, data, token);
    if (this.#options.until === 'one') await this.#bull.pause(true);
    try {
      return await this.#render(row, data, token);
    } finally {
      if (this.#options.until === 'one') setImmediate(() => void this.stop());
    }
  }

  async #render(row: Row, job: RenderJob | CaptionJob, token: string): Promise<JobResult> {
    const stopper = new AbortController();
    this.#running.set(row.id!, stopper);
    const studio = this.#idle.pop() ?? new Studio(this.#settings);
    const log = (line: string): void => this.#log(row, line);
    this.#note('began', row, `Taken up by ${hostname()}, process ${process.pid}, attempt ${row.attemptsMade + 1}.`);
    try {
      if (this.#isStopping) throw stops.ending;
      const run = { rows: this.#rows, settings: this.#settings, stopper, log };
      const result = await (job.kind === 'caption'
        ? captionJob(row, job, run)
        : renderJob(row, job, { ...run, studio }));
      if (await removeDiscarded(row, this.#rows)) throw stops.cancelled; // it was too late to stop it
      const files = 'files' in result ? result.files : result.clips.map(({ path }) => path);
      this.#note('done', row, `Done: ${files.join(', ')}`);
      return result;
    } catch (error) {
      const reason: unknown = stopper.signal.aborted ? stopper.signal.reason : error;
      const wasRetried = reason === stops.cancelled && !(await this.#isCancelled(row));
      if (!wasRetried) await removeDiscarded(row, this.#rows);
      if (reason !== stops.ending && !wasRetried) throw this.#failed(row, reason);
      this.#note('returned', row, `Given back. ${error instanceof Error ? error.message : ''}`);
      await row.moveToWait(token);
      throw new WaitingError();
    } finally {
      await this.#logging; // before the job is seen to have ended
      this.#running.delete(row.id!);
      this.#idle.push(studio);
    }
  }

  /** Waits for another job without keeping a place of the worker. */
  async #follow(row: Row, { of }: FollowJob, token: string): Promise<JobResult | undefined> {
    const other = await this.#rows.getJob(of);
    const state = await other?.getState();
    if (other === undefined) throw new UnrecoverableError(failureText('FORGOTTEN', `The job ${of} was removed.`));
    if (state === 'completed') return other.returnvalue;
    if (state === 'failed') throw new UnrecoverableError(other.failedReason);
    await row.moveToDelayed(Date.now() + FOLLOW_MS, token);
    throw new DelayedError();
  }

  /** Looks again whether a job that was cancelled still is: it may have been retried before its worker let go of it. */
  async #isCancelled(row: Row): Promise<boolean> {
    const now = await this.#rows.getJob(row.id!).catch(() => undefined);
    if (now === undefined || now.data.cancelledAt !== undefined) return true;
    row.data = now.data;
    return false;
  }

  /** Takes up again what was retried after that look, and was then ended as cancelled all the same. */
  async #keepRetry({ id, failedReason }: Row): Promise<void> {
    if (failureOf(failedReason).code !== stops.cancelled.code) return;
    try {
      const now = await this.#rows.getJob(id!);
      if (now !== undefined && now.data.cancelledAt === undefined) await retryRow(now);
    } catch (error) {
      this.#tell({ kind: 'trouble', why: String(error) });
    }
  }

  /** Notes a failure. @returns the error for BullMQ, which tries again what may pass */
  #failed(row: Row, error: unknown): Error {
    const { code, message } = error instanceof TesseraError ? error : { code: 'BUG', message: stackOf(error) };
    const kind = error === stops.cancelled ? 'cancelled' : error === stops.lost ? 'lost' : 'failed';
    this.#note(kind, row, `${code}: ${message}`);
    const mayPass = error instanceof JobFailedError && kind !== 'cancelled';
    if (kind === 'failed' && mayPass && row.attemptsMade + 1 < (row.opts.attempts ?? 1))
      this.#log(row, 'It will be tried again.');
    const Kind = mayPass ? Error : UnrecoverableError;
    return new Kind(failureText(code, message));
  }

  #note(kind: 'began' | keyof WorkerSummary, row: Row, why: string): void {
    if (kind !== 'began') this.#summary[kind]++;
    this.#log(row, why);
    this.#tell({ kind, job: viewOf(row, 'active'), why });
  }

  /** One line after the other: of two that are written at once, PostgreSQL's backend refuses one. */
  #log(row: Row, line: string): void {
    const text = `${new Date().toISOString()} ${line}`;
    this.#logging = this.#logging.then(() => this.#writeLog(row, text));
  }

  /** The job matters more than its log: what cannot be written after some tries is told and given up. */
  async #writeLog(row: Row, text: string, tries = 3): Promise<void> {
    try {
      await row.log(text);
    } catch (error) {
      if (tries === 1)
        return this.#tell({ kind: 'trouble', why: `A line of ${row.id}'s log is lost: ${String(error)}` });
      await sleep(100);
      await this.#writeLog(row, text, tries - 1);
    }
  }

  async #tidy(everyMs: number): Promise<void> {
    while (!this.#isStopping) {
      await this.#store.tidy(MOST_WORKERS_LOST).catch((error: unknown) => {
        if (!this.#isStopping) this.#tell({ kind: 'trouble', why: String(error) });
      });
      await sleep(everyMs, undefined, { ref: false });
    }
  }

  #tell(event: WorkerEvent): void {
    this.#options.onEvent?.(event);
  }

  /** Also waits for what other workers hold: they may be lost, and then it is this one's. */
  async #endWhenDrained(): Promise<void> {
    while (!this.#isStopping) {
      const counts = await this.#rows
        .getJobCounts('active', 'waiting', 'prioritized', 'delayed', 'waiting-children')
        .catch(() => ({ unknown: 1 }));
      if (Object.values(counts).every((count) => count === 0)) return void (await this.stop());
      await sleep(LOOK_MS);
    }
  }
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
