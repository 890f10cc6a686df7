// The header of a .safetensors file: 8 bytes of length, then JSON with dtype, shape and byte range of each tensor.
// Format: https://huggingface.co/docs/safetensors. Files come from strangers, so nothing in a header is believed:
// every range must lie in the file, fit its shape, and the ranges together must fill the data without holes or overlaps.

import { type FileHandle, realpath, stat } from 'node:fs/promises';
import { ModelFileError } from '../graph/errors.ts';
import type { DType } from '../graph/tensor.ts';
import type { StoredTensor } from '../graph/weights.ts';
import { duplicateKey, isRecord, nestsDeeper } from './json.ts';

/** The reference implementation's limit for the JSON part. */
const MAX_HEADER_BYTES = 100_000_000;
/** The header, a tensor's entry, its shape: nothing in a header lies deeper. */
const HEADER_LEVELS = 3;
const READ_PIECE_BYTES = 1 << 30; // one read() takes less than 2 GB

/** What the file calls a type, and its width in bits. */
const bitsOf: ReadonlyMap<string, number> = new Map([
  ['F64', 64], ['F32', 32], ['F16', 16], ['BF16', 16], ['C64', 64],
  ['I64', 64], ['I32', 32], ['I16', 16], ['I8', 8], ['U64', 64], ['U32', 32], ['U16', 16], ['U8', 8], ['BOOL', 8],
  ['F8_E4M3', 8], ['F8_E5M2', 8], ['F8_E8M0', 8], ['F8_E4M3FNUZ', 8], ['F8_E5M2FNUZ', 8],
  ['F6_E2M3', 6], ['F6_E3M2', 6], ['F4', 4],
]); // prettier-ignore

const dtypeOf: ReadonlyMap<string, DType> = new Map<string, DType>([
  ['F32', 'float32'],
  ['F16', 'float16'],
  ['BF16', 'bfloat16'],
  ['I64', 'int64'],
  ['I32', 'int32'],
  ['I8', 'int8'],
  ['U8', 'uint8'],
  ['BOOL', 'bool'],
]);

/** A header that was checked: tensors by name, the file's own notes, and types that the format has but we have not. */
export interface SafetensorsHeader {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly metadata: Readonly<Record<string, string>>;
  readonly unsupported: ReadonlyMap<string, string>;
}

/** The file that a header was read from. */
export interface HeaderFile {
  readonly path: string;
  readonly realPath: string;
  readonly sizeBytes: number;
}

interface Entry {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/**
 * Checks and reads a header.
 * @param json the header's bytes, without the 8 bytes of length before them
 * @param file its name for messages, its real path for the tensors' `path`, and its whole size
 * @throws ModelFileError naming the file and, where one is to blame, the tensor
 */
export function parseSafetensorsHeader(json: Uint8Array, file: HeaderFile): SafetensorsHeader {
  const { path, realPath, sizeBytes } = file;
  const header = parseJson(json, path);
  const metadata = parseMetadata(header['__metadata__'], path);
  const entries = Object.entries(header)
    .filter(([name]) => name !== '__metadata__')
    .map(([name, value]) => parseEntry(name, value, path));
  const dataStart = 8 + json.length;
  checkRanges(entries, path, sizeBytes - dataStart);
  const tensors = new Map<string, StoredTensor>();
  const unsupported = new Map<string, string>();
  for (const { name, type, shape, begin, end } of entries) {
    const dtype = dtypeOf.get(type);
    if (dtype === undefined) unsupported.set(name, type);
    else tensors.set(name, { path: realPath, byteOffset: dataStart + begin, byteLength: end - begin, dtype, shape });
  }
  return { tensors, metadata, unsupported };
}

/** A ModelFileError about one tensor of a file, or about the file when no tensor is to blame. */
export function damagedFile(
  path: string,
  tensor: string | undefined,
  problem: string,
  cause?: unknown,
): ModelFileError {
  const where = tensor === undefined ? path : `tensor "${shorten(tensor)}" of ${path}`;
  return new ModelFileError(`${where}: ${problem}`, { cause });
}

/** Reads the header's bytes from an open file, after a look at whether it is a safetensors file at all. @throws ModelFileError */
export async function readHeader(file: FileHandle, { path, sizeBytes }: HeaderFile): Promise<Uint8Array> {
  const start = new Uint8Array(Math.min(sizeBytes, 64));
  await readFully(file, start, 0);
  const mistaken = otherFormat(start);
  if (mistaken !== undefined) throw damagedFile(path, undefined, mistaken);
  if (sizeBytes < 10) throw damagedFile(path, undefined, `it has only ${sizeBytes} bytes. Download it again.`);
  const length = new DataView(start.buffer).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER_BYTES)) {
    throw damagedFile(
      path,
      undefined,
      `its header claims ${length} bytes; ${MAX_HEADER_BYTES} is the limit. This is no safetensors file.`,
    );
  }
  const json = new Uint8Array(Math.min(Number(length), sizeBytes - 8));
  const whole = json.length === Number(length) && (await readFully(file, json, 8));
  if (!whole) throw damagedFile(path, undefined, 'it ends within its header. Download it again.');
  return json;
}

/** Tells files that people mistake for safetensors by their first bytes. Pickles can run code, so they are never read. */
function otherFormat(start: Uint8Array): string | undefined {
  const text = Buffer.from(start).toString('latin1');
  if (text[8] === '{') return undefined; // the first bytes were a length that happened to look like a signature
  const pickle = start[0] === 0x80 && start[1]! >= 1 && start[1]! <= 5; // PROTO opcode and version
  if (text.startsWith('PK\x03\x04') || pickle) {
    return 'this is a PyTorch pickle, which can run code when loaded, so it is refused. Use the .safetensors file of the model.';
  }
  if (text.startsWith('GGUF')) return 'this is a GGUF file. Use the .safetensors file of the model.';
  if (text.startsWith('version https://git-lfs'))
    return 'this is only a Git LFS pointer. Run `git lfs pull` in its folder.';
  if (/^\s*<(!doctype|html|\?xml)/i.test(text)) return 'this is a web page, not weights: the download went wrong.';
  return undefined;
}

/** Fills `into` from the file; false when the file ends before. */
export async function readFully(file: FileHandle, into: Uint8Array, position: number): Promise<boolean> {
  let done = 0;
  while (done < into.length) {
    const length = Math.min(into.length - done, READ_PIECE_BYTES);
    const { bytesRead } = await file.read(into, done, length, position + done);
    if (bytesRead === 0) return false;
    done += bytesRead;
  }
  return true;
}

/** Follows links to the file itself. @throws ModelFileError when there is none */
export async function resolveFile(path: string): Promise<HeaderFile> {
  let realPath: string;
  try {
    realPath = await realpath(path);
  } catch (cause) {
    throw damagedFile(
      path,
      undefined,
      'there is no such file (or its link leads nowhere). Download the model again.',
      cause,
    );
  }
  const status = await stat(realPath);
  if (!status.isFile()) throw damagedFile(path, undefined, 'this is no regular file.');
  return { path, realPath, sizeBytes: status.size };
}

function parseJson(json: Uint8Array, path: string): Record<string, unknown> {
  // A leading brace is required by the format; JSON.parse alone would take white space or a bare number.
  if (json[0] !== 0x7b)
    throw damagedFile(path, undefined, 'the header is no JSON object. The file is damaged; download it again.');
  const damaged = (cause: unknown): ModelFileError =>
    damagedFile(path, undefined, 'the header is no valid JSON. The file is damaged; download it again.', cause);
  let text: string;
  let header: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(json);
  } catch (cause) {
    throw damaged(cause);
  }
  // Before it is parsed: what is nested deeply takes many times its size, and overflows the stack where it is printed.
  if (nestsDeeper(text, HEADER_LEVELS))
    throw damagedFile(
      path,
      undefined,
      'its header nests deeper than the format does. The file is damaged; download it again.',
    );
  try {
    header = JSON.parse(text);
  } catch (cause) {
    throw damaged(cause);
  }
  const twice = duplicateKey(text);
  if (twice !== undefined)
    throw damagedFile(path, twice, 'this name stands twice in the header, so its meaning is unclear.');
  return header as Record<string, unknown>;
}

function parseMetadata(value: unknown, path: string): Record<string, string> {
  if (value === undefined) return {};
  const ok = isRecord(value) && Object.values(value).every((text) => typeof text === 'string');
  if (!ok) throw damagedFile(path, undefined, '__metadata__ in the header must map names to texts.');
  return value as Record<string, string>;
}

function parseEntry(name: string, value: unknown, path: string): Entry {
  if (!isRecord(value)) throw damagedFile(path, name, 'its header entry is no object.');
  const { dtype: type, shape, data_offsets: offsets } = value;
  const bits = typeof type === 'string' ? bitsOf.get(type) : undefined;
  if (typeof type !== 'string' || bits === undefined) {
    throw damagedFile(path, name, `dtype ${shorten(JSON.stringify(type) ?? 'none')} is not one that the format knows.`);
  }
  if (!isCounts(shape)) throw damagedFile(path, name, 'its shape must be a list of whole numbers ≥ 0.');
  if (!isCounts(offsets) || offsets.length !== 2)
    throw damagedFile(path, name, 'data_offsets must be two whole numbers ≥ 0.');
  const [begin, end] = offsets as [number, number];
  const bytes = (shape.reduce((product, size) => product * size, 1) * bits) / 8;
  if (!Number.isSafeInteger(bytes) || end - begin !== bytes) {
    throw damagedFile(
      path,
      name,
      `${type} of shape [${shorten(shape.join(','))}] takes ${bytes} bytes, but its data_offsets span ${end - begin}.`,
    );
  }
  return { name, type, shape, begin, end };
}

/** The ranges, in order, must follow each other from 0 to the end of the data. */
function checkRanges(entries: readonly Entry[], path: string, dataBytes: number): void {
  let reached = 0;
  for (const { name, begin, end } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (end > dataBytes) {
      throw damagedFile(
        path,
        name,
        `its data ends at byte ${end}, but the file has only ${dataBytes} bytes of data. It is cut short; download it again.`,
      );
    }
    if (begin < reached) throw damagedFile(path, name, 'its data overlaps that of another tensor.');
    if (begin > reached) throw damagedFile(path, name, `${begin - reached} bytes before its data belong to no tensor.`);
    reached = end;
  }
  if (reached < dataBytes) {
    throw damagedFile(
      path,
      undefined,
      `${dataBytes - reached} bytes after the last tensor belong to none. The file is damaged; download it again.`,
    );
  }
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && (size as number) >= 0);
}

function shorten(text: string): string {
  return text.length <= 120 ? text : `${text.slice(0, 117)}...`;
}
