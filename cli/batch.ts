// tessera batch: renders all that a file asks for.
import { SingleBar } from 'cli-progress';
import { Command } from 'commander';
import { rmdir } from 'node:fs/promises';
import { basename, extname, join, dirname, resolve } from 'node:path';
import type { BatchEstimate, BatchPlan, BatchProgress, BatchRun } from '../jobs/batch.ts';
import type { Queue } from '../jobs/queue.ts';
import { readSettings } from '../jobs/settings.ts';
import { bytes, seconds, table } from './format.ts';
import { interruptible } from './interrupt.ts';
import { describeJob } from './job-text.ts';
import { USAGE_ERROR } from './report-error.ts';
import { withQueue } from './with-queue.ts';
import { wholeNumber } from './whole-number.ts';

const examples = `
Rows have the fields of "tessera generate": prompt, output, seed, width and so on. A .jsonl has an object in each line, a .csv
names the fields in its first row, a .yaml is a list, or has "defaults:" and "jobs:". All rows are checked before the first
is rendered. Clips without an output go into a folder named like the file. Stopped, by Ctrl-C or a power cut, the same
command does what is missing.

Ends with 1 when a clip failed, with 2 when a row is wrong.

Examples:
  $ tessera batch prompts.csv
  $ tessera batch prompts.jsonl --dry-run
  $ tessera batch prompts.yaml --folder clips --workers 2 --json
  $ tessera batch prompts.csv --detach        # queue it for "tessera worker"`;

interface Options {
  readonly folder?: string;
  readonly workers: string;
  readonly priority: string;
  readonly dryRun?: boolean;
  readonly detach?: boolean;
  readonly json?: boolean;
}

export function batchCommand(): Command {
  return new Command('batch')
    .description('render all that a .jsonl, .csv or .yaml file asks for')
    .argument('<file>', 'the rows')
    .option('--folder <folder>', 'for clips whose rows name no output (default: named like the file)')
    .option('--dry-run', 'show what would run, how long it would take and how much it would write')
    .option('--workers <n>', 'renders at a time, each with its own copy of the model', '1')
    .option('--priority <n>', 'from 1, which comes first, to 1000000', '100')
    .option('--detach', 'only queue it, for workers elsewhere')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', examples)
    .action(run);
}

async function run(file: string, options: Options): Promise<void> {
  const { readBatchFile } = await import('../jobs/batch-file.ts');
  const { planBatch, estimateBatch, queueBatch, runBatch } = await import('../jobs/batch.ts');
  const folder = resolve(options.folder ?? join(dirname(file), basename(file, extname(file))));
  const plan = await planBatch(await readBatchFile(file), folder, readSettings());
  if (plan.problems.length > 0) return refuse(file, plan, options);
  const name = basename(file);
  const priority = wholeNumber('priority', options.priority, { least: 1 });
  const workers = wholeNumber('workers', options.workers, { least: 1 });
  await withQueue(async (queue) => {
    if (options.dryRun === true) {
      printEstimate(plan, await estimateBatch(plan, queue), options);
      return rmdir(folder).catch(() => undefined); // where it is empty
    }
    if (options.detach === true) {
      const { id, batch } = await queueBatch(plan, queue, name, priority);
      return console.log(
        options.json ? JSON.stringify({ batch: id }) : `${id}  ${batch?.jobs.length ?? 0} jobs queued`,
      );
    }
    const display = batchDisplay();
    try {
      const rendered = await interruptible((signal) =>
        runBatch(plan, queue, { name, priority, workers, signal, onProgress: display.progress }),
      );
      display.stop();
      await report(plan, rendered, queue, options);
    } finally {
      display.stop();
    }
  });
}

/** All that is wrong, a line each; nothing was queued. */
function refuse(file: string, { problems }: BatchPlan, { json }: Options): void {
  process.exitCode = USAGE_ERROR;
  for (const { line, message } of problems) process.stderr.write(`${file}:${line}: ${message}\n`);
  const rows = problems.length === 1 ? 'A row does' : `${problems.length} rows do`;
  process.stderr.write(`tessera: ${rows} not fit; nothing was queued.\n`);
  if (json === true) console.log(JSON.stringify({ error: { code: 'INVALID_REQUEST', problems } }));
}

function printEstimate(plan: BatchPlan, estimate: BatchEstimate, { json }: Options): void {
  const rows = plan.rows.map(({ line, prepared: { id, job, renders, isFinished } }) => {
    const { width, height, frames, steps } = renders[0]!;
    const { prompt, output } = job.request;
    return { line, id, prompt, output, clips: renders.length, width, height, frames, steps, isFinished };
  });
  if (json === true) return console.log(JSON.stringify({ ...estimate, rows }));
  const lines = rows.map((row) => [
    String(row.line),
    row.isFinished ? 'there' : 'render',
    `${row.width}x${row.height}x${row.frames}`,
    `${row.steps} steps`,
    row.output ?? '',
    row.prompt,
  ]);
  console.log(table([['line', '', 'size', '', 'output', 'prompt'], ...lines]));
  const { jobs, finished, seconds: time, bytes: size } = estimate;
  const cost =
    time === undefined || size === undefined
      ? 'How long it takes is not known: no clip of this model was rendered in this queue yet.'
      : `About ${seconds(time)} of work and ${bytes(size)}.`;
  console.log(`\n${jobs} jobs, ${finished} of them done already. ${cost}`);
}

async function report({ rows }: BatchPlan, { batch, jobs }: BatchRun, queue: Queue, { json }: Options): Promise<void> {
  const failed = jobs.filter(({ state }) => state !== 'done');
  if (failed.length > 0) process.exitCode ||= 1;
  if (json === true) {
    const counts = await queue.batchCounts(batch.id);
    return console.log(
      JSON.stringify({ batch: batch.id, ...counts, each: jobs.map((job, i) => ({ line: rows[i]!.line, ...job })) }),
    );
  }
  const lines = jobs.map((job, i) => [
    String(rows[i]!.line),
    job.state,
    job.state === 'done' ? (job.request?.output ?? '') : (job.error?.message ?? ''),
    describeJob(job),
  ]);
  console.log(table([['line', 'state', 'output', 'prompt'], ...lines]));
  console.log(
    `\n${jobs.length - failed.length} of ${jobs.length} rows done${failed.length > 0 ? `, ${failed.length} not` : ''}.`,
  );
}

/** A bar over the jobs, where a person watches. */
function batchDisplay(stream: NodeJS.WriteStream = process.stderr) {
  if (!stream.isTTY) return { progress: () => undefined, stop: () => undefined };
  const format = '{bar} {value}/{total} jobs{text}';
  const bar = new SingleBar({
    format,
    stream,
    hideCursor: true,
    clearOnComplete: true,
    barsize: 32,
    gracefulExit: false,
  });
  bar.start(1, 0, { text: '' });
  return {
    progress: ({ ended, failed, jobs, remainingSeconds }: BatchProgress): void => {
      const left = remainingSeconds === undefined ? '' : `, ${seconds(remainingSeconds)} left`;
      bar.setTotal(jobs);
      bar.update(ended, { text: `${failed > 0 ? `, ${failed} failed` : ''}${left}` });
    },
    stop: () => bar.stop(),
  };
}
