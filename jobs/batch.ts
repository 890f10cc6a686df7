// A batch from its file to its clips: every row is checked down to sizes, memory and outputs before anything is queued; what is
// there already is not rendered again; the renders go through the queue, so that a batch that was stopped, by whatever, goes
// on when it is asked for once more.
import { mkdir } from 'node:fs/promises';
import { InvalidRequestError, ModelFileError } from '../graph/errors.ts';
import type { BatchFile, BatchProblem } from './batch-file.ts';
import type { Job } from './job-record.ts';
import { jobPreparer, type PreparedJob } from './prepare-job.ts';
import type { Queue } from './queue.ts';
import type { Render } from './resolve-request.ts';
import type { Settings } from './settings.ts';
import { Worker } from './worker.ts';

export interface PlannedRow {
  readonly line: number;
  readonly prepared: PreparedJob;
}

export interface BatchPlan {
  readonly rows: readonly PlannedRow[];
  readonly problems: readonly BatchProblem[];
}

/** Prepares the rows of a file. @param folder where clips go whose rows name no output; made if it is needed */
export async function planBatch(file: BatchFile, folder: string, settings: Settings): Promise<BatchPlan> {
  if (file.rows.some(({ request }) => request.output === undefined)) await mkdir(folder, { recursive: true });
  const prepare = jobPreparer(settings);
  const rows: PlannedRow[] = [];
  const problems: BatchProblem[] = [...file.problems];
  for (const { line, request } of file.rows) {
    try {
      rows.push({ line, prepared: await prepare(request, { folder }) });
    } catch (error) {
      if (!(error instanceof InvalidRequestError || error instanceof ModelFileError)) throw error;
      problems.push({ line, message: error.message });
    }
  }
  return { rows, problems: problems.sort((a, b) => a.line - b.line) };
}

export interface BatchEstimate {
  readonly jobs: number;
  readonly clips: number;
  /** Jobs whose clips are there already. */
  readonly finished: number;
  /** Absent until clips of these models were rendered on this queue. */
  readonly seconds?: number;
  readonly bytes?: number;
}

/** How long what is missing would take, and how much it would write, by what the last clips of the same models took. */
export async function estimateBatch(plan: BatchPlan, queue: Queue): Promise<BatchEstimate> {
  const jobs = [...new Map(plan.rows.map(({ prepared }) => [prepared.id, prepared])).values()];
  const missing = jobs.filter(({ isFinished }) => !isFinished);
  const counts = {
    jobs: jobs.length,
    clips: jobs.reduce((sum, { renders }) => sum + renders.length, 0),
    finished: jobs.length - missing.length,
  };
  const speeds = await measuredSpeeds(queue);
  const renders = missing.flatMap((job) => job.renders.map((render) => ({ ...render, frames: job.frames })));
  if (!renders.every(({ model }) => speeds.has(model))) return counts;
  const sum = (cost: (render: Render) => number): number => renders.reduce((total, one) => total + cost(one), 0);
  const seconds = sum((render) => workOf(render) * speeds.get(render.model)!.secondsPerWork);
  const bytes = sum((render) => pixelsOf(render) * speeds.get(render.model)!.bytesPerPixel);
  return { ...counts, seconds: Math.round(seconds), bytes: Math.round(bytes) };
}

type Size = Pick<Render, 'width' | 'height' | 'frames'>;
const pixelsOf = ({ width, height, frames }: Size): number => width * height * frames;
/** Decoding counts as a few steps. */
const workOf = (render: Size & Pick<Render, 'steps'>): number => pixelsOf(render) * (render.steps + 4);

/** Of each model, from the last jobs that are done. */
async function measuredSpeeds(queue: Queue) {
  const totals = new Map<string, { seconds: number; work: number; bytes: number; pixels: number }>();
  for (const { request, result } of await queue.list({ state: 'done', count: 50 })) {
    if (result === undefined || !('clips' in result) || request?.model === undefined) continue;
    const { model, steps: count = 0 } = request;
    const { steps, decode, encode } = result.milliseconds;
    if (steps === 0) continue; // its clips were there, or its last steps were not its own
    const total = totals.get(model) ?? { seconds: 0, work: 0, bytes: 0, pixels: 0 };
    totals.set(model, {
      seconds: total.seconds + (steps + decode + encode) / 1000,
      work: total.work + result.clips.reduce((sum, clip) => sum + workOf({ ...clip, steps: count }), 0),
      bytes: total.bytes + result.clips.reduce((sum, clip) => sum + clip.sizeBytes, 0),
      pixels: total.pixels + result.clips.reduce((sum, clip) => sum + pixelsOf(clip), 0),
    });
  }
  return new Map(
    [...totals].map(([model, { seconds, work, bytes, pixels }]) => [
      model,
      { secondsPerWork: seconds / work, bytesPerPixel: bytes / pixels },
    ]),
  );
}

export interface BatchProgress {
  readonly ended: number;
  readonly failed: number;
  readonly jobs: number;
  /** Of the work, at the pace of this run; absent until a job has ended in it. */
  readonly remainingSeconds?: number;
}

export interface RunBatchOptions {
  readonly name: string;
  readonly priority?: number;
  /** Renders at a time in this process; 0 leaves the work to workers elsewhere. */
  readonly workers: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: BatchProgress) => void;
}

export interface BatchRun {
  readonly batch: Job;
  /** The jobs of the rows, in their order; a job that two rows name stands twice. */
  readonly jobs: readonly Job[];
}

/**
 * Queues what is missing and works until all has ended.
 * @throws the signal's reason when aborted; running steps are finished and their latents kept then
 */
export async function runBatch(plan: BatchPlan, queue: Queue, options: RunBatchOptions): Promise<BatchRun> {
  const { name, priority, workers, signal, onProgress } = options;
  const submitted = await queueBatch(plan, queue, name, priority);
  const worker = workers > 0 ? await Worker.start({ settings: queue.settings, concurrency: workers }) : undefined;
  const pace = paceOf(submitted, queue);
  try {
    const telling = setInterval(() => void pace().then(onProgress, () => undefined), 500);
    try {
      const batch = await queue.wait(submitted.id, { ...(signal && { signal }) });
      return { batch, jobs: await Promise.all(plan.rows.map(({ prepared }) => queue.need(prepared.id))) };
    } finally {
      clearInterval(telling);
    }
  } finally {
    await worker?.stop();
  }
}

/** Counts what has ended; the pace is that since the first look, which leaves out what was there before. */
function paceOf({ id, batch }: Job, queue: Queue): () => Promise<BatchProgress> {
  const started = performance.now();
  let before: number | undefined;
  return async () => {
    const { succeeded, failed } = await queue.batchCounts(id);
    const [ended, jobs] = [succeeded + failed, batch?.jobs.length ?? 0];
    before ??= ended;
    const seconds = (performance.now() - started) / 1000;
    const left = ended > before ? ((jobs - ended) * seconds) / (ended - before) : undefined;
    return { ended, failed, jobs, ...(left !== undefined && { remainingSeconds: left }) };
  };
}

/** The same batch queued for workers elsewhere. */
export async function queueBatch(plan: BatchPlan, queue: Queue, name: string, priority?: number): Promise<Job> {
  const prepared = plan.rows.map((row) => row.prepared);
  return queue.submitPreparedBatch(prepared, name, { ...(priority !== undefined && { priority }) });
}
