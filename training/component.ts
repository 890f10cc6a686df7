// A part of a model folder that training reads.
import { join } from 'node:path';
import { ModelFileError } from '../graph/errors.ts';
import { openComponent } from '../io/model-folder.ts';

/** A trained part's config and weights out of a model folder. */
export async function component(model: string, name: string) {
  const { config, weights: file } = await openComponent(join(model, name));
  if (file === undefined) throw new ModelFileError(`${join(model, name)} has no weights. Train that part first.`);
  return { config, file, weights: file.weights };
}
