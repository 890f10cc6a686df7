// What the engine's child process and its parent say to each other. Plain data: typed arrays, records, and errors as records,
// because a class does not survive the way between processes.
import type { CompiledGraph } from './compile.ts';
import type { Kept, Value } from './engine.ts';
import { InvalidRequestError, JobFailedError, ModelFileError, ShapeError, TesseraError } from './errors.ts';
import type { SessionOptions } from './session.ts';

export type Request =
  | { readonly kind: 'hello' }
  | { readonly kind: 'open'; readonly graph: CompiledGraph; readonly options: SessionOptions }
  | {
      readonly kind: 'run';
      readonly session: number;
      readonly feeds: Readonly<Record<string, Value>>;
      readonly keep: readonly string[];
      readonly over: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'release'; readonly session: number }
  | { readonly kind: 'drop'; readonly values: readonly Kept[] };

export type Numbered = Request & { readonly id: number };

export type Reply =
  { readonly id: number; readonly value: unknown } | { readonly id: number; readonly error: ErrorRecord };

export interface ErrorRecord {
  readonly name: string;
  readonly code: string | undefined;
  readonly message: string;
  readonly stack: string | undefined;
}

export function toRecord(error: unknown): ErrorRecord {
  if (!(error instanceof Error)) return { name: 'Error', code: undefined, message: String(error), stack: undefined };
  const { name, message, stack } = error;
  return { name, code: error instanceof TesseraError ? error.code : undefined, message, stack };
}

/** The error again, of its own kind; its cause carries the stack from the other process. */
export function fromRecord({ name, code, message, stack }: ErrorRecord): Error {
  const cause = Object.assign(new Error(message), { name, stack });
  if (name === 'ShapeError') return new ShapeError(message, { cause });
  const options = code === undefined ? { cause } : { cause, code };
  if (name === 'InvalidRequestError') return new InvalidRequestError(message, options);
  if (name === 'ModelFileError') return new ModelFileError(message, options);
  if (name === 'JobFailedError') return new JobFailedError(message, options);
  return new Error(message, { cause });
}
