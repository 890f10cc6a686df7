// The rows of a batch: a .jsonl of requests, a .csv with a column for each field, or a .yaml list. Every row is checked by the
// request's schema; all that does not fit is told together, with its line, so that a file is mended once.
import { parse as parseCsv } from 'csv-parse/sync';
import { readFile, stat } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import { isMap, isSeq, LineCounter, parseDocument } from 'yaml';
import { InvalidRequestError } from '../graph/errors.ts';
import { filesOf } from './outputs.ts';
import { type GenerateRequest, generateSchema, parseRequest } from './request.ts';
import { fieldName, type Shape, valueOfText } from './request-text.ts';

/** A row as it stands in the file, before it is checked. */
interface RawRow {
  readonly line: number;
  readonly fields: unknown;
}

export interface BatchRow {
  /** Where it begins, counted from 1. */
  readonly line: number;
  readonly request: GenerateRequest;
}

export interface BatchProblem {
  readonly line: number;
  /** Names the field. */
  readonly message: string;
}

export interface BatchFile {
  readonly rows: readonly BatchRow[];
  readonly problems: readonly BatchProblem[];
}

/** A file of more is no list of prompts. */
const MOST_BYTES = 256 * 2 ** 20;

/** A problem that ends the reading: what follows cannot be told apart. */
class Unreadable extends Error {
  readonly line: number;

  constructor(line: number, message: string) {
    super(message);
    this.line = line;
  }
}

/** Reads a batch: checks all rows. @throws InvalidRequestError when the file cannot be read or is of no known kind */
export async function readBatchFile(path: string): Promise<BatchFile> {
  const read = readers[extname(path).toLowerCase()];
  if (read === undefined) {
    throw new InvalidRequestError(
      `${path}: a batch is a .jsonl, .csv, .yaml or .yml file; this ends with none of them.`,
    );
  }
  return parseBatch(await textOf(path), read);
}

/** Kinds of files that hold requests, for folders that files are dropped into. */
export const holdsRequests = (path: string): boolean => extname(path).toLowerCase() in droppedReaders;

/** Reads a file that was dropped: a batch, one request in JSON or YAML, or a .txt that is a prompt. @throws as above */
export async function readDroppedFile(path: string): Promise<BatchFile> {
  return parseBatch(await textOf(path), droppedReaders[extname(path).toLowerCase()]!);
}

async function textOf(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > MOST_BYTES) throw new Error(`it has ${size} bytes, at most ${MOST_BYTES} are read`);
    return (await readFile(path, 'utf8')).replace(/^\uFEFF/, '');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new InvalidRequestError(`${path} cannot be read: ${why}.`, { cause });
  }
}

type Reader = (text: string) => readonly RawRow[];

const readers: Readonly<Record<string, Reader>> = {
  '.jsonl': jsonLines,
  '.ndjson': jsonLines,
  '.csv': csvRows,
  '.yaml': yamlRows,
  '.yml': yamlRows,
};

const droppedReaders: Readonly<Record<string, Reader>> = {
  ...readers,
  '.txt': (text) => [{ line: 1, fields: { prompt: text.trim().replace(/\s+/g, ' ') } }],
  '.json': jsonDocument,
  '.yaml': oneOrMany,
  '.yml': oneOrMany,
};

function parseBatch(text: string, read: Reader): BatchFile {
  const rows: BatchRow[] = [];
  const problems: BatchProblem[] = [];
  try {
    for (const { line, fields } of read(text)) {
      try {
        rows.push({ line, request: definedFields(parseRequest(fields)) });
      } catch (error) {
        if (!(error instanceof InvalidRequestError)) throw error;
        problems.push({ line, message: error.message });
      }
    }
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    problems.push({ line: error.line, message: error.message });
  }
  problems.push(...sharedOutputs(rows));
  if (rows.length === 0 && problems.length === 0) problems.push({ line: 1, message: 'There is no row in the file.' });
  return { rows, problems: problems.sort((a, b) => a.line - b.line) };
}

function definedFields(request: ReturnType<typeof parseRequest>): GenerateRequest {
  return Object.fromEntries(Object.entries(request).filter(([, value]) => value !== undefined)) as GenerateRequest;
}

/** Rows that would write a file of an earlier one: its clip, one of its numbered clips, or the record beside them. */
function sharedOutputs(rows: readonly BatchRow[]): readonly BatchProblem[] {
  const writers = new Map<string, number>();
  return rows.flatMap(({ line, request: { output, clips = 1 } }) => {
    if (output === undefined) return [];
    const files = filesOf(output, clips);
    const shared = files.find((file) => writers.has(file));
    const before = shared && writers.get(shared);
    for (const file of files) if (!writers.has(file)) writers.set(file, line);
    if (shared === undefined) return [];
    const what = extname(shared) === '.json' ? `the record ${basename(shared)}` : basename(shared);
    return [{ line, message: `output (=${output}) writes ${what}, and so does line ${before}. Name another.` }];
  });
}

function jsonLines(text: string): readonly RawRow[] {
  return text.split(/\r?\n/).flatMap((row, i): readonly RawRow[] => {
    if (row.trim() === '') return [];
    try {
      return [{ line: i + 1, fields: JSON.parse(row) as unknown }];
    } catch {
      return [{ line: i + 1, fields: row }]; // which the schema refuses, as it is no object
    }
  });
}

/** A request, or a list of them. */
function jsonDocument(text: string): readonly RawRow[] {
  try {
    const value: unknown = JSON.parse(text);
    return (Array.isArray(value) ? value : [value]).map((fields: unknown) => ({ line: 1, fields }));
  } catch (cause) {
    throw new Unreadable(1, `This is no JSON: ${(cause as Error).message}.`);
  }
}

/** YAML that holds one request, or what a batch may hold. */
function oneOrMany(text: string): readonly RawRow[] {
  const document = parseDocument(text);
  const { contents, errors } = document;
  const isOne = errors.length === 0 && isMap(contents) && contents.has('prompt');
  return isOne ? [{ line: 1, fields: meaningOf(() => document.toJS()) }] : yamlRows(text);
}

const shape: Shape = generateSchema.shape;

/** The first row names the fields; empty cells were not sent. */
function csvRows(text: string): readonly RawRow[] {
  const lineAt = lineCounter(text);
  try {
    const records: { record: Record<string, string>; raw: string; info: { bytes: number } }[] = parseCsv(text, {
      columns: (names: string[]) => names.map(fieldName),
      skip_empty_lines: true,
      trim: true,
      info: true,
      raw: true,
    });
    return records.map(({ record, raw, info }) => ({
      line: lineAt(info.bytes - Buffer.byteLength(raw)),
      fields: Object.fromEntries(
        Object.entries(record)
          .filter(([, cell]) => cell !== '')
          .map(([field, cell]) => [field, valueOfText(shape, field, cell)]),
      ),
    }));
  } catch (cause) {
    const { code, message, bytes = 0, raw = '' } = cause as Error & { code?: string; bytes?: number; raw?: string };
    // Cells are counted when the row has been read; all else ends the reading within it.
    const begin = code === 'CSV_RECORD_INCONSISTENT_COLUMNS' ? bytes - Buffer.byteLength(raw) : bytes;
    const why = message.replace(/ (at|on) line \d+/, ''); // as it counts, a break within quotes may be two
    throw new Unreadable(lineAt(begin), `This is no row of the table: ${why}.`);
  }
}

/** Tells lines by their bytes' places, which must ascend; line breaks at a place come before what is meant. */
function lineCounter(text: string): (place: number) => number {
  const bytes = Buffer.from(text);
  let [line, at] = [1, 0];
  return (place) => {
    let end = place;
    while (bytes[end] === 10 || bytes[end] === 13) end++;
    line += bytes.toString('latin1', at, end).match(/\r\n?|\n/g)?.length ?? 0;
    at = end;
    return line;
  };
}

/** A list of requests, or `jobs:` with such a list and `defaults:` for what a row leaves out. */
function yamlRows(text: string): readonly RawRow[] {
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter });
  const lineOf = (node: unknown): number =>
    counter.linePos((node as { range?: readonly number[] } | null)?.range?.[0] ?? 0).line || 1;
  const [error] = document.errors;
  if (error) throw new Unreadable(error.linePos?.[0].line ?? 1, `This is no YAML: ${error.message.split('\n')[0]}`);
  const { contents } = document;
  const list = isMap(contents) ? contents.get('jobs', true) : contents;
  if (!isSeq(list)) throw new Unreadable(1, 'There must be a list of requests, or "jobs:" with such a list.');
  const defaults = isMap(contents) ? (meaningOf(() => document.toJS()) as { defaults?: object }).defaults : undefined;
  return list.items.map((item) => {
    const line = lineOf(item);
    const own = isMap(item) ? meaningOf(() => item.toJS(document), line) : undefined;
    return { line, fields: own === undefined ? item : { ...defaults, ...(own as object) } };
  });
}

/** What YAML's nodes stand for. @throws Unreadable for aliases of nothing, such as `*cat*` */
function meaningOf(read: () => unknown, line = 1): unknown {
  try {
    return read();
  } catch (cause) {
    throw new Unreadable(line, `This is no YAML: ${(cause as Error).message}`);
  }
}
