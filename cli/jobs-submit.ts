// tessera jobs submit: the request of `tessera generate`, rendered later by a worker.
import { Command } from 'commander';
import { generateSchema, settledFields } from '../jobs/request.ts';
import { describeJob } from './job-text.ts';
import { addRequestOptions, sentFields } from './request-options.ts';
import { withQueue } from './with-queue.ts';

const examples = `
Takes the options of "tessera generate". What cannot be rendered is refused at once. The same request for the same output is
the same job: it is not rendered twice, and taken up again if it failed.

Examples:
  $ tessera jobs submit "a penguin jumps on a snowy field" -o penguin.mp4
  $ tessera jobs submit "a red car drives left in a city" --seed 7 --clips 4 --priority 1 -o car.webm --json`;

export function submitCommand(): Command {
  const command = new Command('submit')
    .description('queue clips of what a sentence says')
    .argument('[prompt...]', 'what the clip shows');
  return addRequestOptions(command, generateSchema.shape, ['prompt', ...settledFields])
    .option('--priority <n>', 'from 1, which comes first, to 1000000', '100')
    .option('--json', 'print the job as JSON')
    .addHelpText('after', examples)
    .action(run);
}

async function run(words: readonly string[], options: Readonly<Record<string, unknown>>): Promise<void> {
  // The queue parses the request, so what was sent may be anything here.
  const request = { ...sentFields(generateSchema.shape, options), prompt: words.join(' ') };
  const priority = Number(options['priority']);
  const { job, isNew } = await withQueue((queue) => queue.submit(request, { priority }));
  if (options['json'] === true) return console.log(JSON.stringify({ ...job, isNew }));
  console.log(
    `${job.id}  ${job.state}${isNew ? '' : ', as before'}  ${describeJob(job)}  ${job.request?.output ?? ''}`,
  );
}
