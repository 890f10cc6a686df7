// tessera mcp: Tessera's abilities as tools for an agent, over standard input and output.
import { Command } from 'commander';
import { once } from 'node:events';
import { interruptible } from './interrupt.ts';
import { report } from './serving.ts';
import { wholeNumber } from './whole-number.ts';

const examples = `
Speaks the Model Context Protocol on standard input and output, for a program that starts it; it ends when its input does. The
tools are generate, list_videos, video_status, cancel_video, caption, captions_status, ask, search and list_models; clips are
resources. Jobs go through the queue and clips into videos/ in TESSERA_DATA, as with "tessera serve", which has the same tools over HTTP at /mcp.

Examples:
  $ claude mcp add tessera -- tessera mcp
  $ tessera mcp --workers 0     # leave the work to "tessera worker"

As an entry of a client's configuration:
  { "mcpServers": { "tessera": { "command": "tessera", "args": ["mcp"] } } }

Over HTTP, from "tessera serve":
  { "mcpServers": { "tessera": { "url": "http://127.0.0.1:8080/mcp", "headers": { "Authorization": "Bearer …" } } } }`;

interface Options {
  readonly workers: string;
  readonly maxWaiting: string;
}

export function mcpCommand(): Command {
  return new Command('mcp')
    .description('offer tools to an agent (Model Context Protocol)')
    .option('--workers <n>', 'renders at a time in this process; 0 leaves them to workers elsewhere', '1')
    .option('--max-waiting <n>', 'refuse requests while so many jobs wait', '1000')
    .addHelpText('after', examples)
    .action(run);
}

async function run({ workers, maxWaiting }: Options): Promise<void> {
  const options = {
    workers: wholeNumber('workers', workers, { most: 1000 }),
    maxWaiting: wholeNumber('max-waiting', maxWaiting, { most: 1_000_000 }),
    onWork: report,
    onTrouble: (why: string) => void process.stderr.write(`trouble: ${why}\n`),
  };
  // Standard output belongs to the protocol, whatever a library wants to print.
  console.log = console.info = console.debug = console.error;
  const { serveMcp } = await import('../server/mcp-stdio.ts');
  await interruptible(async (signal) => {
    const running = await serveMcp(options);
    const stopped = signal.aborted ? Promise.resolve() : once(signal, 'abort');
    try {
      await Promise.race([running.ended, stopped]);
    } finally {
      await running.close();
    }
  });
}
