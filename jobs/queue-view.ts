// A row of the queue as its observers see it: BullMQ's many states become five, its fields a plain record.
import type { JobState as RowState } from 'bullmq';
import { failureOf, type Job, type JobState } from './job-record.ts';
import type { JobProgress } from './progress.ts';
import type { Row } from './queue-store.ts';

/**
 * Which of BullMQ's states a state is made of, in the order in which they are listed. A job that is cancelled stays where it
 * is until a worker ends it, which makes it one that failed.
 */
export const rowStates = {
  running: ['active'],
  waiting: ['waiting', 'prioritized', 'delayed', 'waiting-children'],
  failed: ['failed'],
  cancelled: ['active', 'waiting', 'waiting-children', 'failed'],
  done: ['completed'],
} as const satisfies Record<JobState, readonly RowState[]>;

/** What is in a row; `rowState` is asked of the store separately. */
export function viewOf(row: Row, rowState: RowState | 'unknown'): Job {
  const { data, attemptsMade, opts, timestamp, processedOn, finishedOn, failedReason, returnvalue, parent } = row;
  const error = failedReason ? failureOf(failedReason) : undefined;
  return {
    id: row.id!,
    kind: data.kind,
    state: stateOf(row, rowState, error?.code),
    ...(data.kind === 'generate' && { request: data.request }),
    ...(data.kind === 'caption' && { caption: data.request }),
    ...(data.kind === 'batch' && { batch: { name: data.name, jobs: data.jobs } }),
    ...(parent?.id !== undefined && { parent: parent.id }),
    priority: row.priority || data.priority || opts.priority || 0,
    attempts: { made: attemptsMade, most: data.attempts ?? opts.attempts ?? 1 },
    submittedAt: timestamp,
    ...(processedOn && { startedAt: processedOn }),
    ...(finishedOn && { endedAt: finishedOn }),
    ...(progressOf(row) && { progress: progressOf(row)! }),
    ...(returnvalue && { result: returnvalue }),
    notices: noticesOf(row),
    ...(error && { error }),
  };
}

/** Each once: a worker notices much of what was noticed before. */
function noticesOf({ data, returnvalue }: Pick<Row, 'data' | 'returnvalue'>): readonly string[] {
  const accepted = data.kind === 'generate' ? (data.notices ?? []) : [];
  const done = returnvalue && 'notices' in returnvalue ? returnvalue.notices : [];
  return [...new Set([...accepted, ...done])];
}

/** What a worker last told; nothing before it began. */
export function progressOf({ progress }: Pick<Row, 'progress'>): JobProgress | undefined {
  return typeof progress === 'object' && 'stage' in progress ? (progress as JobProgress) : undefined;
}

function stateOf({ data }: Row, rowState: RowState | 'unknown', failure: string | undefined): JobState {
  if (rowState === 'completed') return 'done';
  if (data.cancelledAt !== undefined || (rowState === 'failed' && failure === 'CANCELLED')) return 'cancelled';
  if (rowState === 'failed') return 'failed';
  return rowState === 'active' ? 'running' : 'waiting';
}
