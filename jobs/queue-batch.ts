// Batches: one parent job with a child for each render, as a BullMQ flow. The parent runs when its last child has ended, well
// or not. A render that was there before may have a parent already, and can have only one; a follower stands in for it.
import type { FlowProducer, IQueueBackend, JobsOptions } from 'bullmq';
import type { BatchJob, BatchResult, FollowJob, RenderJob } from './job-record.ts';
import { batchId } from './prepare-job.ts';
import { QUEUE, type Row, type Rows } from './queue-store.ts';

export interface BatchMember {
  readonly id: string;
  readonly job: RenderJob;
  /** It is in the queue already. */
  readonly isThere: boolean;
}

export interface NewBatch {
  readonly id: string;
  readonly name: string;
  readonly jobs: readonly BatchMember[];
  /** How BullMQ is to treat a job of this id. */
  readonly optionsOf: (id: string) => JobsOptions;
}

/**
 * The id of a batch of these jobs. One that has not ended and is not cancelled is the batch that is asked for; else it is a further
 * one, under a name of its own, as a job that begins again still reports to the batch that it was first in.
 */
export async function placeOfBatch(rows: Rows, jobs: readonly string[]): Promise<{ id: string; isThere: boolean }> {
  const first = batchId(jobs);
  for (let round = 1; ; round++) {
    const id = round === 1 ? first : `${first}-${round}`;
    const row = await rows.getJob(id);
    if (row === undefined) return { id, isThere: false };
    const state = await row.getState();
    const isEnded = state === 'completed' || state === 'failed' || row.data.cancelledAt !== undefined;
    if (!isEnded) return { id, isThere: true };
  }
}

/** Adds a batch, all of it or nothing. */
export async function addBatch(
  flows: FlowProducer<IQueueBackend>,
  { id, name, jobs, optionsOf }: NewBatch,
): Promise<void> {
  const children = jobs.map(({ id: job, job: render, isThere }, i) => {
    const data: RenderJob | FollowJob = isThere ? { kind: 'follow', of: job } : render;
    const opts = isThere ? { ...optionsOf(`${id}-follow-${i}`), attempts: 1, priority: 1 } : optionsOf(job);
    return { name: data.kind, queueName: QUEUE, data, opts: { ...opts, ignoreDependencyOnFailure: true } };
  });
  const data: BatchJob = { kind: 'batch', name, jobs: jobs.map((job) => job.id) };
  // Without a priority it comes before all renders: it only counts.
  const opts = { ...optionsOf(id), attempts: 1, priority: 0 };
  await flows.add({ name: data.kind, queueName: QUEUE, data, opts, children });
}

/** What has become of a batch's jobs so far. */
export async function batchCounts(row: Row): Promise<BatchResult> {
  const { data } = row;
  const { processed = 0, ignored = 0, failed = 0 } = await row.getDependenciesCount();
  return { jobs: data.kind === 'batch' ? data.jobs.length : 0, succeeded: processed, failed: failed + ignored };
}
