// tessera serve: videos over HTTP.
import { Command } from 'commander';
import { once } from 'node:events';
import { interruptible } from './interrupt.ts';
import { report } from './serving.ts';
import { wholeNumber } from './whole-number.ts';

const examples = `
/v1/videos has the shape of OpenAI's Videos API, so its clients work; GET /openapi.json describes it. Jobs go through the queue
and clips into videos/ in TESSERA_DATA, films that are sent to /v1/captions and their words into captions/. On Ctrl-C or SIGTERM no more requests are taken, the running step is finished and its
job given back. Other machines may ask when TESSERA_TOKEN is set and --host lets them.

Examples:
  $ tessera serve
  $ curl -s localhost:8080/v1/videos -H 'content-type: application/json' -d '{"prompt":"a penguin jumps on a snowy field"}'
  $ TESSERA_TOKEN=$(openssl rand -hex 24) tessera serve --host 0.0.0.0
  $ tessera serve --workers 0     # leave the work to "tessera worker"`;

interface Options {
  readonly port: string;
  readonly host: string;
  readonly workers: string;
  readonly maxWaiting: string;
  readonly maxUpload: string;
}

export function serveCommand(): Command {
  return new Command('serve')
    .description('serve videos over HTTP')
    .option('--port <n>', 'port to listen on; 0 takes one that is free', '8080')
    .option('--host <address>', 'address to listen on; others than this machine need TESSERA_TOKEN', '127.0.0.1')
    .option('--workers <n>', 'renders at a time in this process; 0 leaves them to workers elsewhere', '1')
    .option('--max-waiting <n>', 'refuse requests while so many jobs wait', '1000')
    .option('--max-upload <megabytes>', 'refuse larger films', '2048')
    .addHelpText('after', examples)
    .action(run);
}

async function run({ port, host, workers, maxWaiting, maxUpload }: Options): Promise<void> {
  const options = {
    port: wholeNumber('port', port, { most: 65_535 }),
    host,
    workers: wholeNumber('workers', workers, { most: 1000 }),
    maxWaiting: wholeNumber('max-waiting', maxWaiting, { most: 1_000_000 }),
    mostUploadBytes: wholeNumber('max-upload', maxUpload, { most: 1_000_000 }) * 2 ** 20,
    onWork: report,
    onTrouble: (why: string) => void process.stderr.write(`trouble: ${why}\n`),
  };
  const { serve } = await import('../server/serve.ts');
  await interruptible(async (signal) => {
    const server = await serve(options);
    try {
      console.log(`Tessera serves at ${server.url}`);
      if (!signal.aborted) await once(signal, 'abort');
    } finally {
      await server.close();
    }
  });
}
