// `tessera train vae|clip|dit|captioner|expander`: opens the run, builds the task, trains until done or stopped, exports into the model folder.
import { parseClipTextConfig } from '../conditioning/clip-text.ts';
import { parseAutoencoderConfig } from '../compressor/config.ts';
import { adamDefaults, views } from '../graph/adamw.ts';
import type { AdamState } from '../graph/adamw.ts';
import type { SafetensorsFile } from '../io/safetensors.ts';
import { InvalidRequestError } from '../graph/errors.ts';
import { autoencoderTask, decoderTask } from './autoencoder.ts';
import type { CaptionerStage } from './captioner-recipe.ts';
import type { AutoencoderRecipe } from './autoencoder.ts';
import { contrastiveTask, pictureTowerTask } from './contrastive.ts';
import { exportAutoencoder, exportInto, exportTowers, exportTransformer, tensorsOf } from './export.ts';
import { component } from './component.ts';
import { encodeAhead } from './encode-ahead.ts';
import { captionGaps, layoutGap } from './gaps.ts';
import { loopDefaults, train } from './loop.ts';
import type { LoopOptions, TrainingProgress, TrainingTask } from './loop.ts';
import { promptStates } from './prompt-states.ts';
import { transformerStages } from './curriculum.ts';
import { autoencoderStages, sampling, towerStages } from './recipes.ts';
import type { TransformerStage } from './curriculum.ts';
import type { AutoencoderStage, TowerStage } from './recipes.ts';
import { openRunFolder } from './run-folder.ts';
import type { RunFolder } from './run-folder.ts';
import { sampleClips } from './sampling.ts';
import { openStageLatents } from './stage-latents.ts';
import { writeSheet } from './sheet.ts';
import { prepareCaptioner } from './train-captioner.ts';
import { prepareExpander } from './train-expander.ts';
import { transformerStart } from './transformer-start.ts';
import { transformerTask, worldOf } from './transformer.ts';
import type { TransformerRecipe, TransformerSources } from './transformer.ts';
import { loadAtlas } from './world/atlas.ts';
import type { Atlas } from './world/atlas.ts';
import { caption } from './world/captions.ts';
import { randomOf } from './world/random.ts';
import { sampleScene } from './world/scene.ts';
import { STYLES } from './world/vocabulary.ts';

export type TrainedPart = 'vae' | 'clip' | 'dit' | 'captioner' | 'expander';

export interface TrainRequest {
  readonly part: TrainedPart;
  /** Folder of the run: checkpoint, log, sample sheets. */
  readonly run: string;
  /** Model folder to export to; `dit` reads the other parts from it. */
  readonly model: string;
  /** Model folder whose part a fresh run starts from, instead of random weights. */
  readonly from?: string;
  /** Updates in all, those of earlier sessions included. */
  readonly steps: number;
  readonly learningRate?: number;
  /** How far the curriculum is. */
  readonly stage?: AutoencoderStage | TowerStage | TransformerStage | CaptionerStage;
  /** Part of the steps, at the end, over which the learning rate falls; 0 keeps it for a later stage. */
  readonly decayFraction?: number;
  /** Of the training step; all cores if left out. Two trainings side by side are faster with one thread each. */
  readonly threads?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: TrainingProgress) => void;
}

interface Prepared {
  readonly task: TrainingTask;
  readonly learningRate: number;
  readonly exportTo: (model: string, state: AdamState) => Promise<void>;
  /** Where a fresh run's weights come from, where that follows from the stage. */
  readonly start?: readonly SafetensorsFile[];
  /** Begins what goes on beside the training; gives what ends it. */
  readonly beside?: () => () => void;
}

/** Muon's whole update costs those that learn from few tokens at a time as much as the gradient, or near it: a quarter of it each time is enough. */
const optimizers = {
  vae: { optimizer: 'muon' },
  clip: { optimizer: 'muon' },
  dit: { optimizer: 'muon', muonTurns: 4 },
  captioner: { optimizer: 'muon', muonTurns: 4 },
  expander: { optimizer: 'adamw' },
} as const satisfies Record<TrainedPart, Partial<LoopOptions>>;

/** The folders that hold a part's weights. */
const foldersOf = {
  vae: ['vae'],
  clip: ['text_encoder', 'image_encoder'],
  dit: ['transformer'],
  captioner: ['captioner'],
  expander: ['expander'],
} as const satisfies Record<TrainedPart, readonly string[]>;

async function startingWeights(
  from: string,
  { part, model }: TrainRequest,
  folder: RunFolder,
): Promise<SafetensorsFile[]> {
  if (part === 'dit') return [await transformerStart(from, model, folder)];
  const components = await Promise.all(foldersOf[part].map((name) => component(from, name)));
  return components.map(({ file }) => file);
}

function stageOf<T>(stages: Readonly<Record<string, T>>, name: string): T {
  const stage = stages[name];
  if (stage !== undefined) return stage;
  throw new InvalidRequestError(`stage (=${name}) must be one of ${Object.keys(stages).join(', ')}.`);
}

/** Gaps, a sheet of held-out prompts, for a transformer in training. */
function transformerInspection(
  recipe: TransformerRecipe,
  sources: TransformerSources,
  autoencoder: Awaited<ReturnType<typeof component>>,
  folder: RunFolder,
) {
  return async (state: AdamState): Promise<Record<string, unknown>> => {
    const bucket = recipe.buckets.reduce((a, b) => (b.share > a.share ? b : a));
    const onPaths = recipe.buckets.find(({ paths }) => paths);
    const gaps = {
      ...(await captionGaps(recipe, sources, state, bucket)),
      ...(onPaths && (await layoutGap(recipe, sources, state, onPaths))),
    };
    const weights = views(state.layout, state.ema);
    const prompts = Array.from({ length: bucket.frames === 1 ? 36 : 8 }, (_, i) => {
      const scene = sampleScene(6_000_000 + i, { ...worldOf(recipe, bucket), holdOut: 'heldout' });
      return caption(scene, i, 'plain');
    });
    const model = {
      transformer: { config: recipe.config, weights: (name: string) => weights[name] },
      autoencoder: { config: sources.autoencoder, weights: autoencoder.weights },
      states: sources.states,
    };
    const clips: Uint8Array[] = [];
    for await (const clip of sampleClips(model, prompts, bucket, sampling)) clips.push(clip);
    // Pictures are shown six to a row, as if they were a clip's frames.
    const rows =
      bucket.frames === 1 ? Array.from({ length: 6 }, (_, i) => Buffer.concat(clips.slice(6 * i, 6 * i + 6))) : clips;
    await writeSheet(folder.sample(`${state.step}.png`), rows, bucket.frames === 1 ? { ...bucket, frames: 6 } : bucket);
    return { ...gaps, prompts };
  };
}

async function prepareTransformer(request: TrainRequest, folder: RunFolder): Promise<Prepared> {
  const stage = request.stage ?? 'wide';
  const recipe: TransformerRecipe = stageOf(transformerStages, stage);
  const { model } = request;
  const text = await component(model, 'text_encoder');
  const { vae, ...latents } = await openStageLatents(recipe, { model, run: folder.path, keep: 40_000 });
  const sources = { ...latents, states: promptStates(parseClipTextConfig(text.config), text.weights) };
  return {
    task: transformerTask(recipe, sources, transformerInspection(recipe, sources, vae, folder)),
    learningRate: 1e-3,
    exportTo: exportTransformer,
    beside: () => encodeAhead({ stage, model, run: folder.path }),
  };
}

/** Stages that start from the model's own autoencoder and leave its latents' axes and scale as they are. */
const keepsLatents = ({ part, stage }: TrainRequest): boolean =>
  part === 'vae' && (stage === 'decoder' || stage === 'refine');

const keepsWords = ({ part, stage }: TrainRequest): boolean => part === 'clip' && stage === 'pictures';

async function prepareTowers(request: TrainRequest, atlas: Atlas): Promise<Prepared> {
  const recipe = stageOf(towerStages, request.stage ?? 'both');
  const learningRate = 1e-3;
  if (!keepsWords(request)) return { task: contrastiveTask(recipe, atlas), learningRate, exportTo: exportTowers };
  const { file } = await component(request.model, 'text_encoder');
  const still = await tensorsOf(file);
  return {
    task: pictureTowerTask(recipe, atlas, file.weights),
    learningRate,
    exportTo: (model, state) => exportTowers(model, state, still),
  };
}

async function prepare(request: TrainRequest, folder: RunFolder): Promise<Prepared> {
  if (request.part === 'dit') return prepareTransformer(request, folder);
  if (request.part === 'captioner') return prepareCaptioner(request.model, request.stage);
  if (request.part === 'expander') return prepareExpander();
  const atlas: Atlas = await loadAtlas(STYLES);
  if (request.part === 'clip') return prepareTowers(request, atlas);
  const recipe: AutoencoderRecipe = stageOf(autoencoderStages, request.stage ?? 'clips');
  const sheetOf = (step: number): string => folder.sample(`${step}.png`);
  if (keepsLatents(request)) {
    const { config: json, file, weights } = await component(request.model, 'vae');
    const trained = { ...recipe, config: parseAutoencoderConfig(json) };
    return {
      task:
        request.stage === 'decoder'
          ? decoderTask(trained, atlas, weights, sheetOf)
          : autoencoderTask(trained, atlas, sheetOf),
      learningRate: 5e-4,
      exportTo: (model, state) => exportInto(model, state, file, json),
    };
  }
  return {
    task: autoencoderTask(recipe, atlas, sheetOf),
    learningRate: 7e-4,
    exportTo: (model, state) => exportAutoencoder(model, state, recipe, atlas),
  };
}

/** Trains one part of nano, resuming what the run folder holds, and exports it. Aborting saves; nothing is lost but a step. */
export async function trainPart(request: TrainRequest): Promise<{ readonly step: number; readonly finished: boolean }> {
  const folder = await openRunFolder(request.run, keepsLatents(request) ? request.stage : undefined);
  const { task, learningRate, exportTo, start: own = [], beside } = await prepare(request, folder);
  const random = randomOf(1);
  const from = request.from ?? (keepsLatents(request) || keepsWords(request) ? request.model : undefined);
  const start = from === undefined ? own : await startingWeights(from, request, folder);
  const state = await folder.load(task.layout, () => random.next(), start);
  const options = {
    ...loopDefaults,
    steps: request.steps,
    ...optimizers[request.part],
    decayFraction: request.decayFraction ?? loopDefaults.decayFraction,
    adam: { ...adamDefaults, learningRate: request.learningRate ?? learningRate },
    ...(request.threads !== undefined && { threads: request.threads }),
  };
  const end = beside?.();
  try {
    await train(task, folder, options, {
      state,
      ...(request.signal && { signal: request.signal }),
      ...(request.onProgress && { onProgress: request.onProgress }),
    });
  } finally {
    end?.();
  }
  await exportTo(request.model, state);
  return { step: state.step, finished: state.step >= request.steps };
}
