// tessera models quantize: smaller copies of a model's matrices, beside it.
import { SingleBar } from 'cli-progress';
import { Command, Option } from 'commander';
import type { QuantisedCopy, QuantisePlan } from '../jobs/quantise-model.ts';
import { readSettings } from '../jobs/settings.ts';
import { type QuantisedMode, quantisedModes } from '../jobs/weight-mode-names.ts';
import { bytes, table } from './format.ts';
import { interruptible } from './interrupt.ts';
import { barOptions } from './progress-bar.ts';

const examples = `
Rounds the matrices of a model's blocks to 8 or 4 bits, once, into .tessera/ of the model's folder, and says what each layer loses:
the root mean square of what rounding changed over the spread of its weights. Layers that lose too much stay as they are. What was
broken off goes on. Then render with --weights int8, --text-weights int4.

Examples:
  $ tessera models quantize Wan-AI/Wan2.1-T2V-1.3B-Diffusers --to int8
  $ tessera models quantize Wan-AI/Wan2.1-T2V-1.3B-Diffusers --to int4 --parts text_encoder
  $ tessera generate "a cat spins on a meadow" --model Wan-AI/Wan2.1-T2V-1.3B-Diffusers --weights int8 --text-weights int4`;

export function quantiseCommand(): Command {
  return new Command('quantize')
    .description('make int8 or int4 copies of a model')
    .argument('<model>', 'a name, a folder, or owner/name of a model that was pulled')
    .addOption(new Option('--to <type>', 'what to round to').choices(quantisedModes).makeOptionMandatory())
    .option(
      '--parts <part...>',
      'transformer, transformer_2, text_encoder; by default transformers for int8, text_encoder for int4',
    )
    .option('--json', 'print the result as JSON')
    .addHelpText('after', examples)
    .action(run);
}

interface Flags {
  readonly to: QuantisedMode;
  readonly parts?: readonly string[];
  readonly json?: boolean;
}

async function run(model: string, { to, parts, json = false }: Flags): Promise<void> {
  const { quantiseModel } = await import('../jobs/quantise-model.ts');
  const bar = process.stderr.isTTY
    ? new SingleBar(barOptions('{bar} {percentage} % {text}', process.stderr))
    : undefined;
  const copies = await interruptible(async (signal) => {
    try {
      return await quantiseModel(model, readSettings(), {
        to,
        signal,
        ...(parts && { parts }),
        onPlan: (plans) => {
          if (!json) console.log(plans.map(describePlan).join('\n'));
          bar?.start(Math.max(1, plans.reduce((sum, { matrices }) => sum + matrices, 0)), 0, { text: '' }); // prettier-ignore
        },
        onProgress: ({ done, part, matrix }) => bar?.update(done, { text: `${part} ${matrix}` }),
      });
    } finally {
      bar?.stop();
    }
  });
  console.log(json ? JSON.stringify(copies) : copies.map(describe).join('\n'));
}

function describePlan({ part, type, matrices, sizeBytes, missingBytes }: QuantisePlan): string {
  const state = missingBytes === 0 ? 'there already' : 'to be made';
  return `${part} in ${type}: ${matrices} matrices, ${bytes(sizeBytes)}, ${state}`;
}

/** One line for each layer of a kind would be hundreds: those of one name in all blocks are put together. */
function describe({ part, layers }: QuantisedCopy): string {
  const kinds = new Map<string, number[]>();
  for (const { name, error } of layers) {
    const kind = name.replace(/\.\d+\./, '.*.');
    kinds.set(kind, [...(kinds.get(kind) ?? []), error]);
  }
  const percent = (value: number): string => `${(100 * value).toFixed(2)} %`;
  const rows = [...kinds].map(([kind, errors]) => [
    kind,
    String(errors.length),
    percent(errors.reduce((sum, error) => sum + error, 0) / errors.length),
    percent(Math.max(...errors)),
  ]);
  const kept = layers.filter(({ isRounded }) => !isRounded);
  return [
    table([[part, 'layers', 'mean error', 'largest'], ...rows]),
    ...kept.map(({ name, reason }) => `${name} stays as it is: ${reason ?? ''}`),
  ].join('\n');
}
