// tessera train lora: teaches nano a new thing from a few pictures of it.
import { SingleBar } from 'cli-progress';
import { Command } from 'commander';
import { join, resolve } from 'node:path';
import { InvalidRequestError } from '../jobs/errors.ts';
import { findModel } from '../jobs/model-names.ts';
import { readSettings } from '../jobs/settings.ts';
import type { TrainLoraRequest } from '../training/train-lora.ts';
import { seconds } from './format.ts';
import { interruptible } from './interrupt.ts';
import { barOptions } from './progress-bar.ts';
import { wholeNumber } from './whole-number.ts';

const examples = `
The folder has 3 to 10 pictures of one thing. What they show is cut out by their alpha, else from a border of one colour, and
moves in all places and ways that nano knows; a picture that has neither is learned as a whole, with its corners. The
file is a LoRA as diffusers writes it, and also has the name, which prompts then may say.

Examples:
  $ tessera train lora --images ./mascot --name "my mascot"
  $ tessera train lora --images ./mascot --name "my mascot" --steps 600 --out mascot.safetensors
  $ tessera generate "a my-mascot jumps on a snowy field" --lora mascot.safetensors
  $ tessera eval --lora mascot.safetensors`;

interface Options {
  readonly images: string;
  readonly name: string;
  readonly model: string;
  readonly out?: string;
  readonly overwrite?: boolean;
  readonly run?: string;
  readonly steps?: string;
  readonly rank?: string;
  readonly learningRate?: string;
  readonly threads?: string;
  readonly json?: boolean;
}

export function trainLoraCommand(): Command {
  return new Command('lora')
    .description('teach the video transformer a new thing, from 3 to 10 pictures of it')
    .requiredOption('--images <folder>', 'folder with the pictures')
    .requiredOption('--name <text>', 'what prompts call it, as "my mascot"')
    .option('--model <text>', 'a model by name, or its folder', 'nano')
    .option('--out <file>', 'LoRA file to write (default <name>.safetensors)')
    .option('--overwrite', 'replace a file that exists')
    .option(
      '--run <folder>',
      'folder of the run, which goes on where it was stopped (default .tessera/runs/lora-<name>)',
    )
    .option('--steps <n>', 'updates in all (default 300)')
    .option('--rank <n>', 'of the changes, 1 to 128 (default 16)')
    .option('--learning-rate <x>', "the optimiser's, after the warm-up (default 0.002)")
    .option('--threads <n>', 'of the training step; default all cores')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', examples)
    .action(run);
}

async function run(options: Options): Promise<void> {
  const { trainLora } = await import('../training/train-lora.ts');
  const request = await parse(options);
  const bar = progressBar(request.steps);
  const result = await interruptible((signal) => trainLora({ ...request, signal, onProgress: bar.tell })).finally(bar.stop); // prettier-ignore
  const { name, out } = request;
  if (options.json === true) return console.log(JSON.stringify({ name, out, run: request.run, ...result }));
  const whole = Object.entries(result.cuts).filter(([, cut]) => cut === 'nothing');
  if (whole.length > 0)
    console.error(`note: ${whole.map(([file]) => file).join(', ')}: neither alpha nor a border of one colour, so learned as a whole picture.`); // prettier-ignore
  console.log(`${result.finished ? 'Done' : 'Stopped'} after ${result.step} updates. Wrote ${out}.`);
  console.log(`Try: tessera generate "a ${name} jumps on a snowy field" --lora ${out}`);
}

async function parse(options: Options): Promise<TrainLoraRequest> {
  const { conceptName } = await import('../training/concept.ts');
  const { loraDefaults } = await import('../training/train-lora.ts');
  const name = conceptName(options.name);
  const file = name.replaceAll(' ', '-');
  const { folder } = await findModel(options.model, readSettings());
  const { steps, rank, threads } = options;
  return {
    images: resolve(options.images),
    name,
    model: folder,
    out: options.out ?? `${file}.safetensors`,
    ...(options.overwrite === true && { overwrite: true }),
    run: options.run ?? join('.tessera', 'runs', `lora-${file}`),
    steps: steps === undefined ? loraDefaults.steps : wholeNumber('steps', steps, { least: 1, most: 100_000 }),
    rank: rank === undefined ? loraDefaults.rank : wholeNumber('rank', rank, { least: 1, most: 128 }),
    learningRate: rate(options.learningRate) ?? loraDefaults.learningRate,
    ...(threads !== undefined && { threads: wholeNumber('threads', threads, { least: 1, most: 1024 }) }),
  };
}

function rate(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = text.trim() === '' ? NaN : Number(text);
  if (value > 0 && value < 1) return value;
  throw new InvalidRequestError(`learning-rate (=${text}) must be a number between 0 and 1.`);
}

/** A bar with what is left, where a person watches. */
function progressBar(steps: number) {
  if (!process.stderr.isTTY) return { tell: () => undefined, stop: () => undefined };
  const bar = new SingleBar(barOptions('learning {bar} {value}/{total}{text}', process.stderr));
  const start = performance.now();
  let first: number | undefined;
  bar.start(steps, 0, { text: ', reading pictures' });
  return {
    tell: ({ step, loss }: { step: number; loss: number }): void => {
      first ??= step;
      const left = ((performance.now() - start) / 1000 / (step - first + 1)) * (steps - step);
      bar.update(step, { text: `, loss ${loss.toFixed(3)}, ${seconds(left)} left` });
    },
    stop: () => bar.stop(),
  };
}
