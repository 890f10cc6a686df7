// tessera watch: files dropped into a folder become clips, videos get captions.
import { Command } from 'commander';
import { resolve } from 'node:path';
import { captionSchema, parseCaptionRequest } from '../jobs/caption-request.ts';
import { InvalidRequestError } from '../jobs/errors.ts';
import type { WatchEvent } from '../jobs/watch.ts';
import { interruptible } from './interrupt.ts';
import { addRequestOptions, sentFields } from './request-options.ts';
import { withQueue } from './with-queue.ts';

const examples = `
Drop a prompt (.txt), a request (.json, .yaml) or a batch (.jsonl, .csv, .yaml), at any depth. A picture starts a clip; what
it shows stands in a file of the same name beside it (cat.png, cat.txt), or in the picture's name. A video gets captions, as the
options say that "tessera caption" has too. A file is taken when it has stopped growing: it moves to processing/, then to done/
beside its clips or captions, or to failed/ with the reason beside it. Names that begin with a dot or end like half a download
are left alone. A watcher that was stopped goes on where it was.

Examples:
  $ tessera watch inbox
  $ tessera watch /mnt/share/inbox --poll --workers 2
  $ tessera watch inbox --formats vtt,srt --shots
  $ tessera watch inbox --workers 0 --json     # leave the work to "tessera worker"`;

interface Options {
  readonly workers: string;
  readonly settle: string;
  readonly poll?: boolean;
  readonly json?: boolean;
}

export function watchCommand(): Command {
  const command = new Command('watch')
    .description('render what is dropped into a folder, and caption videos')
    .argument('<folder>', 'where files are dropped')
    .option('--workers <n>', 'renders at a time in this process; 0 leaves them to workers elsewhere', '1')
    .option('--settle <seconds>', 'a file is whole when its size stood still for so long', '2')
    .option('--poll', 'look by asking again and again, as network mounts need');
  return addRequestOptions(command, captionSchema.shape, notForVideos)
    .option('--json', 'print what happens as lines of JSON')
    .addHelpText('after', examples)
    .action(run);
}

/** Settled by the folder; a copy of a film belongs into no inbox. */
const notForVideos = ['videos', 'folder', 'overwrite', 'mux', 'burn'];

async function run(folder: string, options: Options & Readonly<Record<string, unknown>>): Promise<void> {
  const { workers, settle, poll = false, json = false } = options;
  const captions = parseCaptionRequest({ videos: ['-'], ...sentFields(captionSchema.shape, options) });
  const renders = number('workers', workers, 0);
  const settledMs = number('settle', settle, 0.05) * 1000;
  const { watchFolder } = await import('../jobs/watch.ts');
  const { Worker } = await import('../jobs/worker.ts');
  await withQueue((queue) =>
    interruptible(async (signal) => {
      const settings = queue.settings;
      const worker = renders > 0 ? await Worker.start({ settings, concurrency: renders }) : undefined;
      try {
        const onEvent = (event: WatchEvent): void => print(event, json);
        await watchFolder(queue, { folder: resolve(folder), signal, settledMs, poll, captions, onEvent });
      } finally {
        await worker?.stop();
      }
    }),
  );
}

function number(name: string, text: string, least: number): number {
  const value = text.trim() === '' ? NaN : Number(text);
  if (value >= least && value <= 10_000) return value;
  throw new InvalidRequestError(`${name} (=${text}) must be a number of at least ${least}.`);
}

/** What has ended goes to standard output, all else to standard error. */
function print(event: WatchEvent, json: boolean): void {
  if (json) return console.log(JSON.stringify(event));
  if (event.kind === 'done') return console.log(`done    ${event.file}`);
  if (event.kind === 'failed') return console.log(`failed  ${event.file}  ${event.why.split('\n')[0]}`);
  process.stderr.write(`${inWords(event)}\n`);
}

function inWords(event: WatchEvent): string {
  if (event.kind === 'taken') return `taken   ${event.file}`;
  if (event.kind === 'away') return 'The folder is away; waiting until it is back.';
  return event.kind === 'back' ? 'The folder is back.' : `trouble: ${'why' in event ? event.why : ''}`;
}
