// Makes quantised copies of a model's parts, once, beside them: block by block, so that no more than one is in memory, and what was
// broken off goes on behind the last block that was finished. Layers that lose too much by rounding stay as they are.
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { InvalidRequestError, JobFailedError, ModelFileError } from '../graph/errors.ts';
import { quantise } from '../graph/quantise.ts';
import { productMatrices, quantisedNames, quantisedShapes, type QuantisedType } from '../graph/quantised-weights.ts';
import { parameterScope } from '../graph/parameters.ts';
import { floats, sizeOf, type Tensor } from '../graph/tensor.ts';
import { isStored, type Weights } from '../graph/weights.ts';
import { freeDiskBytes } from '../io/free-disk.ts';
import { writeJsonFile } from '../io/json.ts';
import { openSafetensors, readStored, writeSafetensors } from '../io/safetensors.ts';
import { loadModel, type Model } from './model.ts';
import {
  copiedWeights,
  copyFolder,
  copyIndexPath,
  type CopyOf,
  type LayerReport,
  layerReports,
  type QuantisedIndex,
  type QuantisedPart,
  quantisedParts,
  readCopyIndex,
} from './quantised-copy.ts';
import type { Settings } from './settings.ts';
import { textEncoderGraph, transformerGraph } from './verify-model.ts';

export interface QuantisePlan extends CopyOf {
  /** Of the copy. */
  readonly sizeBytes: number;
  /** What is not there yet, at most. */
  readonly missingBytes: number;
  readonly matrices: number;
}

export interface QuantiseProgress {
  readonly part: QuantisedPart;
  readonly matrix: string;
  /** Of all parts together. */
  readonly done: number;
  readonly total: number;
}

export interface QuantiseOptions {
  readonly to: QuantisedType;
  /** Default: the transformers for int8, the text encoder for int4. */
  readonly parts?: readonly string[];
  readonly signal?: AbortSignal;
  readonly onPlan?: (plans: readonly QuantisePlan[]) => void;
  readonly onProgress?: (progress: QuantiseProgress) => void;
}

export interface QuantisedCopy extends QuantisePlan {
  readonly layers: readonly LayerReport[];
}

/** Errors above which a layer stays as it is. Normally distributed weights come to 0.9 % and 10 %. */
export const ERROR_LIMITS = { int8: 0.02, int4: 0.16 } as const satisfies Record<QuantisedType, number>;
/** Left free on the disk. */
const RESERVE_BYTES = 2 ** 28;
/** Inputs below which rounding saves nothing worth its loss. */
const FEWEST_COLUMNS = 32;
const blockOf = /^(?:.*\.)?(?:vace_)?(?:blocks?|layers)\.\d+(?=\.)/;

type Matrices = ReadonlyMap<string, readonly [rows: number, columns: number]>;

/** @throws InvalidRequestError, ModelFileError, JobFailedError (DISK_FULL, CANCELLED) */
export async function quantiseModel(
  name: string,
  settings: Settings,
  options: QuantiseOptions,
): Promise<readonly QuantisedCopy[]> {
  const model = await loadModel(name, settings);
  const works = await Promise.all(chosenParts(model, options).map((part) => workOf(model, part, options.to)));
  const plans = works.map(({ plan }) => plan);
  options.onPlan?.(plans);
  await refuseFullDisk(plans);
  const total = plans.reduce((sum, { matrices }) => sum + matrices, 0);
  let done = 0;
  const copies: QuantisedCopy[] = [];
  for (const work of works) {
    const tell = (matrix: string): void => {
      if (options.signal?.aborted === true) throw stopped(options.signal);
      options.onProgress?.({ part: work.plan.part, matrix, done: done++, total });
    };
    const { layers } = (work.finished ?? (await makeCopy(work, tell))).metadata;
    if (work.finished) done += work.plan.matrices;
    copies.push({ ...work.plan, layers });
  }
  return copies;
}

interface Work {
  readonly plan: QuantisePlan;
  readonly of: string;
  readonly weights: Weights;
  readonly matrices: Matrices;
  readonly finished: QuantisedIndex | undefined;
}

function chosenParts(model: Model, { to, parts }: QuantiseOptions): readonly QuantisedPart[] {
  const there = quantisedParts.filter((part) => part !== 'transformer_2' || model.experts !== undefined);
  if (parts === undefined) return there.filter((part) => (part === 'text_encoder') === (to === 'int4'));
  const strange = parts.find((part) => !there.some((known) => known === part));
  if (strange === undefined) return there.filter((part) => parts.includes(part));
  throw new InvalidRequestError(`parts (=${strange}): ${model.name} has ${there.join(', ')} to quantise.`);
}

async function workOf(model: Model, part: QuantisedPart, type: QuantisedType): Promise<Work> {
  const copy = { folder: model.folder, part, type };
  const of = await copiedWeights(copy);
  const { weights, matrices } = partOf(model, part);
  const sizeBytes = [...matrices.values()].reduce((sum, shape) => {
    const { values, scales } = quantisedShapes(shape, type);
    return sum + sizeOf(values) + 4 * sizeOf(scales);
  }, 0);
  const finished = await readCopyIndex(copy, of);
  const missingBytes = finished === undefined ? sizeBytes : 0;
  return { plan: { ...copy, sizeBytes, missingBytes, matrices: matrices.size }, of, weights, matrices, finished };
}

/** The matrices of a part's blocks; what stands around the blocks is small, and every block depends on it. */
function partOf(model: Model, part: QuantisedPart): { readonly weights: Weights; readonly matrices: Matrices } {
  const { parameters } = parameterScope();
  const network = part === 'transformer_2' ? model.experts!.low : model.transformer;
  const { weights } = part === 'text_encoder' ? model.textEncoder : network;
  const cells = Math.max(network.config.patchSize[1], network.config.patchSize[2]);
  const graph = part === 'text_encoder' ? textEncoderGraph(model.textEncoder) : transformerGraph(network.config, cells);
  const all = productMatrices([graph(parameters)]);
  const worthwhile = [...all].filter(([name, [, columns]]) => blockOf.test(name) && columns >= FEWEST_COLUMNS);
  return { weights, matrices: new Map(worthwhile) };
}

/** The index comes last: a copy without one is not used. */
async function makeCopy(work: Work, tell: (matrix: string) => void): Promise<QuantisedIndex> {
  const folder = copyFolder(work.plan);
  await rm(copyIndexPath(work.plan), { force: true });
  await mkdir(folder, { recursive: true });
  const names = [...work.matrices.keys()];
  const blocks = new Set(names.map((name) => blockOf.exec(name)![0]));
  const layers: LayerReport[] = [];
  const weight_map: Record<string, string> = {};
  for (const block of blocks) {
    const own = names.filter((name) => name.startsWith(`${block}.`));
    const file = `${block}.safetensors`;
    const made = await readBlock(join(folder, file), work.of);
    if (made !== undefined) own.forEach(tell);
    const reports = made ?? (await makeBlock(join(folder, file), work, own, tell));
    layers.push(...reports);
    for (const { name } of reports.filter(({ isRounded }) => isRounded)) {
      const { values, scales } = quantisedNames(name, work.plan.type);
      weight_map[values] = file;
      weight_map[scales] = file;
    }
  }
  const index: QuantisedIndex = {
    metadata: { of: work.of, layers, total_size: work.plan.sizeBytes },
    weight_map,
  };
  await writeJsonFile(copyIndexPath(work.plan), { ...index }, { overwrite: true });
  return index;
}

/** What a block that was finished says about its layers; undefined when there is none of these weights. */
async function readBlock(path: string, of: string): Promise<readonly LayerReport[] | undefined> {
  const file = await openSafetensors(path).catch(() => undefined);
  if (file?.metadata['of'] !== of) return undefined;
  const parsed = layerReports.safeParse(JSON.parse(file.metadata['layers'] ?? 'null'));
  return parsed.success ? parsed.data : undefined;
}

async function makeBlock(
  path: string,
  { of, weights, matrices, plan: { type } }: Work,
  names: readonly string[],
  tell: (matrix: string) => void,
): Promise<readonly LayerReport[]> {
  const tensors: [string, Tensor][] = [];
  const layers: LayerReport[] = [];
  for (const name of names) {
    tell(name);
    const { values, scales, error } = quantise(await readMatrix(weights, name), matrices.get(name)!, type);
    const isRounded = error <= ERROR_LIMITS[type];
    const reason = `rounding loses ${(100 * error).toFixed(1)} %, more than ${100 * ERROR_LIMITS[type]} %`;
    layers.push({ name, error: Number(error.toPrecision(4)), isRounded, ...(!isRounded && { reason }) });
    if (!isRounded) continue;
    const called = quantisedNames(name, type);
    tensors.push([called.values, values], [called.scales, scales]);
  }
  await writeSafetensors(path, tensors, { of, layers: JSON.stringify(layers) });
  return layers;
}

async function readMatrix(weights: Weights, name: string): Promise<Float32Array> {
  const source = weights(name);
  if (source === undefined) throw new ModelFileError(`The model has no tensor ${name}. Download it again.`);
  return floats(isStored(source) ? await readStored(source, { name }) : source);
}

async function refuseFullDisk(plans: readonly QuantisePlan[]): Promise<void> {
  const missing = plans.reduce((sum, { missingBytes }) => sum + missingBytes, 0);
  const folder = plans[0]?.folder;
  if (missing === 0 || folder === undefined) return;
  const free = await freeDiskBytes(folder);
  if (missing + RESERVE_BYTES <= free) return;
  const gb = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;
  throw new JobFailedError(
    `${gb(missing)} are to be written, but the disk of ${folder} has only ${gb(free)} free. Free some space.`,
    { code: 'DISK_FULL' },
  );
}

const stopped = (signal: AbortSignal): JobFailedError =>
  new JobFailedError('Quantising was stopped. The same command goes on behind the last block that was finished.', {
    code: 'CANCELLED',
    cause: signal.reason,
  });
