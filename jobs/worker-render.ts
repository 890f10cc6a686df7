// One render job from the moment a worker has it: takes possession of its outputs, renders in the worker's studio, tells the
// queue how far it is, and listens for its cancellation. Knows nothing of how jobs come and go.
import { setTimeout as sleep } from 'node:timers/promises';
import { InvalidRequestError, JobFailedError } from '../graph/errors.ts';
import { loadRequestedModel } from './adapted-model.ts';
import { generate } from './generate.ts';
import type { RenderJob, RenderResult } from './job-record.ts';
import { planOutputs } from './outputs.ts';
import type { JobProgress } from './progress.ts';
import type { Row, Rows } from './queue-store.ts';
import { progressOf } from './queue-view.ts';
import { resolveRequest } from './resolve-request.ts';
import type { Studio } from './studio.ts';

/** Between two writes of progress to the store. */
const TELL_MS = 250;
/** Between two looks for a cancellation. */
const LOOK_MS = 500;

export interface RenderRun {
  readonly rows: Rows;
  readonly studio: Studio;
  /** Aborting stops after the running step. This run aborts it with `cancelled` itself. */
  readonly stopper: AbortController;
  readonly log: (line: string) => void;
}

/** Why a running job is stopped. */
export const stops = {
  /** Somebody cancelled it. */
  cancelled: new JobFailedError('The job was cancelled.', { code: 'CANCELLED' }),
  /** The worker ends; another goes on. */
  ending: new JobFailedError('The worker was stopped.', { code: 'CANCELLED' }),
  /** The store took the job for lost and may have given it to another worker. */
  lost: new JobFailedError('The worker was taken for lost, and its job may run elsewhere.', { code: 'WORKER_LOST' }),
} as const;

/** @throws what `generate` throws; the stopper's reason tells why it was stopped */
export async function renderJob(row: Row, job: RenderJob, run: RenderRun): Promise<RenderResult> {
  const { rows, studio, stopper, log } = run;
  const wasBegun = progressOf(row) !== undefined;
  const request = { ...job.request, overwrite: (job.request.overwrite ?? false) || wasBegun };
  await checkPossession(job, request, studio);
  // From here on its outputs are its own: a job that has progress may replace what an earlier attempt left there.
  const progress = new ProgressWriter(row);
  await row.updateProgress({
    stage: 'load',
    clip: 1,
    clips: request.clips ?? 1,
    step: 0,
    steps: 0,
  } satisfies JobProgress);
  const looking = watchForCancel(row, rows, stopper);
  try {
    const { clips, notices, milliseconds } = await generate(request, {
      studio,
      keepFinished: true,
      signal: stopper.signal,
      onProgress: (one) => progress.tell(one),
      onNotice: log,
    });
    return { clips: clips.map(({ render: _, ...clip }) => clip), notices, milliseconds };
  } finally {
    looking.end();
    await progress.end();
  }
}

/** The weights must be those that the job was accepted for, and nobody else's files may stand in the way. */
async function checkPossession(job: RenderJob, request: RenderJob['request'], { settings }: Studio): Promise<void> {
  const model = await loadRequestedModel(request, settings);
  if (model.fingerprint !== job.fingerprint) {
    throw new InvalidRequestError(
      `The weights of ${model.name} (${model.folder}) are not those that the job was submitted for. Submit it again.`,
    );
  }
  await planOutputs(request, resolveRequest(request, model), model);
}

/** Writes the latest progress to the store, no more often than it can be read. */
export class ProgressWriter {
  readonly #row: Row;
  #next: JobProgress | undefined;
  #writing: Promise<void> = Promise.resolve();
  #isBusy = false;

  constructor(row: Row) {
    this.#row = row;
  }

  tell(progress: JobProgress): void {
    this.#next = progress;
    if (!this.#isBusy) void this.#write();
  }

  /** Writes no more. */
  async end(): Promise<void> {
    this.#isBusy = true;
    this.#next = undefined;
    await this.#writing;
  }

  async #write(): Promise<void> {
    this.#isBusy = true;
    while (this.#next !== undefined) {
      this.#writing = this.#row.updateProgress(this.#next).catch(() => undefined); // the next one may reach the store
      this.#next = undefined;
      await this.#writing;
      await sleep(TELL_MS, undefined, { ref: false });
    }
    this.#isBusy = false;
  }
}

/** Aborts the stopper when somebody cancels the job, from whichever process. */
export function watchForCancel(row: Row, rows: Rows, stopper: AbortController): { end(): void } {
  let isLooking = false;
  const look = async (): Promise<void> => {
    const now = await rows.getJob(row.id!).catch(() => undefined);
    if (now?.data.cancelledAt !== undefined) stopper.abort(stops.cancelled);
    isLooking = false;
  };
  const timer = setInterval(() => {
    if (isLooking) return;
    isLooking = true;
    void look();
  }, LOOK_MS);
  return { end: () => clearInterval(timer) };
}
