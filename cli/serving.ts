// What the commands that serve (serve, mcp) share: their numbers, and what they tell of the worker in their process.
import { InvalidRequestError } from '../jobs/errors.ts';
import type { WorkerEvent } from '../jobs/worker.ts';
import { describeJob } from './job-text.ts';

/** @throws InvalidRequestError */
export function number(name: string, text: string, most: number): number {
  if (/^\d{1,7}$/.test(text) && Number(text) <= most) return Number(text);
  throw new InvalidRequestError(`${name} (=${text}) must be a whole number from 0 to ${most}.`);
}

/** What a worker does, for standard error. */
export function report(event: WorkerEvent): void {
  const text = event.kind === 'trouble' ? event.why : `${event.job.id}  ${event.kind === 'began' ? describeJob(event.job) : (event.why ?? '')}`; // prettier-ignore
  process.stderr.write(`${event.kind.padEnd(9)}  ${text}\n`);
}
