// `tessera train captioner`: what train.ts needs of it: the task of a stage, its first weights, and where it goes.
import { localEngine } from '../graph/engine.ts';
import type { AdamState } from '../graph/adamw.ts';
import { InvalidRequestError } from '../graph/errors.ts';
import type { SafetensorsFile } from '../io/safetensors.ts';
import { openLlavaReader } from '../understanding/llava-reader.ts';
import { captionerBefore, captionerFile, exportCaptioner } from './captioner-files.ts';
import { captionerTask, learned } from './captioner.ts';
import { captionerRecipe, type CaptionerRecipe, captionerStages, captionerTokenizer } from './captioner-recipe.ts';
import type { CaptionerStage } from './captioner-recipe.ts';
import { evaluateReader } from './evaluate-captioner.ts';
import type { TrainingTask } from './loop.ts';
import { loadAtlas } from './world/atlas.ts';
import { STYLES } from './world/vocabulary.ts';

export interface PreparedCaptioner {
  readonly task: TrainingTask;
  readonly learningRate: number;
  readonly exportTo: (model: string, state: AdamState) => Promise<void>;
  /** Where a fresh run's weights come from. */
  readonly start: readonly SafetensorsFile[];
}

/** Clips that are looked at from time to time. */
const INSPECTED = 24;

/** The projection alone bears a higher rate, and a decoder that can talk already only a lower one. */
const learningRates = { words: 1e-3, projection: 1e-3, both: 1e-3, whole: 3e-4 } as const satisfies Record<CaptionerStage, number>; // prettier-ignore

/** @throws InvalidRequestError for a stage that there is not, or that has nothing to go on from */
export async function prepareCaptioner(
  model: string,
  stage = 'both',
  recipeOf: (stage: CaptionerStage) => CaptionerRecipe = captionerRecipe,
): Promise<PreparedCaptioner> {
  const known = captionerStages.find((one) => one === stage);
  if (known === undefined)
    throw new InvalidRequestError(`stage (=${stage}) must be one of ${captionerStages.join(', ')}.`);
  const recipe = recipeOf(known);
  const before = await captionerBefore(model, recipe);
  const atlas = await loadAtlas(STYLES);
  const inspect = async (state: AdamState): Promise<Record<string, unknown>> => {
    const weights = learned(before, state);
    const engine = localEngine();
    const source = { config: recipe.config, weights: (name: string) => weights[name], tokenizer: captionerTokenizer() };
    const { each, noun, motion, place, answers } = await evaluateReader(await openLlavaReader(engine, source), atlas, { clips: INSPECTED }); // prettier-ignore
    await engine.close();
    const percent = { noun: noun.percent, motion: motion.percent, place: place.percent, answers: answers.percent };
    return { ...percent, captions: each.slice(0, 4).map(({ caption }) => caption) };
  };
  return {
    task: captionerTask(recipe, atlas, before, known === 'words' ? undefined : inspect),
    learningRate: learningRates[known],
    exportTo: (to, state) => exportCaptioner(to, recipe, learned(before, state)),
    start: known === 'words' ? [] : [await captionerFile(model)],
  };
}
