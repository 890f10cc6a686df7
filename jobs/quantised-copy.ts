// Quantised copies of the matrices of a model's parts, in `.tessera/` of the model's folder: where they lie, what is said about
// them, and whether they are of the weights that are there now.
//   .tessera/transformer-int8/blocks.0.safetensors ... model.safetensors.index.json, which is written when all else is there
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { InvalidRequestError, ModelFileError } from '../graph/errors.ts';
import { quantisedMatrix, type QuantisedType } from '../graph/quantised-weights.ts';
import type { Weights } from '../graph/weights.ts';
import { readJsonFile } from '../io/json.ts';
import { openComponent } from '../io/model-folder.ts';
import { openSafetensorsIndex, type SafetensorsFile } from '../io/safetensors.ts';
import { fingerprintOf } from './fingerprint.ts';

export const quantisedParts = ['transformer', 'transformer_2', 'text_encoder'] as const;
export type QuantisedPart = (typeof quantisedParts)[number];

const Layer = z.object({
  name: z.string(),
  /** Root mean square of what rounding changed over the spread of the weights, see graph/quantise.ts. */
  error: z.number(),
  /** Whether products use the rounded form. */
  isRounded: z.boolean(),
  /** Why not. */
  reason: z.string().optional(),
});
export type LayerReport = z.output<typeof Layer>;
export const layerReports = z.array(Layer);

const IndexFile = z.object({
  metadata: z.object({ of: z.string(), layers: layerReports, total_size: z.number() }),
  weight_map: z.record(z.string(), z.string()),
});
export type QuantisedIndex = z.output<typeof IndexFile>;

/** The part of which a copy is, or is to be made. */
export interface CopyOf {
  /** The model's. */
  readonly folder: string;
  readonly part: QuantisedPart;
  readonly type: QuantisedType;
}

export const copyFolder = ({ folder, part, type }: CopyOf): string => join(folder, '.tessera', `${part}-${type}`);
export const copyIndexPath = (copy: CopyOf): string => join(copyFolder(copy), 'model.safetensors.index.json');

/** Tells the weights that a copy is made of from any others. */
export async function copiedWeights({ folder, part, type }: CopyOf): Promise<string> {
  return fingerprintOf([await openComponent(join(folder, part))], { quantised: 1, type });
}

/** What a finished copy says about itself; undefined where there is none, or one of other weights. */
export async function readCopyIndex(copy: CopyOf, of: string): Promise<QuantisedIndex | undefined> {
  const path = copyIndexPath(copy);
  if (!(await stat(path).then(() => true, () => false))) return undefined; // prettier-ignore
  const parsed = IndexFile.safeParse(await readJsonFile(path));
  if (!parsed.success) throw new ModelFileError(`${path}: it is damaged. Remove it and quantise the model again.`);
  return parsed.data.metadata.of === of ? parsed.data : undefined;
}

/**
 * A finished copy. @param name of the model, for messages
 * @throws InvalidRequestError with the command that makes it, when there is none of these weights
 */
export async function openCopy(copy: CopyOf, name: string): Promise<SafetensorsFile> {
  const index = await readCopyIndex(copy, await copiedWeights(copy));
  if (index !== undefined) return openSafetensorsIndex(copyIndexPath(copy));
  const { part, type } = copy;
  const field = part === 'text_encoder' ? 'textWeights' : 'weights';
  throw new InvalidRequestError(
    `${field} (=${type}): ${name} has no ${part} in ${type}, or one of other weights. Make it with: tessera models quantize ${name} --to ${type} --parts ${part}`,
    { code: 'NOT_QUANTISED' },
  );
}

/** The weights of a network and, beside them, the rounded forms of its matrices. */
export function besideCopy(base: Weights, copy: SafetensorsFile): Weights {
  return (name) => (quantisedMatrix(name) === undefined ? base(name) : copy.weights(name));
}
