// tessera jobs: what is in the queue, and what is to become of it.
import { Command } from 'commander';
import { InvalidRequestError } from '../jobs/errors.ts';
import { type Job, parseJobState } from '../jobs/job-record.ts';
import type { Queue } from '../jobs/queue.ts';
import { table } from './format.ts';
import { jobLines, jobTable } from './job-text.ts';
import { submitCommand } from './jobs-submit.ts';
import { withQueue } from './with-queue.ts';
import { wholeNumber } from './whole-number.ts';

const examples = `
Jobs are rendered by "tessera worker". The queue is a folder (TESSERA_DATA), or what TESSERA_QUEUE names.

Examples:
  $ tessera jobs submit "a penguin jumps on a snowy field" -o penguin.mp4
  $ tessera caption film.mp4 --queue
  $ tessera jobs ls --state waiting
  $ tessera jobs show clip-0123456789abcdef
  $ tessera jobs logs clip-0123456789abcdef
  $ tessera jobs cancel clip-0123456789abcdef
  $ tessera jobs retry clip-0123456789abcdef
  $ tessera jobs clean --state done --older-than 7`;

export function jobsCommand(): Command {
  const command = (name: string, description: string): Command =>
    new Command(name)
      .description(description)
      .option('--json', 'print the result as JSON')
      .addHelpText('after', examples);
  const ls = command('ls', 'list jobs: the running, the waiting in their order, the ended')
    .option('--state <state>', 'only those that are waiting, running, done, failed or cancelled')
    .option('--from <n>', 'leave out so many', '0')
    .option('--count <n>', 'list at most so many', '100')
    .action(list);
  const show = command('show', 'tell all about a job').argument('<id>').action(showJob);
  const logs = command('logs', 'print what workers noted about a job').argument('<id>').action(printLogs);
  const cancel = command('cancel', 'do not begin jobs, or stop them after their step; of batches, all that is not done')
    .argument('<id...>')
    .action((ids: string[], options: Options) => change(ids, options, (queue, id) => queue.cancel(id)));
  const retry = command('retry', 'take failed or cancelled jobs up again')
    .argument('<id...>')
    .action((ids: string[], options: Options) => change(ids, options, (queue, id) => queue.retry(id)));
  const clean = command('clean', 'forget jobs that have ended; their clips stay')
    .option('--state <state>', 'only done or failed ones; cancelled ones count as failed')
    .option('--older-than <days>', 'only those that ended so long ago', '0')
    .action(cleanJobs);
  const jobs = new Command('jobs').description('submit jobs, look at them, cancel and retry them').addHelpText('after', examples); // prettier-ignore
  for (const one of [submitCommand(), ls, show, logs, cancel, retry, clean]) jobs.addCommand(one);
  return jobs;
}

interface Options {
  readonly json?: boolean;
}

async function list(options: Options & { state?: string; from: string; count: string }): Promise<void> {
  const state = options.state === undefined ? {} : { state: parseJobState(options.state) };
  const page = { ...state, from: wholeNumber('from', options.from), count: wholeNumber('count', options.count) };
  const jobs = await withQueue((queue) => queue.list(page));
  if (options.json === true) return console.log(JSON.stringify(jobs));
  console.log(jobs.length === 0 ? 'There are no such jobs.' : table(jobTable(jobs)));
}

async function showJob(id: string, { json }: Options): Promise<void> {
  const [job, counts] = await withQueue(async (queue) => {
    const found = await queue.need(id);
    return [found, found.kind === 'batch' ? await queue.batchCounts(id) : undefined] as const;
  });
  if (json === true) return console.log(JSON.stringify({ ...job, ...(counts && { counts }) }));
  const so = counts && `jobs       ${counts.succeeded} succeeded, ${counts.failed} failed of ${counts.jobs}`;
  console.log([...jobLines(job), ...(so === undefined ? [] : [so])].join('\n'));
}

async function printLogs(id: string, { json }: Options): Promise<void> {
  const lines = await withQueue((queue) => queue.logs(id));
  console.log(json === true ? JSON.stringify(lines) : lines.join('\n'));
}

async function change(
  ids: readonly string[],
  { json }: Options,
  work: (queue: Queue, id: string) => Promise<Job>,
): Promise<void> {
  await withQueue(async (queue) => {
    const jobs: Job[] = [];
    for (const id of ids) {
      const job = await work(queue, id);
      jobs.push(job);
      if (json !== true) console.log(`${job.id}  ${job.state}`);
    }
    if (json === true) console.log(JSON.stringify(jobs));
  });
}

async function cleanJobs({ state, olderThan, json }: Options & { state?: string; olderThan: string }): Promise<void> {
  if (state !== undefined && state !== 'done' && state !== 'failed') {
    throw new InvalidRequestError(`state (=${state}) must be done or failed.`);
  }
  const olderThanMs = wholeNumber('older-than', olderThan) * 24 * 3600 * 1000;
  const ids = await withQueue((queue) => queue.clean({ olderThanMs, ...(state && { state }) }));
  console.log(json === true ? JSON.stringify(ids) : `Forgot ${ids.length} jobs.`);
}
