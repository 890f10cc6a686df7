// `tessera train expander`: what train.ts needs of it: the task, how it is looked at on the way, and where it goes, expander/ of the
// model's folder, as transformers' LlamaForCausalLM reads it.
import { join } from 'node:path';
import { parseLlamaConfig } from '../conditioning/llama-config.ts';
import { openNanoExpander } from '../expansion/nano-expander.ts';
import { views } from '../graph/adamw.ts';
import type { AdamState } from '../graph/adamw.ts';
import { localEngine } from '../graph/engine.ts';
import { writeJsonFile } from '../io/json.ts';
import { judgeExpander } from './evaluate-expander.ts';
import { expanderRecipe, expanderTask, expanderTokenizer, expanderTokenizerFiles } from './expander.ts';
import type { ExpanderRecipe } from './expander.ts';
import { writePart } from './export.ts';
import type { TrainingTask } from './loop.ts';

export interface PreparedExpander {
  readonly task: TrainingTask;
  readonly learningRate: number;
  readonly exportTo: (model: string, state: AdamState) => Promise<void>;
}

/** Wishes that are expanded from time to time. */
const INSPECTED = 6;

export function prepareExpander(recipe: ExpanderRecipe = expanderRecipe): PreparedExpander {
  const inspect = async (state: AdamState): Promise<Record<string, unknown>> => {
    const trained = views(state.layout, state.ema);
    const engine = localEngine();
    const source = { config: parseLlamaConfig(recipe.json), weights: (name: string) => trained[name], tokenizer: expanderTokenizer() }; // prettier-ignore
    const { accepted, atOnce, each } = await judgeExpander(await openNanoExpander(engine, source), INSPECTED);
    await engine.close();
    return { accepted: accepted.percent, atOnce: atOnce.percent, expansions: each.slice(0, 4).map(({ text }) => text) };
  };
  return { task: expanderTask(recipe, inspect), learningRate: 2e-3, exportTo: (model, state) => exportExpander(model, recipe, state) }; // prettier-ignore
}

/** Averaged weights in fp16, configs and tokenizer. */
async function exportExpander(model: string, { json }: ExpanderRecipe, state: AdamState): Promise<void> {
  const folder = join(model, 'expander');
  const { tokenizer, config } = expanderTokenizerFiles();
  await writePart(folder, 'model.safetensors', views(state.layout, state.ema), json);
  await writeJsonFile(join(folder, 'tokenizer.json'), tokenizer, { overwrite: true });
  await writeJsonFile(join(folder, 'tokenizer_config.json'), config, { overwrite: true });
}
