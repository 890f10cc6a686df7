// tessera eval: scores a model of the procedural world on combinations that it was not trained on.
import { Command, Option } from 'commander';
import { join } from 'node:path';
import { InvalidRequestError } from '../jobs/errors.ts';
import { packageFolder } from '../jobs/package-folder.ts';
import type { AutoencoderEvaluation, Evaluation } from '../training/evaluate.ts';
import type { Share } from '../training/scores/summary.ts';
import { interruptible } from './interrupt.ts';

const examples = `
Clips are scored without a trained network: sprites are matched against the frames, motion is read from their track, places
from colours. Prompts are drawn from combinations of noun, place and motion that training left out.

Examples:
  $ tessera eval
  $ tessera eval --prompts 20 --sheet clips.png
  $ tessera eval --model ./my-nano --stage clips --captions full --json`;

interface Options {
  readonly model?: string;
  readonly prompts: string;
  readonly stage: string;
  readonly captions: string;
  readonly frames: string;
  readonly sheet?: string;
  readonly json?: boolean;
}

export function evalCommand(): Command {
  return new Command('eval')
    .description('score nano on held-out prompts')
    .option('--model <folder>', 'model folder (default models/nano of the package)')
    .option('--prompts <n>', 'how many', '100')
    .option('--frames <n>', 'length of the clips; 1 for pictures', '17')
    .option('--stage <name>', 'how wide the world is: gate, pictures, clips, wide', 'wide')
    .addOption(
      new Option('--captions <kind>', 'how prompts are worded').choices(['tag', 'plain', 'full']).default('plain'),
    )
    .option('--sheet <png>', 'write the first clips as rows of frames')
    .option('--json', 'print scores and every prompt as JSON')
    .addHelpText('after', examples)
    .action(run);
}

function whole(name: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new InvalidRequestError(`${name} (=${text}) must be a whole number above 0.`);
}

async function run(options: Options): Promise<void> {
  const { evaluateAutoencoder, evaluateClips, samplingDefaults } = await import('../training/evaluate.ts');
  const { transformerStages } = await import('../training/recipes.ts');
  if (!Object.hasOwn(transformerStages, options.stage)) {
    throw new InvalidRequestError(
      `stage (=${options.stage}) must be one of ${Object.keys(transformerStages).join(', ')}.`,
    );
  }
  const model = options.model ?? join(packageFolder, 'models', 'nano');
  const request = {
    model,
    prompts: whole('prompts', options.prompts),
    stage: options.stage as keyof typeof transformerStages,
    captions: options.captions as 'plain',
    size: { frames: whole('frames', options.frames), width: 128, height: 128 },
    ...(await samplingDefaults(model)),
    ...(options.sheet !== undefined && { sheet: options.sheet }),
    ...reporting(),
  };
  const clips = await interruptible((signal) => evaluateClips({ ...request, signal }));
  const autoencoder = await evaluateAutoencoder(model);
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
  if (options.json === true) console.log(JSON.stringify({ ...request, ...clips, autoencoder }, null, 2));
  else console.log(report(clips, autoencoder));
}

function report(clips: Evaluation, autoencoder: AutoencoderEvaluation): string {
  const line = (name: string, { right, of, percent }: Share) =>
    of === 0 ? [] : [`${name.padEnd(12)}${percent.toFixed(1).padStart(6)} %  (${right} of ${of})`];
  return [
    ...line('noun@1', clips.noun1),
    ...line('noun@5', clips.noun5),
    ...line('style', clips.style),
    ...line('motion', clips.motion),
    ...line('place', clips.place),
    ...line('relation', clips.relation),
    `${'presence'.padEnd(12)}${clips.presence.toFixed(1).padStart(6)} %`,
    `autoencoder ${autoencoder.psnr.toFixed(2).padStart(6)} dB PSNR over ${autoencoder.clips} clips (least ${autoencoder.psnrMin.toFixed(1)})`,
  ].join('\n');
}

/** A line on a terminal that is written over; nothing elsewhere. */
function reporting() {
  if (!process.stderr.isTTY) return {};
  const start = performance.now();
  const onProgress = (done: number, of: number): void => {
    const left = ((performance.now() - start) / done / 1000) * (of - done);
    process.stderr.write(`\r\u001b[Kclip ${done} of ${of}, ${Math.round(left)} s left`);
  };
  return { onProgress };
}
