// The queue for those who ask for renders and those who watch: submit, look, cancel, retry, clean. Any number of processes
// may hold it open. Jobs are rendered by workers (worker.ts), in this process or in others.
import type { JobState as RowState } from 'bullmq';
import { setTimeout as sleep } from 'node:timers/promises';
import { InvalidRequestError } from '../graph/errors.ts';
import { type BatchResult, isEnded, type Job, type JobState } from './job-record.ts';
import type { FailedVideo } from './caption.ts';
import type { CaptionRequest } from './caption-request.ts';
import { checkPlaces, type PreparedCaption, prepareCaptions } from './prepare-caption.ts';
import { jobPreparer, type PreparedJob, type ReadyJob } from './prepare-job.ts';
import { callOff, takeUpAgain } from './queue-again.ts';
import { addBatch, batchCounts, placeOfBatch } from './queue-batch.ts';
import { checkPriority, optionsOf, type SubmitOptions } from './queue-options.ts';
import { QueueStore, type Row, type Rows } from './queue-store.ts';
import { rowStates, viewOf } from './queue-view.ts';
import type { GenerateRequest } from './request.ts';
import { readSettings, type Settings } from './settings.ts';

export interface Submitted {
  readonly job: Job;
  /** It was not there before; else it is the job that was, taken up again if it had failed or its clips are gone. */
  readonly isNew: boolean;
}

const LOOK_MS = 250;

export class Queue {
  readonly settings: Settings;
  readonly #store: QueueStore;
  readonly #rows: Rows;

  private constructor(settings: Settings, store: QueueStore, rows: Rows) {
    this.settings = settings;
    this.#store = store;
    this.#rows = rows;
  }

  /** Opens the queue that the settings name. Close it, or the process does not end. @throws JobFailedError (QUEUE_UNREACHABLE) */
  static async open(settings: Settings = readSettings()): Promise<Queue> {
    const store = await QueueStore.open(settings);
    try {
      return new Queue(settings, store, await store.rows());
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  /**
   * Accepts a request. The same request for the same weights and place is the same job.
   * @throws InvalidRequestError for what cannot be rendered here, ModelFileError
   */
  async submit(request: GenerateRequest, options: SubmitOptions = {}): Promise<Submitted> {
    checkPriority(options);
    return this.#accept(await jobPreparer(this.settings)(request, options), options);
  }

  /**
   * Accepts a request to caption films, a job for each. The same film looked at in the same way into the same files is the same job.
   * @throws InvalidRequestError for a request that makes no sense, and for a single film that cannot be captioned
   */
  async submitCaptions(
    request: CaptionRequest,
    options: SubmitOptions = {},
  ): Promise<{ readonly submitted: readonly Submitted[]; readonly failed: readonly FailedVideo[] }> {
    checkPriority(options);
    const { prepared, failed } = await prepareCaptions(request, this.settings);
    for (const one of prepared) await this.#checkNew(one);
    const submitted: Submitted[] = [];
    for (const one of prepared) submitted.push(await this.#accept(one, options));
    return { submitted, failed };
  }

  /** Accepts a request that was prepared before. */
  async submitPrepared(prepared: ReadyJob, options: SubmitOptions = {}): Promise<Submitted> {
    return this.#accept(prepared, options);
  }

  /**
   * Accepts requests as one batch, which ends when all have ended and tells how many succeeded. What is there already, done
   * or under way, is not rendered again. The same batch again does what is missing.
   * @throws InvalidRequestError for the first request that cannot be rendered; nothing is queued then
   */
  async submitBatch(requests: readonly GenerateRequest[], name: string, options: SubmitOptions = {}): Promise<Job> {
    checkPriority(options);
    const prepare = jobPreparer(this.settings);
    const prepared: PreparedJob[] = [];
    for (const request of requests) prepared.push(await prepare(request, options));
    return this.submitPreparedBatch(prepared, name, options);
  }

  async submitPreparedBatch(prepared: readonly PreparedJob[], name: string, options: SubmitOptions = {}): Promise<Job> {
    const jobs = [...new Map(prepared.map((one) => [one.id, one])).values()];
    const place = await placeOfBatch(
      this.#rows,
      jobs.map(({ id }) => id),
    );
    if (place.isThere) return this.need(place.id);
    const there = new Set<string>();
    for (const one of jobs) {
      const row = await this.#rows.getJob(one.id);
      if (row === undefined) continue;
      there.add(one.id);
      await this.#renew(row, one, options);
    }
    const flows = this.#store.flows();
    try {
      await addBatch(flows, {
        id: place.id,
        name,
        jobs: jobs.map(({ id, job }) => ({ id, job, isThere: there.has(id) })),
        optionsOf: (one) => optionsOf(one, options),
      });
      return await this.need(place.id);
    } finally {
      await flows.close();
    }
  }

  /** The jobs as BullMQ has them, for tools that know BullMQ. To look at: what they change is not noted anywhere else. */
  get rows(): Rows {
    return this.#rows;
  }

  /** A job by its id, or undefined. */
  async get(id: string): Promise<Job | undefined> {
    const row = await this.#rows.getJob(id);
    return row && this.#view(row);
  }

  /** A job by its id. @throws InvalidRequestError when there is none */
  async need(id: string): Promise<Job> {
    return this.#view(await this.#row(id));
  }

  /** What has become of a batch's jobs so far. */
  async batchCounts(id: string): Promise<BatchResult> {
    return batchCounts(await this.#row(id));
  }

  /**
   * Jobs, the running ones first, then those that wait in their order, then the failed and the done, latest first.
   * @param from how many to leave out @param count how many at most; failed and cancelled ones share pages, so one may hold fewer
   */
  async list({ state, from = 0, count = 100 }: { state?: JobState; from?: number; count?: number } = {}): Promise<
    readonly Job[]
  > {
    const states: readonly RowState[] = state ? rowStates[state] : [...new Set(Object.values(rowStates).flat())];
    const totals = await this.#rows.getJobCounts(...states);
    const jobs: Job[] = [];
    let [skip, left] = [from, count];
    for (const one of states) {
      const total = totals[one] ?? 0;
      if (left > 0 && skip < total) {
        const isWaiting = one !== 'completed' && one !== 'failed';
        const rows = await this.#rows.getJobs([one], skip, Math.min(total, skip + left) - 1, isWaiting);
        jobs.push(...rows.filter((row) => row !== undefined).map((row) => viewOf(row, one)));
        left -= rows.length;
      }
      skip = Math.max(0, skip - total);
    }
    return state === undefined ? jobs : jobs.filter((job) => job.state === state);
  }

  /** How many jobs there are in each state; cancelled ones count as failed once a worker has ended them. */
  async counts(): Promise<Readonly<Record<Exclude<JobState, 'cancelled'>, number>>> {
    const totals = await this.#rows.getJobCounts(...Object.values(rowStates).flat());
    const sum = (state: JobState): number => rowStates[state].reduce((all, one) => all + (totals[one] ?? 0), 0);
    return { waiting: sum('waiting'), running: sum('running'), done: sum('done'), failed: sum('failed') };
  }

  /** What workers noted about a job, oldest first. @throws InvalidRequestError when there is no such job */
  async logs(id: string): Promise<readonly string[]> {
    await this.#row(id);
    return (await this.#rows.getJobLogs(id, 0, -1, true)).logs;
  }

  /**
   * Cancels a job, and those of a batch that have not ended: one that waits is not begun, one that runs stops after its
   * step, wherever it runs.
   * @throws InvalidRequestError when there is no such job or it has ended
   */
  async cancel(id: string): Promise<Job> {
    const row = await this.#row(id);
    const job = await this.#view(row);
    if (job.state === 'cancelled') return job;
    if (isEnded(job)) throw new InvalidRequestError(`The job ${id} is ${job.state}; there is nothing to cancel.`);
    await callOff(row, { cancelledAt: Date.now() });
    for (const child of job.batch?.jobs ?? []) {
      const one = await this.get(child);
      if (one !== undefined && !isEnded(one)) await this.cancel(child);
    }
    return this.need(id);
  }

  /**
   * Cancels a job for whoever is about to remove its files: those that a worker still writes, it removes itself. One that is
   * done or failed is left as it is; its files are all there.
   */
  async discard(id: string): Promise<void> {
    const row = await this.#rows.getJob(id);
    const { state } = (row && (await this.#view(row))) ?? {};
    if (row === undefined || state === 'done' || state === 'failed') return;
    const now = Date.now();
    await callOff(row, { cancelledAt: row.data.cancelledAt ?? now, discardedAt: now });
  }

  /** Takes a failed or cancelled job up again, with all its attempts. @throws InvalidRequestError when it is neither */
  async retry(id: string): Promise<Job> {
    const row = await this.#row(id);
    const { state, batch } = await this.#view(row);
    if (batch !== undefined) throw new InvalidRequestError(`${id} is a batch. Retry its jobs, or submit it again.`);
    if (state !== 'failed' && state !== 'cancelled') {
      throw new InvalidRequestError(`The job ${id} is ${state}; only failed and cancelled jobs can be retried.`);
    }
    await takeUpAgain(row);
    return this.need(id);
  }

  /** Forgets ended jobs; their clips stay. @returns their ids */
  async clean({ state, olderThanMs = 0 }: { state?: 'done' | 'failed'; olderThanMs?: number } = {}): Promise<
    readonly string[]
  > {
    const types = state === undefined ? (['completed', 'failed'] as const) : ([rowStates[state][0]] as const);
    const removed: string[] = [];
    for (const type of types) {
      for (;;) {
        const some = await this.#rows.clean(olderThanMs, 1000, type);
        removed.push(...some);
        if (some.length === 0) break;
      }
    }
    return removed;
  }

  /** Waits for a job to end. @throws InvalidRequestError when it is forgotten, the signal's reason */
  async wait(
    id: string,
    { signal, onChange }: { signal?: AbortSignal; onChange?: (job: Job) => void } = {},
  ): Promise<Job> {
    for (let last = ''; ; await sleep(LOOK_MS, undefined, signal && { signal })) {
      const job = await this.need(id);
      const now = JSON.stringify([job.state, job.progress]);
      if (now !== last) onChange?.(job);
      last = now;
      if (isEnded(job)) return job;
    }
  }

  async close(): Promise<void> {
    await this.#rows.close();
    await this.#store.close();
  }

  /** What is there of a job that is known is its own. @throws InvalidRequestError */
  async #checkNew(prepared: PreparedCaption): Promise<void> {
    if ((await this.#rows.getJob(prepared.id)) === undefined) await checkPlaces(prepared);
  }

  async #accept(prepared: ReadyJob, options: SubmitOptions): Promise<Submitted> {
    const { id, job } = prepared;
    const row = await this.#rows.getJob(id);
    if (row !== undefined) await this.#renew(row, prepared, options);
    else await this.#rows.add(job.kind, job, optionsOf(id, options));
    return { job: await this.need(id), isNew: row === undefined };
  }

  /** A job that is asked for once more begins again, as it is asked for now, if it did not succeed, or if its clips are gone. */
  async #renew(row: Row, { job, isFinished }: ReadyJob, options: SubmitOptions): Promise<void> {
    checkPriority(options);
    const { state } = await this.#view(row);
    const isWanted = state === 'failed' || state === 'cancelled' || (state === 'done' && !isFinished);
    if (isWanted) await takeUpAgain(row, { job, priority: options.priority, attempts: options.attempts });
  }

  async #row(id: string): Promise<Row> {
    const row = await this.#rows.getJob(id);
    if (row !== undefined) return row;
    throw new InvalidRequestError(`There is no job ${id}. "tessera jobs ls" lists those that are there.`);
  }

  async #view(row: Row): Promise<Job> {
    const state = await row.getState();
    // It may have ended since the row was read, which then knows neither when nor with what.
    const isStale = (state === 'completed' || state === 'failed') && row.finishedOn === undefined;
    return viewOf((isStale ? await this.#rows.getJob(row.id!) : undefined) ?? row, state);
  }
}
