// tessera eval: scores a model of the procedural world on combinations that it was not trained on.
import { Command } from 'commander';
import { resolve } from 'node:path';
import { InvalidRequestError } from '../jobs/errors.ts';
import { loadRequestedModel } from '../jobs/adapted-model.ts';
import type { Model, NewWord } from '../jobs/model.ts';
import { findModel } from '../jobs/model-names.ts';
import { generateSchema, parseRequest } from '../jobs/request.ts';
import { readSettings } from '../jobs/settings.ts';
import type { Share } from '../training/scores/summary.ts';
import type { AutoencoderEvaluation, Evaluation, EvaluationRequest } from '../training/evaluate.ts';
import { scoreDirections } from './eval-directions.ts';
import { table } from './format.ts';
import { interruptible } from './interrupt.ts';
import { sentFields } from './request-options.ts';
import { wholeNumber } from './whole-number.ts';

const examples = `
Nothing is trained for the scores: clips are compared with the world's own sprites and places. The same model and options
give the same scores.

Examples:
  $ tessera eval
  $ tessera eval --prompts 20 --sheet clips.png
  $ tessera eval --model ./my-nano --stage words --json
  $ tessera eval --actors 2 --captions full
  $ tessera eval --outdoors --width 160 --height 96
  $ tessera eval --expand --prompts 50
  $ tessera eval --weights int8 --prompts 200     # after: tessera models quantize nano --to int8 --parts transformer
  $ tessera eval --lora mascot.safetensors --prompts 40
  $ tessera eval --lora mascot.safetensors --images ./mascot --prompts 40
  $ tessera eval --captioner 200
  $ tessera eval --direct 20
  $ tessera eval --direct 100 --only path
  $ tessera eval --retrieval 500`;

type ClipSize = EvaluationRequest['size'];

interface Options {
  readonly model: string;
  readonly prompts: string;
  readonly clips: string;
  readonly stage: string;
  readonly captions: string;
  readonly actors: string;
  readonly outdoors?: boolean;
  readonly width?: string;
  readonly height?: string;
  readonly frames?: string;
  readonly steps?: string;
  readonly guidance?: string;
  readonly sampler?: string;
  readonly shift?: string;
  readonly fast?: boolean;
  readonly sheet?: string;
  readonly expand?: boolean;
  readonly lora?: string;
  readonly weights?: string;
  readonly images?: string;
  readonly captioner?: string;
  readonly direct?: string;
  readonly only?: string;
  readonly retrieval?: string;
  readonly json?: boolean;
}

const samplers = generateSchema.shape.sampler.unwrap().options;

export function evalCommand(): Command {
  return new Command('eval')
    .description('score nano on held-out prompts')
    .option('--model <text>', 'a model by name, or its folder', 'nano')
    .option('--prompts <n>', 'prompts to render; 0 for none', '100')
    .option('--clips <n>', 'clips to encode and decode for PSNR; 0 for none', '24')
    .option(
      '--stage <name>',
      'world that prompts are drawn from: gate, pictures, stills, layouts, moves, paths, given, looks, words, large, styles, shapes, clips, wide',
      'words',
    )
    .option('--captions <kind>', 'tag, plain, styled or full', 'plain')
    .option('--actors <n>', 'of each prompt, 1 or 2', '1')
    .option('--outdoors', 'prompts in which it rains or snows where it can, or the camera moves')
    .option('--width <n>', "of the clips, in place of the stage's")
    .option('--height <n>', "of the clips, in place of the stage's")
    .option('--frames <n>', "of each clip, in place of the stage's")
    .option('--steps <n>', "sampling steps, in place of the model's own")
    .option('--guidance <n>', "in place of the model's own")
    .option('--sampler <name>', `${samplers.join(', ')}, in place of the model's own`)
    .option('--shift <n>', "of the noise levels, in place of the model's own")
    .option('--fast', 'skip steps that can be foretold')
    .option('--sheet <file>', 'PNG to write with the first clips')
    .option('--expand', 'render wishes as people type them instead, as they are and expanded, and compare')
    .option('--lora <file>', 'merge a LoRA into the model first, file or file:weight')
    .option('--weights <mode>', "how the transformer's are held: f32, f16, int8 or int4, as generate takes it")
    .option('--images <folder>', 'score the thing that the LoRA taught instead, against these pictures of it')
    .option('--captioner <n>', "score the model's captioner on so many unseen clips instead")
    .option('--direct <n>', 'score pictures, videos, boxes and times as prompts instead, with so many clips of each')
    .option('--only <text>', 'of --direct: those whose names have this in them')
    .option('--retrieval <n>', "score the model's towers instead: whether captions find their own among so many clips")
    .option('--json', 'print the scores as JSON')
    .addHelpText('after', examples)
    .action(run);
}

const MANY = { most: 1_000_000 };

async function run(options: Options): Promise<void> {
  if (options.only !== undefined && options.direct === undefined)
    throw new InvalidRequestError(`only (=${options.only}) chooses among the ways to direct a clip. Give it with --direct <n>.`); // prettier-ignore
  const { folder } = await findModel(options.model, readSettings());
  if (options.captioner !== undefined) return scoreCaptioner(folder, options.captioner, options.json);
  if (options.direct !== undefined) {
    const clips = wholeNumber('direct', options.direct, MANY);
    const { only, json = false } = options;
    return scoreDirections({ model: folder, clips, ...(only !== undefined && { only }), json, onProgress: tell });
  }
  if (options.retrieval !== undefined) return scoreRetrieval(folder, options.retrieval, options.json);
  const { evaluateAutoencoder, evaluateClips } = await import('../training/evaluate.ts');
  const adapted = await adaptedModel(options);
  const weights = adapted?.transformer.weights;
  const request = { ...(await parse(folder, options)), ...(weights && { weights }) };
  if (options.images !== undefined) return scoreConcept(request, options.images, adapted?.newWords, options.json);
  if (options.expand === true) return scoreWishes(request, options.json);
  const psnrClips = wholeNumber('clips', options.clips, MANY);
  const result = await interruptible(async (signal) => ({
    clips: request.prompts === 0 ? undefined : await evaluateClips({ ...request, signal, onProgress: tell }),
    autoencoder: psnrClips === 0 ? undefined : await evaluateAutoencoder(folder, psnrClips),
  }));
  console.log(options.json === true ? JSON.stringify({ model: folder, ...result }) : report(result));
}

/** The model with its weights as they are asked for, where they are not just the folder's own. */
async function adaptedModel({ model, lora, weights }: Options): Promise<Model | undefined> {
  if (lora === undefined && weights === undefined) return undefined;
  const given = { ...(lora !== undefined && { lora: [lora] }), ...(weights !== undefined && { weights }) };
  return loadRequestedModel(parseRequest({ prompt: 'a cat', model, ...given }), readSettings());
}

async function scoreCaptioner(model: string, count: string, json = false): Promise<void> {
  const clips = wholeNumber('captioner', count, MANY);
  const { evaluateCaptioner } = await import('../training/evaluate-captioner.ts');
  const scores = await interruptible((signal) => evaluateCaptioner(model, { clips, signal, onProgress: tell }));
  if (json) return console.log(JSON.stringify({ model, ...scores }));
  const { noun, motion, place, noSecond, both, answers, byKind } = scores;
  const rows = {
    noun,
    motion,
    place,
    'no second actor': noSecond,
    'both of two': both,
    answers,
    ...prefixed('  ', byKind),
  };
  console.log(table([['score', 'value', ''], ...Object.entries(rows).map(([name, one]) => shareRow(name, one))]));
}

async function scoreConcept(
  request: EvaluationRequest,
  images: string,
  [word]: readonly NewWord[] = [],
  json = false,
): Promise<void> {
  if (word === undefined)
    throw new InvalidRequestError(
      'images are compared with what a LoRA taught. Give --lora a file of "tessera train lora".',
    );
  const { evaluateConcept } = await import('../training/evaluate-concept.ts');
  const scores = await interruptible((signal) => evaluateConcept({ ...request, signal, onProgress: tell }, resolve(images), word)); // prettier-ignore
  if (json) return console.log(JSON.stringify({ model: request.model, ...word, ...scores }));
  const rows = { [word.name]: scores.shown, motion: scores.motion, place: scores.place };
  console.log(table([['score', 'value', ''], ...Object.entries(rows).map(([name, one]) => shareRow(name, one))]));
}

async function scoreWishes(request: EvaluationRequest, json = false): Promise<void> {
  const { evaluateWishes } = await import('../training/evaluate-wishes.ts');
  const scores = await interruptible((signal) => evaluateWishes({ ...request, signal, onProgress: tell }));
  if (json) return console.log(JSON.stringify({ model: request.model, ...scores }));
  const rows = {
    'noun@1 of wishes': scores.asTheyAre,
    'noun@1 expanded': scores.expanded,
    'noun@1 of plain captions': scores.plainly,
    changed: scores.changed,
  };
  console.log(table([['score', 'value', ''], ...Object.entries(rows).map(([name, one]) => shareRow(name, one))]));
}

async function scoreRetrieval(model: string, count: string, json = false): Promise<void> {
  const clips = wholeNumber('retrieval', count, MANY);
  const { evaluateRetrieval } = await import('../training/evaluate-retrieval.ts');
  const scores = await interruptible((signal) => evaluateRetrieval(model, { clips, signal, onProgress: tell }));
  if (json) return console.log(JSON.stringify({ model, ...scores }));
  const rows = [shareRow('recall@1', scores.recall1), shareRow('recall@10', scores.recall10)];
  console.log(table([['score', 'value', ''], ...rows]));
}

const prefixed = <T>(prefix: string, record: Readonly<Record<string, T>>): Record<string, T> =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [prefix + name, value]));

const shareRow = (name: string, { right, of, percent }: Share): string[] => [name, `${percent.toFixed(1)} %`, `${right} of ${of}`]; // prettier-ignore

async function parse(model: string, options: Options): Promise<EvaluationRequest> {
  const { samplingDefaults } = await import('../training/evaluate.ts');
  const { transformerStages } = await import('../training/curriculum.ts');
  const defaults = await samplingDefaults(model);
  const stage = oneOf('stage', options.stage, Object.keys(transformerStages) as EvaluationRequest['stage'][]);
  const area = ({ frames, width, height }: ClipSize): number => frames * width * height;
  const [bucket] = (transformerStages[stage].buckets as readonly ClipSize[]).toSorted((a, b) => area(b) - area(a));
  return {
    model,
    prompts: wholeNumber('prompts', options.prompts, MANY),
    stage,
    captions: oneOf('captions', options.captions, ['tag', 'plain', 'styled', 'full'] as const),
    world: worldOf(options),
    ...defaults,
    ...samplingOf(options),
    size: sizeOf(options, bucket!),
    ...(options.fast === true && { fast: true }),
    ...(options.sheet !== undefined && { sheet: resolve(options.sheet) }),
  };
}

const outdoors = { weather: 1, cameraMoves: 0.5 } as const;

function worldOf({ actors, outdoors: isOutdoors }: Options): NonNullable<EvaluationRequest['world']> {
  const twoActors = wholeNumber('actors', actors, { least: 1, most: 2 }) - 1;
  return { twoActors, ...(isOutdoors === true && outdoors) };
}

/** What is given of how to sample, held to what `tessera generate` takes. */
function samplingOf({ steps, guidance, sampler, shift }: Options): Partial<EvaluationRequest> {
  const given = sentFields(generateSchema.shape, { steps, guidance, sampler, shift });
  parseRequest({ prompt: 'a cat', ...given }); // throws for what does not fit
  return given;
}

/** The stage's size, in what is not given. */
function sizeOf({ width, height, frames }: Options, bucket: ClipSize): ClipSize {
  const given = sentFields(generateSchema.shape, { width, height, frames });
  parseRequest({ prompt: 'a cat', ...given });
  return { frames: bucket.frames, width: bucket.width, height: bucket.height, ...given };
}

function oneOf<T extends string>(name: string, text: string, known: readonly T[]): T {
  const found = known.find((one) => one === text);
  if (found !== undefined) return found;
  throw new InvalidRequestError(`${name} (=${text}) must be one of ${known.join(', ')}.`);
}

function tell(done: number, of: number): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${done === of ? '' : `clip ${done} of ${of}`}`);
}

interface Scores {
  readonly clips: Evaluation | undefined;
  readonly autoencoder: AutoencoderEvaluation | undefined;
}

function report({ clips, autoencoder }: Scores): string {
  const rows: string[][] = [];
  if (clips !== undefined) {
    for (const name of [
      'noun1',
      'noun5',
      'style',
      'motion',
      'place',
      'both',
      'relation',
      'camera',
      'weather',
    ] as const) {
      const { right, of, percent } = clips[name];
      if (of > 0) rows.push([name.replace(/(\d)$/, '@$1'), `${percent.toFixed(1)} %`, `${right} of ${of}`]);
    }
    rows.push(['presence', `${clips.presence.toFixed(1)} %`, 'mean over clips']);
  }
  if (autoencoder !== undefined) {
    const { psnr, psnrMin, clips: count } = autoencoder;
    rows.push(['PSNR', `${psnr.toFixed(2)} dB`, `mean of ${count} clips, least ${psnrMin.toFixed(2)} dB`]);
  }
  return table([['score', 'value', ''], ...rows]);
}
