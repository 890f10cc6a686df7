// Reads a model's config.json, as transformers writes it, into a flat readonly record.
// transformers leaves out keys that equal its defaults, so every schema carries those defaults; `model_type` is always
// written and tells a wrong file from a terse one. Knows no single model.
import { z } from 'zod';
import { ModelFileError } from '../graph/errors.ts';

/** A size, count or width: a whole number above zero. */
export const count = z.number().int().positive();

/**
 * Checks a parsed config.json against a schema.
 * @param file names the file in messages
 * @throws ModelFileError that names the file and each key that does not fit
 */
export function readModelConfig<S extends z.ZodType>(schema: S, json: unknown, file: string): z.output<S> {
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const problems = result.error.issues.map(({ path, message }) => `${path.join('.') || 'the whole file'}: ${message}`);
  throw new ModelFileError(
    `${file} does not describe a model that can be run here. ${problems.join('; ')}. ` +
      `Check that the folder holds this kind of model, or download it again.`,
    { cause: result.error },
  );
}
