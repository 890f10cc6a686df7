// What the commands that serve (serve, mcp) share: what they tell of the worker in their process.
import type { WorkerEvent } from '../jobs/worker.ts';
import { describeJob } from './job-text.ts';

/** What a worker does, for standard error. */
export function report(event: WorkerEvent): void {
  const text = event.kind === 'trouble' ? event.why : `${event.job.id}  ${event.kind === 'began' ? describeJob(event.job) : (event.why ?? '')}`; // prettier-ignore
  process.stderr.write(`${event.kind.padEnd(9)}  ${text}\n`);
}
