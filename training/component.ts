// A part of a model folder that training reads.
import { join } from 'node:path';
import { ModelFileError } from '../graph/errors.ts';
import { parseTransformerConfig } from '../dit/config.ts';
import { predictionOf } from '../dit/scheduler-config.ts';
import { openComponent } from '../io/model-folder.ts';

/** A trained part's config and weights out of a model folder. */
export async function component(model: string, name: string) {
  const { config, weights: file } = await openComponent(join(model, name));
  if (file === undefined) throw new ModelFileError(`${join(model, name)} has no weights. Train that part first.`);
  return { config, file, weights: file.weights };
}

/** A model folder's transformer; what it predicts stands in the scheduler's config. */
export async function transformerOf(model: string) {
  const { config, ...weights } = await component(model, 'transformer');
  const scheduler = await openComponent(join(model, 'scheduler'));
  return { ...weights, config: parseTransformerConfig(config, undefined, predictionOf(scheduler.config)) };
}
