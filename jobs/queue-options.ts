// What one who submits a job may choose, and what BullMQ is told of it: when the job's turn comes, how often it is tried, and
// how long it is remembered. Knows no store and no job.
import type { JobsOptions } from 'bullmq';
import { InvalidRequestError } from '../graph/errors.ts';
import type { PrepareOptions } from './prepare-job.ts';

export interface SubmitOptions extends PrepareOptions {
  /** From 1, which comes first, to 1,000,000 (default 100). */
  readonly priority?: number;
  /** How often it is tried when it fails for what may pass (default 3). Of a job that begins again, it stays if it is left out. */
  readonly attempts?: number;
}

export const PRIORITY = { first: 1, usual: 100, last: 1_000_000 } as const;
const ATTEMPTS = 3;
/** Before the second attempt; twice as long before each further one. */
const BACKOFF_MS = 2000;
/** Ended jobs are forgotten after so long, or when there are more. Their clips stay. */
const keep = { age: 30 * 24 * 3600, count: 20_000 } as const;
const LOG_LINES = 1000;

/** @throws InvalidRequestError for a priority out of range */
export function checkPriority({ priority = PRIORITY.usual }: SubmitOptions): void {
  const { first, last } = PRIORITY;
  if (Number.isInteger(priority) && priority >= first && priority <= last) return;
  throw new InvalidRequestError(`priority (=${priority}) must be a whole number from ${first} to ${last}.`);
}

/** What BullMQ is told about a job. @throws InvalidRequestError for a priority out of range */
export function optionsOf(id: string, options: SubmitOptions): JobsOptions {
  checkPriority(options);
  const { priority = PRIORITY.usual, attempts = ATTEMPTS } = options;
  const backoff = { type: 'exponential', delay: BACKOFF_MS };
  return { jobId: id, priority, attempts, backoff, removeOnComplete: keep, removeOnFail: keep, keepLogs: LOG_LINES };
}
