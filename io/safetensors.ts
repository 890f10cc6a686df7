// Weights on disk: .safetensors files and the *.safetensors.index.json that joins several into one model.
// Opening reads headers only; the engine maps the data itself, at the offsets given here. Tensors carry real paths,
// because hub caches are made of symbolic links, which the engine refuses.

import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { DType, Tensor, TensorData } from '../graph/tensor.ts';
import type { StoredTensor, Weights } from '../graph/weights.ts';
import { writeBeside } from './atomic.ts';
import { bfloat16ToFloat32, float16ToFloat32, float32ToFloat16 } from './float16.ts';
import { isRecord, readJsonFile } from './json.ts';
import {
  damagedFile,
  parseSafetensorsHeader,
  readFully,
  readHeader,
  resolveFile,
  type SafetensorsHeader,
} from './safetensors-header.ts';

/** The tensors of one file, or of all files that an index joins, with their places on disk. */
export interface SafetensorsFile {
  /** The file or index, as it was asked for. */
  readonly path: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** Tensors of a type that the engine does not have (float8, float64, ...), by name. */
  readonly unsupported: ReadonlyMap<string, string>;
  /** Looks a tensor up; undefined when absent, ModelFileError when its type is unsupported. */
  readonly weights: Weights;
}

/** Opens and checks one .safetensors file; reads the header only. @throws ModelFileError */
export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  const place = await resolveFile(path);
  const file = await open(place.realPath, 'r');
  try {
    return bind(path, parseSafetensorsHeader(await readHeader(file, place), place));
  } finally {
    await file.close();
  }
}

/**
 * Opens a model that was split into several files beside the index. Every tensor of the index's `weight_map` must be
 * in its file; tensors that the map leaves out are ignored, as the reference does. @throws ModelFileError
 */
export async function openSafetensorsIndex(path: string): Promise<SafetensorsFile> {
  const fileOf = await readWeightMap(path);
  const files = new Map<string, SafetensorsFile>();
  for (const name of new Set(fileOf.values())) files.set(name, await openSafetensors(join(dirname(path), name)));
  const tensors = new Map<string, StoredTensor>();
  const unsupported = new Map<string, string>();
  for (const [tensor, name] of fileOf) {
    const file = files.get(name)!;
    const stored = file.tensors.get(tensor);
    const type = file.unsupported.get(tensor);
    if (stored !== undefined) tensors.set(tensor, stored);
    else if (type !== undefined) unsupported.set(tensor, type);
    else
      throw damagedFile(
        file.path,
        tensor,
        `the index ${path} says that it is here, but it is not. Download both again.`,
      );
  }
  return bind(path, { tensors, metadata: {}, unsupported });
}

/**
 * Reads one tensor into memory. float16 and bfloat16 become float32, unless `raw` asks for their bits.
 * @throws ModelFileError when there is no such tensor or the file was cut short since it was opened
 */
export async function readTensor(
  file: SafetensorsFile,
  name: string,
  options: { raw?: boolean } = {},
): Promise<Tensor> {
  const stored = file.tensors.get(name);
  if (stored === undefined) throw missingTensor(file, name);
  return readStored(stored, { ...options, name, path: file.path });
}

/** Reads a tensor from its place on disk, as readTensor does. @throws ModelFileError when the file was cut short since it was opened */
export async function readStored(
  stored: StoredTensor,
  { raw = false, name = 'at its place', path = stored.path }: { raw?: boolean; name?: string; path?: string } = {},
): Promise<Tensor> {
  const handle = await open(stored.path, 'r');
  try {
    const bytes = new ArrayBuffer(stored.byteLength);
    if (!(await readFully(handle, new Uint8Array(bytes), stored.byteOffset))) {
      throw damagedFile(path, name, 'the file ended within its data. It changed since it was opened; open it again.');
    }
    return fromBytes(stored, bytes, raw);
  } finally {
    await handle.close();
  }
}

function bind(path: string, header: SafetensorsHeader): SafetensorsFile {
  const file: SafetensorsFile = {
    path,
    ...header,
    weights: (name) => {
      if (header.unsupported.has(name)) throw missingTensor(file, name);
      return header.tensors.get(name);
    },
  };
  return file;
}

function missingTensor(file: SafetensorsFile, name: string): Error {
  const type = file.unsupported.get(name);
  if (type === undefined)
    return damagedFile(file.path, name, 'there is no such tensor in the file. Is this file of another model?');
  return damagedFile(
    file.path,
    name,
    `its type ${type} is not supported. Use the float32, bfloat16 or float16 variant of the model.`,
  );
}

async function readWeightMap(path: string): Promise<ReadonlyMap<string, string>> {
  const index = await readJsonFile(path);
  const map = isRecord(index) ? index['weight_map'] : undefined;
  if (!isRecord(map)) throw damagedFile(path, undefined, 'it has no weight_map. Is it a safetensors index?');
  const entries = Object.entries(map);
  for (const [tensor, file] of entries) {
    // A name with a separator could lead out of the model's folder.
    const plain = typeof file === 'string' && /^[^/\\\0]+\.safetensors$/.test(file);
    if (!plain)
      throw damagedFile(
        path,
        tensor,
        `weight_map names ${typeof file === 'string' ? JSON.stringify(file) : 'no text'}; it must be a .safetensors file beside the index.`,
      );
  }
  return new Map(entries as [string, string][]);
}

function fromBytes({ dtype, shape }: StoredTensor, bytes: ArrayBuffer, raw: boolean): Tensor {
  if (dtype === 'float16' && !raw) return { dtype: 'float32', shape, data: float16ToFloat32(new Uint16Array(bytes)) };
  if (dtype === 'bfloat16' && !raw) return { dtype: 'float32', shape, data: bfloat16ToFloat32(new Uint16Array(bytes)) };
  return { dtype, shape, data: viewOf(dtype, bytes) };
}

function viewOf(dtype: StoredTensor['dtype'], bytes: ArrayBuffer): TensorData {
  switch (dtype) {
    case 'float32':
      return new Float32Array(bytes);
    case 'float16':
    case 'bfloat16':
      return new Uint16Array(bytes);
    case 'int32':
      return new Int32Array(bytes);
    case 'int64':
      return new BigInt64Array(bytes);
    case 'int8':
      return new Int8Array(bytes);
    case 'uint8':
    case 'bool':
      return new Uint8Array(bytes);
  }
}

/**
 * Writes a .safetensors file under a temporary name and renames it; an existing file is replaced, and sessions that
 * have the old one mapped keep it.
 * @param metadata texts for the header's `__metadata__` (e.g. `format: 'pt'`, a step count)
 * @param options `floats` converts float32 tensors, e.g. to float16
 * @throws ModelFileError when a finite value does not fit float16
 */
export async function writeSafetensors(
  path: string,
  entries: Iterable<readonly [string, Tensor]>,
  metadata: Readonly<Record<string, string>> = {},
  options: { floats?: 'float32' | 'float16' } = {},
): Promise<void> {
  const convert = ([name, tensor]: readonly [string, Tensor]): [string, Tensor] => [
    name,
    options.floats === 'float16' ? halved(path, name, tensor) : tensor,
  ];
  const ordered = orderForAlignment(Array.from(entries, convert));
  await writeBeside(path, { overwrite: true }, async (temporary) => {
    const file = await open(temporary, 'wx');
    try {
      const sized = ordered.map(
        ([name, { dtype, shape, data }]) => [name, { dtype, shape, byteLength: data.byteLength }] as const,
      );
      await file.writeFile(headerBytes(sized, metadata));
      for (const [, { data }] of ordered)
        await file.writeFile(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    } finally {
      await file.close();
    }
  });
}

function halved(path: string, name: string, tensor: Tensor): Tensor {
  if (tensor.dtype !== 'float32') return tensor;
  const floats = tensor.data as Float32Array;
  const data = float32ToFloat16(floats);
  for (let i = 0; i < data.length; i++) {
    const overflowed = (data[i]! & 0x7fff) === 0x7c00 && Number.isFinite(floats[i]);
    if (overflowed)
      throw damagedFile(path, name, `its value ${floats[i]} does not fit float16 (at most 65504). Write float32.`);
  }
  return { dtype: 'float16', shape: tensor.shape, data };
}

/**
 * The format allows no gaps, so tensors are aligned by their order: those that fill whole cache lines (64 bytes) first,
 * all of which then start on one, the rest from the widest elements to the narrowest.
 */
function orderForAlignment(entries: readonly [string, Tensor][]): [string, Tensor][] {
  const rank = ({ data }: Tensor): number => (data.byteLength % 64 === 0 ? 16 : data.BYTES_PER_ELEMENT);
  return [...new Map(entries)].sort(([, a], [, b]) => rank(b) - rank(a));
}

/** The bytes before the data: length and JSON, padded to a cache line. Tensors follow each other in the order given. */
export function headerBytes(
  entries: readonly (readonly [
    string,
    { readonly dtype: DType; readonly shape: readonly number[]; readonly byteLength: number },
  ])[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const header = new Map<string, unknown>(Object.keys(metadata).length === 0 ? [] : [['__metadata__', metadata]]);
  let begin = 0;
  for (const [name, { dtype, shape, byteLength }] of entries) {
    const end = begin + byteLength;
    header.set(name, { dtype: typeNames[dtype], shape, data_offsets: [begin, end] });
    begin = end;
  }
  const json = Buffer.from(JSON.stringify(Object.fromEntries(header)));
  const length = Math.ceil((8 + json.length) / 64) * 64 - 8;
  const bytes = Buffer.alloc(8 + length, ' '); // the format pads with spaces
  bytes.writeBigUInt64LE(BigInt(length));
  json.copy(bytes, 8);
  return bytes;
}

const typeNames = {
  float32: 'F32',
  float16: 'F16',
  bfloat16: 'BF16',
  int64: 'I64',
  int32: 'I32',
  int8: 'I8',
  uint8: 'U8',
  bool: 'BOOL',
} as const satisfies Record<DType, string>;
