// tessera models pull: a model from the hub, or one of its mirrors, into the cache that Python's programs use too.
import { SingleBar } from 'cli-progress';
import { Command } from 'commander';
import type { PullPlan, PullProgress } from '../jobs/pull-model.ts';
import { readSettings } from '../jobs/settings.ts';
import { bytes, table } from './format.ts';
import { interruptible } from './interrupt.ts';
import { barOptions } from './progress-bar.ts';

const examples = `
Fetches only what the model needs, into HF_HUB_CACHE (or hub/ in HF_HOME, or ~/.cache/huggingface/hub); what a Python
program has fetched is not fetched again. What was broken off goes on. Every file is checked against the hub's checksum.
HF_ENDPOINT names a mirror, HF_TOKEN a token, HF_HUB_OFFLINE=1 only looks at what is there.

Examples:
  $ tessera models pull Wan-AI/Wan2.1-T2V-1.3B-Diffusers --dry-run
  $ tessera models pull Wan-AI/Wan2.1-T2V-1.3B-Diffusers
  $ tessera models pull someone/some-lora@v2 --file lora.safetensors
  $ tessera generate "a cat spins on a meadow" --model Wan-AI/Wan2.1-T2V-1.3B-Diffusers`;

export function pullCommand(): Command {
  return new Command('pull')
    .description('get a model from the hub')
    .argument('<model>', 'owner/name, or owner/name@revision')
    .option('--file <path...>', 'get only these files of the repository')
    .option('--dry-run', 'say what would be fetched')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', examples)
    .action(pull);
}

interface PullFlags {
  readonly file?: readonly string[];
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

async function pull(model: string, { file, dryRun = false, json = false }: PullFlags): Promise<void> {
  const { pullModel } = await import('../jobs/pull-model.ts');
  const settings = readSettings();
  const bar = downloadBar(process.stderr);
  const pulled = await interruptible(async (signal) => {
    try {
      return await pullModel(model, settings.hub!, {
        signal,
        dryRun,
        ...(file && { only: file }),
        onPlan: (plan) => {
          if (!json) console.log(describePlan(plan, dryRun));
          if (!dryRun) bar.start(plan);
        },
        onProgress: (progress) => bar.progress(progress),
      });
    } finally {
      bar.stop();
    }
  });
  if (json) return console.log(JSON.stringify(pulled));
  if (!dryRun) console.log(pulled.folder);
}

function describePlan({ id, commit, files, sizeBytes, missingBytes, freeBytes }: PullPlan, whole: boolean): string {
  const rows = files.map((file) => [
    file.path,
    bytes(file.sizeBytes),
    file.missingBytes === 0 ? 'there' : `${bytes(file.missingBytes)} to fetch`,
  ]);
  const sum =
    missingBytes === 0
      ? `${id} at ${commit.slice(0, 12)}: all ${files.length} files, ${bytes(sizeBytes)}, are there.`
      : `${id} at ${commit.slice(0, 12)}: ${bytes(missingBytes)} of ${bytes(sizeBytes)} to fetch; ${bytes(freeBytes)} are free.`;
  return whole || missingBytes > 0 ? `${table(rows)}\n${sum}` : sum;
}

/** Only where a person watches. */
function downloadBar(stream: NodeJS.WriteStream) {
  const bar = stream.isTTY ? new SingleBar(barOptions('{bar} {percentage} % {text}', stream)) : undefined;
  return {
    start: ({ sizeBytes }: PullPlan) => bar?.start(Math.max(1, sizeBytes), 0, { text: '' }),
    progress: ({ path, doneBytes, totalBytes }: PullProgress) =>
      bar?.update(doneBytes, { text: `${bytes(doneBytes)} of ${bytes(totalBytes)}, ${path}` }),
    stop: () => bar?.stop(),
  };
}
