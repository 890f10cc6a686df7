// tessera train: makes a part of nano from the procedural world, goes on where it was stopped.
import { Command } from 'commander';
import { join } from 'node:path';
import { InvalidRequestError } from '../jobs/errors.ts';
import type { TrainedPart, TrainRequest } from '../training/train.ts';
import { seconds } from './format.ts';
import { interruptible } from './interrupt.ts';
import { trainLoraCommand } from './train-lora.ts';

const examples = `
A run goes on where it was stopped. Order: vae and clip, then dit, which reads both from the model folder,
and captioner, which reads clip's tower; its stages follow each other, each in a run of its own. The run's folder
holds checkpoint.safetensors, log.jsonl (loss, samples and GFLOP per second, CPU share, scores), samples/*.png, and of dit
latents/ (the clips as encoded, a GB or so, which a run that goes on reads; yours to delete).

Examples:
  $ tessera train vae --stage pictures --steps 6000 --decay 0
  $ tessera train vae --stage clips --steps 20000
  $ tessera train vae --stage decoder --run .tessera/runs/decoder --steps 10000
  $ tessera train clip --steps 3000
  $ tessera train clip --stage pictures --run .tessera/runs/eyes --steps 3000
  $ tessera train captioner --stage words --steps 3000
  $ tessera train captioner --stage projection --steps 1000
  $ tessera train captioner --stage both --steps 12000
  $ tessera train expander --steps 1500
  $ tessera train lora --images ./mascot --name "my mascot"
  $ tessera train dit --stage gate --steps 2000 --decay 0
  $ tessera train dit --stage wide --steps 40000
  $ tessera generate "a cat jumps" --model .tessera/nano`;

const parts: Readonly<Record<TrainedPart, string>> = {
  vae: 'the autoencoder, from clips of the world',
  clip: 'the text and picture towers, from captions and pictures',
  dit: 'the video transformer, from captions and latents',
  captioner: 'the captioner, a LLaVA, from captions and questions',
  expander: 'the expander, a Llama, from wishes and captions',
};

const stages = {
  vae: 'pictures, clips (default), refine, decoder',
  clip: 'both (default), pictures',
  dit: 'gate, pictures, stills, layouts, moves, paths, given, looks, words, large, clips, wide (default)',
  captioner: 'words, projection, both (default), whole',
  expander: 'has no stages',
};

interface Options {
  readonly steps: string;
  readonly run?: string;
  readonly model?: string;
  readonly from?: string;
  readonly learningRate?: string;
  readonly decay?: string;
  readonly stage?: string;
  readonly threads?: string;
  readonly json?: boolean;
}

export function trainCommand(): Command {
  const train = new Command('train').description('train a part of nano').addHelpText('after', examples);
  for (const [part, what] of Object.entries(parts)) {
    const command = new Command(part)
      .description(`train ${what}`)
      .requiredOption('--steps <n>', 'updates in all, those of earlier sessions included')
      .option(
        '--run <folder>',
        `folder of the run (default .tessera/runs/${part}${part === 'captioner' ? '-<stage>' : ''})`,
      )
      .option('--model <folder>', 'model folder to write the part to (default .tessera/nano)')
      .option('--from <folder>', 'model folder whose part a fresh run starts from')
      .option('--learning-rate <x>', "the optimiser's, after the warm-up")
      .option('--decay <x>', 'share of the steps, at the end, over which the learning rate falls; 0 to 1')
      .option('--threads <n>', 'of the training step; default all cores. Two trainings at once: one each')
      .option('--json', 'print the result as JSON')
      .option('--stage <name>', `how far the curriculum is: ${stages[part as TrainedPart]}`)
      .addHelpText('after', examples);
    train.addCommand(command.action((options: Options) => run(part as TrainedPart, options)));
  }
  return train.addCommand(trainLoraCommand());
}

async function run(part: TrainedPart, options: Options): Promise<void> {
  const request = parse(part, options);
  const { trainPart } = await import('../training/train.ts');
  const result = await interruptible((signal) => trainPart({ ...request, signal, onProgress: reporter() }));
  if (process.stderr.isTTY) process.stderr.write('\n');
  if (options.json === true) {
    console.log(JSON.stringify({ part, ...result, run: request.run, model: request.model }));
  } else {
    const how = result.finished ? 'Done' : 'Stopped';
    console.log(`${how} after ${result.step} updates. Wrote ${request.model}; the run is in ${request.run}.`);
  }
}

function parse(part: TrainedPart, options: Options): TrainRequest {
  const { learningRate, decay, stage, threads } = options;
  return {
    part,
    steps: number('steps', options.steps, (n) => Number.isInteger(n) && n > 0, 'a whole number above 0'),
    run: options.run ?? join('.tessera', 'runs', part === 'captioner' ? `${part}-${stage ?? 'both'}` : part),
    model: options.model ?? join('.tessera', 'nano'),
    ...(options.from !== undefined && { from: options.from }),
    ...(learningRate !== undefined && {
      learningRate: number('learning-rate', learningRate, (n) => n > 0 && n < 1, 'a number between 0 and 1'),
    }),
    ...(decay !== undefined && {
      decayFraction: number('decay', decay, (n) => n >= 0 && n <= 1, 'a number from 0 to 1'),
    }),
    ...(threads !== undefined && {
      threads: number('threads', threads, (n) => Number.isInteger(n) && n > 0 && n <= 1024, 'a whole number above 0'),
    }),
    ...(stage !== undefined && { stage: stage as NonNullable<TrainRequest['stage']> }),
  };
}

function number(name: string, text: string, fits: (value: number) => boolean, rule: string): number {
  const value = text.trim() === '' ? NaN : Number(text);
  if (fits(value)) return value;
  throw new InvalidRequestError(`${name} (=${text}) must be ${rule}.`);
}

/** A line on a terminal that is written over; nothing elsewhere, as the run's log has it all. */
function reporter(): NonNullable<TrainRequest['onProgress']> {
  const start = performance.now();
  let [first, told] = [-1, 0];
  return ({ step, steps, loss }) => {
    if (first < 0) first = step;
    const now = performance.now();
    if (!process.stderr.isTTY || now - told < 1000) return;
    told = now;
    const left = ((now - start) / 1000 / Math.max(1, step - first)) * (steps - step);
    process.stderr.write(`\r\u001b[Kstep ${step} of ${steps}, loss ${loss.toFixed(4)}, ${seconds(left)} left`);
  };
}
