// tessera worker: renders what is in the queue, until it is told to stop.
import { Command } from 'commander';
import type { WorkerEvent, WorkerSummary } from '../jobs/worker.ts';
import { describeJob } from './job-text.ts';
import { interruptible } from './interrupt.ts';
import { wholeNumber } from './whole-number.ts';

const examples = `
Takes jobs that were submitted with "tessera jobs submit", the first by priority. Any number of workers can share a queue.
On Ctrl-C or SIGTERM the running step is finished and its job given back; when a worker is killed, another takes its job up
after --lost-after seconds. Either way the job goes on where it was.

The queue is a folder (TESSERA_DATA), or, for workers on several machines, what TESSERA_QUEUE names; outputs are then paths
that all machines share. With --once or --drain it ends with 1 when a job failed.

Examples:
  $ tessera worker
  $ tessera worker --drain --json
  $ TESSERA_QUEUE=redis://queue.example:6379 tessera worker --concurrency 2`;

interface Options {
  readonly concurrency: string;
  readonly lostAfter: string;
  readonly once?: boolean;
  readonly drain?: boolean;
  readonly json?: boolean;
}

export function workerCommand(): Command {
  return new Command('worker')
    .description('render the jobs of the queue')
    .option('--concurrency <n>', 'renders at a time, each with its own copy of the model', '1')
    .option('--once', 'end after one job, or when there is none')
    .option('--drain', 'end when no job waits or runs')
    .option('--lost-after <seconds>', 'how long a worker may be silent before others take its jobs', '30')
    .option('--json', 'print what happens as lines of JSON')
    .addHelpText('after', examples)
    .action(run);
}

async function run({ concurrency, lostAfter, once, drain, json = false }: Options): Promise<void> {
  const options = {
    concurrency: wholeNumber('concurrency', concurrency, { least: 1 }),
    lockMs: wholeNumber('lost-after', lostAfter, { least: 1, most: 1_000_000 }) * 1000,
    ...((once ?? drain) && { until: once ? ('one' as const) : ('drained' as const) }),
    onEvent: (event: WorkerEvent) => print(event, json),
  };
  const { Worker } = await import('../jobs/worker.ts');
  const summary = await interruptible(async (signal) => {
    const worker = await Worker.start(options);
    signal.addEventListener('abort', () => void worker.stop());
    if (signal.aborted) void worker.stop();
    return worker.ended;
  });
  if (json) console.log(JSON.stringify({ kind: 'ended', ...summary }));
  else process.stderr.write(`${inWords(summary)}\n`);
  if (options.until !== undefined && summary.failed > 0) process.exitCode ||= 1;
}

/** What has ended goes to standard output, all else to standard error. */
function print(event: WorkerEvent, json: boolean): void {
  if (json) return console.log(JSON.stringify(event));
  if (event.kind === 'trouble') return void process.stderr.write(`trouble: ${event.why}\n`);
  const line = `${event.kind.padEnd(9)}  ${event.job.id}  ${event.kind === 'began' ? describeJob(event.job) : (event.why ?? '')}`;
  if (['began', 'returned', 'lost'].includes(event.kind)) process.stderr.write(`${line}\n`);
  else console.log(line);
}

function inWords({ done, failed, cancelled, returned, lost }: WorkerSummary): string {
  return `${done} done, ${failed} failed, ${cancelled} cancelled, ${returned} given back, ${lost} lost to others.`;
}
