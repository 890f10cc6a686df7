// The health of a model on disk, for `tessera models ls|verify` and `tessera doctor`: every file is looked at,
// and what is wrong is collected rather than thrown, so that one report names all damage at once.

import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { bytesOf, type DType, sizeOf } from '../graph/tensor.ts';
import type { StoredTensor } from '../graph/weights.ts';
import { isRecord, readJsonFile } from './json.ts';
import {
  componentEntries,
  hasWeights,
  listFolder,
  readConfig,
  readModelIndex,
  weightsFileName,
} from './model-folder.ts';
import { openSafetensors, openSafetensorsIndex, type SafetensorsFile } from './safetensors.ts';
import { readFully } from './safetensors-header.ts';

export interface FileHealth {
  readonly path: string;
  readonly sizeBytes: number;
  readonly tensors: number;
  readonly parameters: number;
  /** Types that occur, e.g. ['bfloat16', 'float32']. */
  readonly dtypes: readonly string[];
  readonly problems: readonly string[];
}

export interface ComponentHealth {
  readonly name: string;
  readonly className: string;
  readonly files: readonly FileHealth[];
  /** What is wrong beyond single files: no folder, no weights, an index that does not fit. */
  readonly problems: readonly string[];
}

export interface ModelHealth {
  readonly path: string;
  readonly className: string | undefined;
  readonly ok: boolean;
  readonly components: readonly ComponentHealth[];
  readonly sizeBytes: number;
  readonly parameters: number;
  /** Every problem, of the model, its components and their files. */
  readonly problems: readonly string[];
}

export interface VerifyOptions {
  /** Also read all weights and look for values that are not finite; takes as long as the disk takes. */
  readonly readAll?: boolean;
  readonly signal?: AbortSignal;
}

const READ_BYTES = 8 << 20;
const SCAN_ELEMENTS = 16384;

/** Looks at every file of a model. Damage is reported, not thrown; only an aborted signal throws. */
export async function verifyModelFolder(path: string, options: VerifyOptions = {}): Promise<ModelHealth> {
  const problems: string[] = [];
  const index = await collect(problems, () => readModelIndex(path));
  const entries = index === undefined ? undefined : await collect(problems, () => componentEntries(index, path));
  const components: ComponentHealth[] = [];
  for (const { name, className } of entries ?? []) {
    components.push({ name, className, ...(await verifyComponent(join(path, name), className, options)) });
  }
  if (entries?.length === 0) problems.push(`${join(path, 'model_index.json')}: it names no components.`);
  const files = components.flatMap((component) => component.files);
  const all = [
    ...problems,
    ...components.flatMap((component) => component.problems),
    ...files.flatMap((file) => file.problems),
  ];
  const className = index?.['_class_name'];
  return {
    path,
    className: typeof className === 'string' ? className : undefined,
    ok: all.length === 0,
    components,
    sizeBytes: files.reduce((sum, file) => sum + file.sizeBytes, 0),
    parameters: files.reduce((sum, file) => sum + file.parameters, 0),
    problems: all,
  };
}

/** Looks at one .safetensors file: its header, and all its values when asked to. */
export async function verifySafetensors(path: string, options: VerifyOptions = {}): Promise<FileHealth> {
  const problems: string[] = [];
  const sizeBytes = await stat(path).then((found) => found.size, () => 0); // prettier-ignore
  const file = await collect(problems, () => openSafetensors(path));
  if (file === undefined) return { path, sizeBytes, tensors: 0, parameters: 0, dtypes: [], problems };
  if (options.readAll === true) problems.push(...(await scanTensors(file, options.signal)));
  const tensors = [...file.tensors.values()];
  return {
    path,
    sizeBytes,
    tensors: tensors.length + file.unsupported.size,
    parameters: tensors.reduce((sum, { shape }) => sum + sizeOf(shape), 0),
    dtypes: [...new Set([...tensors.map(({ dtype }) => dtype), ...file.unsupported.values()])].sort(),
    problems,
  };
}

async function verifyComponent(
  folder: string,
  className: string,
  options: VerifyOptions,
): Promise<Pick<ComponentHealth, 'files' | 'problems'>> {
  const problems: string[] = [];
  const listed = await collect(problems, () => listFolder(folder));
  if (listed === undefined) return { files: [], problems };
  await collect(problems, () => readConfig(folder, listed));
  if (!hasWeights(className, listed)) {
    if (listed.includes('tokenizer.json')) await collect(problems, () => readJsonFile(join(folder, 'tokenizer.json')));
    return { files: [], problems };
  }
  if (!listed.includes('config.json')) problems.push(`${folder}: there is no config.json. Download the model again.`);
  const name = await collect(problems, () => weightsFileName(folder, listed));
  if (name === undefined) return { files: [], problems };
  const names = name.endsWith('.json') ? await shardNames(join(folder, name), problems) : [name];
  const files: FileHealth[] = [];
  for (const file of names) files.push(await verifySafetensors(join(folder, file), options));
  // Whether index and files fit is worth saying only where each file by itself is well.
  const sound = problems.length === 0 && files.every((file) => file.problems.length === 0);
  if (name.endsWith('.json') && sound) await collect(problems, () => openSafetensorsIndex(join(folder, name)));
  return { files, problems };
}

async function shardNames(path: string, problems: string[]): Promise<string[]> {
  const index = await collect(problems, () => readJsonFile(path));
  const map = isRecord(index) ? index['weight_map'] : undefined;
  const names = isRecord(map)
    ? Object.values(map).filter((name) => typeof name === 'string' && !/[/\\]/.test(name))
    : [];
  return [...new Set(names as string[])].sort();
}

async function collect<T>(problems: string[], look: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await look();
  } catch (error) {
    problems.push(error instanceof Error ? error.message : String(error));
    return undefined;
  }
}

async function scanTensors(file: SafetensorsFile, signal: AbortSignal | undefined): Promise<string[]> {
  const problems: string[] = [];
  const pieces = new Uint8Array(READ_BYTES);
  for (const [name, tensor] of file.tensors) {
    const bad = await countNotFinite(tensor, pieces, signal);
    if (bad === undefined) problems.push(`tensor "${name}" of ${file.path}: its data cannot be read to the end.`);
    else if (bad > 0)
      problems.push(`tensor "${name}" of ${file.path}: ${bad} of ${sizeOf(tensor.shape)} values are NaN or infinite.`);
  }
  return problems;
}

/** Reads a tensor piece by piece; undefined when the file ends before it does. */
async function countNotFinite(
  tensor: StoredTensor,
  piece: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<number | undefined> {
  const file = await open(tensor.path, 'r');
  let bad = 0;
  try {
    for (let at = 0; at < tensor.byteLength; at += piece.length) {
      signal?.throwIfAborted();
      const bytes = piece.subarray(0, Math.min(piece.length, tensor.byteLength - at));
      if (!(await readFully(file, bytes, tensor.byteOffset + at))) return undefined;
      bad += notFinite(tensor.dtype, bytes);
    }
    return bad;
  } finally {
    await file.close();
  }
}

/** All exponent bits set means infinity or NaN. */
function notFinite(dtype: DType, bytes: Uint8Array): number {
  const exponent = { float32: 0x7f800000, float16: 0x7c00, bfloat16: 0x7f80 }[dtype as string];
  if (exponent === undefined) return 0;
  const wide = bytesOf[dtype] === 4;
  const { buffer, byteOffset, length } = bytes;
  const values = wide
    ? new Uint32Array(buffer, byteOffset, length / 4)
    : new Uint16Array(buffer, byteOffset, length / 2);
  let bad = 0;
  for (let start = 0; start < values.length; start += SCAN_ELEMENTS) {
    bad += countMasked(values, exponent, start, Math.min(start + SCAN_ELEMENTS, values.length));
  }
  return bad;
}

function countMasked(values: Uint32Array | Uint16Array, mask: number, start: number, end: number): number {
  let count = 0;
  for (let i = start; i < end; i++) if ((values[i]! & mask) === mask) count++;
  return count;
}
