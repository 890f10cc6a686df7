// `tessera train lora`: teaches nano's transformer a new thing from a few pictures, as a LoRA file. The world shows the pictures as
// sprites, in all places and motions; every other clip of a batch is one of the world's own, so that what was known stays.
import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseClipTextConfig } from '../conditioning/clip-text.ts';
import { inKnownWords, NEW_WORDS_KEY } from '../conditioning/new-words.ts';
import { parseAutoencoderConfig } from '../compressor/config.ts';
import { adamDefaults, type AdamState, views } from '../graph/adamw.ts';
import { localEngine } from '../graph/engine.ts';
import { InvalidRequestError } from '../graph/errors.ts';
import { floats, tensor } from '../graph/tensor.ts';
import { refuseExisting } from '../io/atomic.ts';
import { isRecord, readJsonFile, writeJsonFile } from '../io/json.ts';
import { writeSafetensors } from '../io/safetensors.ts';
import { openTowerSpace } from '../understanding/tower-space.ts';
import { type Concept, readConcept, sayingName } from './concept.ts';
import type { CutBy } from './cut-out.ts';
import { tensorsOf } from './export.ts';
import { latentSource } from './latent-source.ts';
import { loopDefaults, train, type TrainingProgress } from './loop.ts';
import { baseFeeds, isUp, lowRank } from './low-rank.ts';
import { promptStates } from './prompt-states.ts';
import { transformerStages } from './curriculum.ts';
import { openRunFolder } from './run-folder.ts';
import { component, transformerOf } from './component.ts';
import { transformerTask, type TransformerRecipe, type TransformerVariation } from './transformer.ts';
import { loadAtlas } from './world/atlas.ts';
import { randomOf } from './world/random.ts';
import { sampleScene } from './world/scene.ts';

export interface TrainLoraRequest {
  /** Folder of the pictures. */
  readonly images: string;
  /** As conceptName gives it. */
  readonly name: string;
  /** Folder of the model that is to learn it. */
  readonly model: string;
  readonly run: string;
  /** The LoRA file to write. */
  readonly out: string;
  /** Replace a file that exists; the one that this run wrote before is always replaced. */
  readonly overwrite?: boolean;
  readonly steps: number;
  readonly rank: number;
  readonly learningRate: number;
  readonly threads?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: TrainingProgress) => void;
}

export interface TrainedLora {
  readonly step: number;
  readonly finished: boolean;
  /** The word that the text tower is told in place of the name. */
  readonly means: string;
  readonly cuts: Readonly<Record<string, CutBy>>;
}

/** What works in a few minutes on two cores: docs/training-nano.md. */
export const loraDefaults = { steps: 300, rank: 16, learningRate: 2e-3 } as const;

/** As the stage words, in few scenes, which are soon all encoded, and most of them small. */
const recipe: TransformerRecipe = {
  ...transformerStages.words,
  buckets: [
    { frames: 17, width: 64, height: 64, sizeRange: [0.86, 0.9], batch: 8, share: 0.5 },
    { frames: 17, width: 96, height: 96, sizeRange: [0.57, 0.6], batch: 4, share: 0.25 },
    { frames: 17, width: 128, height: 128, sizeRange: [0.43, 0.45], batch: 2, share: 0.25 },
  ],
  scenes: 150,
};

/** Seeds of the thing's scenes; the world's own begin at 0. */
const SEEDS = 20_000_000;
const WARMUP = 10;

/** At the whole weight a LoRA costs the other nouns three times as much: docs/training-nano.md. */
const WRITTEN_WEIGHT = 0.7;

/** Learns the thing, going on where the run was stopped, and writes the file. @throws InvalidRequestError, ModelFileError */
export async function trainLora(request: TrainLoraRequest): Promise<TrainedLora> {
  const { model, rank, steps, learningRate, threads, signal, onProgress } = request;
  await checkOut(request);
  const concept = await openConcept(request, await loadAtlas(recipe.world.styles, recipe.world.nouns));
  const folder = await openRunFolder(request.run);
  await checkRun(request, concept);
  const [vae, text] = await Promise.all(['vae', 'text_encoder'].map((part) => component(model, part)));
  const transformer = await transformerOf(model);
  const autoencoder = parseAutoencoderConfig(vae!.config);
  const sources = {
    autoencoder,
    latents: latentSource(autoencoder, vae!.weights, { atlas: concept.atlas, keep: 4 * recipe.scenes }),
    states: promptStates(parseClipTextConfig(text!.config), text!.weights),
  };
  const variation = conceptVariation(concept, rank, baseFeeds(await tensorsOf(transformer.file)));
  const task = transformerTask({ ...recipe, config: transformer.config }, sources, undefined, variation);
  const random = randomOf(3);
  const state = await folder.load(task.layout, () => random.next());
  const options = {
    ...loopDefaults,
    steps,
    optimizer: 'adamw',
    warmupSteps: WARMUP,
    decayFraction: 0.5,
    saveEverySeconds: 20,
    adam: { ...adamDefaults, learningRate },
    ...(threads !== undefined && { threads }),
  } as const;
  await train(task, folder, options, { state, ...(signal && { signal }), ...(onProgress && { onProgress }) });
  await writeLora(request, state, concept);
  return { step: state.step, finished: state.step >= steps, means: concept.means, cuts: concept.cuts };
}

async function openConcept({ images, name, model }: TrainLoraRequest, atlas: Concept['atlas']): Promise<Concept> {
  const engine = localEngine();
  try {
    return await readConcept(images, name, atlas, await openTowerSpace(engine, model, 'towers'));
  } finally {
    await engine.close();
  }
}

/** Every other scene shows the thing, in any place and motion; none of the others shows the noun that it is said as. */
export function conceptVariation(
  concept: Concept,
  rank: number,
  feeds: TransformerVariation['feeds'],
): TransformerVariation {
  return {
    feeds,
    parametersOf: (scope) => lowRank(scope, rank),
    sceneOf: (random, scenes, world) =>
      random.chance(0.5)
        ? sampleScene(SEEDS + random.int(scenes), { ...world, nouns: concept.nouns, holdOut: 'all' })
        : sampleScene(random.int(scenes), {
            ...world,
            nouns: world.nouns.filter((noun) => noun !== concept.means),
            holdOut: 'train',
          }),
    wordsOf: (caption) => inKnownWords(sayingName(caption, concept.name), [concept]),
  };
}

/** A run goes on with the pictures, name and rank that it began with. */
async function checkRun({ run, rank }: TrainLoraRequest, { sha256 }: Concept): Promise<void> {
  const file = join(run, 'concept.json');
  const begun = await readFile(file, 'utf8').catch(() => undefined);
  const own = JSON.stringify({ rank, sha256 });
  if (begun === undefined) return writeJsonFile(file, { rank, sha256 });
  if (JSON.stringify(JSON.parse(begun)) === own) return;
  throw new InvalidRequestError(
    `run (=${run}) was begun with other pictures, another name or another rank. Choose another --run, or remove the folder.`,
  );
}

/** Where a run notes the checksum of the file that it wrote, which it may write anew when it goes on. */
const writtenFile = (run: string): string => join(run, 'written.json');

/** @throws InvalidRequestError when a file stands where the LoRA goes that this run did not write */
async function checkOut({ run, out, overwrite = false }: TrainLoraRequest): Promise<void> {
  const written = await readJsonFile(writtenFile(run)).catch(() => undefined);
  const isOwn = isRecord(written) && written['sha256'] === (await sha256Of(out).catch(() => ''));
  await refuseExisting(out, { overwrite: overwrite || isOwn });
}

const sha256Of = async (path: string): Promise<string> =>
  createHash('sha256').update(await readFile(path)).digest('hex'); // prettier-ignore

/**
 * As PEFT and diffusers write adapters; alpha is the rank, and so left out. What was learned stands in the file at WRITTEN_WEIGHT, so that
 * weight 1 is the one to use.
 */
async function writeLora({ run, out }: TrainLoraRequest, state: AdamState, { name, means }: Concept): Promise<void> {
  await mkdir(dirname(out), { recursive: true });
  const tensors = Object.entries(views(state.layout, state.ema, 'transformer.')).map(
    ([key, value]) => [key, isUp(key) ? tensor(floats(value).map((x) => WRITTEN_WEIGHT * x), value.shape) : value] as const, // prettier-ignore
  );
  const metadata = { format: 'pt', [NEW_WORDS_KEY]: JSON.stringify([{ name, means }]) };
  await writeSafetensors(out, tensors, metadata, { floats: 'float16' });
  await writeJsonFile(writtenFile(run), { sha256: await sha256Of(out) }, { overwrite: true });
}
