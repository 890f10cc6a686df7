// tessera models info: what a model is and what it takes.
import { Command } from 'commander';
import type { ModelInfo } from '../jobs/model-info.ts';
import { readSettings } from '../jobs/settings.ts';
import { bytes, count, table } from './format.ts';
import { describeMemory } from './render-plan.ts';

const examples = `
Examples:
  $ tessera models info nano
  $ tessera models info Wan-AI/Wan2.1-T2V-1.3B-Diffusers --json`;

export function infoCommand(): Command {
  return new Command('info')
    .description('say what a model is and what it takes')
    .argument('<model>', 'a name, a folder, or owner/name of a model that was pulled')
    .option('--json', 'print it as JSON')
    .addHelpText('after', examples)
    .action(async (model: string, { json }: { readonly json?: boolean }) => {
      const { modelInfo } = await import('../jobs/model-info.ts');
      const info = await modelInfo(model, readSettings());
      console.log(json === true ? JSON.stringify(info) : describe(info));
    });
}

function describe(info: ModelInfo): string {
  const rows = info.parts.map(({ name, className, parameters, sizeBytes, dtypes }) => [
    name,
    className,
    count(parameters),
    bytes(sizeBytes),
    dtypes.join(', '),
  ]);
  const { width, height, frames, fps, steps, guidance } = info.defaults;
  return [
    `${info.name}: ${info.architecture}`,
    `${info.folder}, ${count(info.parameters)} parameters, ${bytes(info.sizeBytes)}`,
    table([['part', 'class', 'parameters', 'size', 'stored as'], ...rows]),
    `By default ${width}x${height} (multiples of ${info.sizesAreMultiplesOf}), ${frames} frames at ${fps} fps, ${steps} steps, guidance ${guidance}. Such a clip takes of memory:`,
    describeMemory(info.memory),
  ].join('\n');
}
