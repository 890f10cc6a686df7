// What a model needs of the place where it runs: open graphs, run them, keep tensors there between runs (streaming state).
// localEngine runs in this process (tests, training); child-engine.ts runs the same in a child process that can be killed.
import type { CompiledGraph } from './compile.ts';
import { JobFailedError, ShapeError } from './errors.ts';
import { openRuntimeSession } from './session.ts';
import type { Device, RuntimeSession, SessionOptions } from './session.ts';
import { type Shape, type Tensor, zeros } from './tensor.ts';

/** A tensor that stays in the engine; it can be fed to any of the engine's sessions until it is dropped. */
export interface Kept {
  readonly kept: number;
  readonly shape: Shape;
}

export type Value = Tensor | Kept;
export const isKept = (value: Value): value is Kept => 'kept' in value;

/** The host tensor of a run's result. Throws ShapeError when it was kept in the engine or is missing. */
export function fetched(values: Readonly<Record<string, Value>>, name: string): Tensor {
  const value = values[name];
  if (value === undefined || isKept(value))
    throw new ShapeError(`Output ${name} was ${value === undefined ? 'not computed' : 'kept'}.`);
  return value;
}

export interface RunOptions {
  /** Outputs that stay in the engine. */
  readonly keep?: readonly string[];
  /**
   * Outputs that are kept in the memory of a kept input, by the input's name: it is overwritten. Only where the output follows
   * from a node which is the last to read the input.
   */
  readonly over?: Readonly<Record<string, string>>;
  /** A run that has not begun when this is aborted does not begin. One that has begun ends only with its process. */
  readonly signal?: AbortSignal | undefined;
}

/** Throws JobFailedError (CANCELLED) when the signal is aborted. */
export function refuseAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true)
    throw new JobFailedError('The run was cancelled before it began.', { code: 'CANCELLED', cause: signal.reason });
}

export interface Session {
  run(feeds: Readonly<Record<string, Value>>, options?: RunOptions): Promise<Record<string, Value>>;
  release(): Promise<void>;
}

export interface Engine {
  /** Where its graphs run, if all goes well; left out, on the CPU. */
  readonly device?: Device;
  open(graph: CompiledGraph, options?: SessionOptions): Promise<Session>;
  /** Forgets kept tensors. */
  drop(values: readonly Kept[]): void;
  close(): Promise<void>;
}

/** Kept tensors by number, in the process that runs the sessions. */
export class KeptTensors {
  readonly #tensors = new Map<number, Tensor>();
  #next: number;

  /** Numbers count from `first`, so that engines that follow each other never share one. */
  constructor(first = 1) {
    this.#next = first;
  }

  keep(value: Tensor): Kept {
    this.#tensors.set(this.#next, value);
    return { kept: this.#next++, shape: value.shape };
  }

  resolve(value: Value): Tensor {
    if (!isKept(value)) return value;
    const found = this.#tensors.get(value.kept);
    if (found === undefined)
      throw new ShapeError(`Kept tensor ${value.kept} was dropped or belongs to an engine that ended.`);
    return found;
  }

  drop(value: Kept): void {
    this.#tensors.delete(value.kept);
  }

  clear(): void {
    this.#tensors.clear();
  }
}

/** Runs a session with kept tensors resolved and stored. */
export async function runKeeping(
  session: RuntimeSession,
  tensors: KeptTensors,
  feeds: Readonly<Record<string, Value>>,
  { keep = [], over = {}, signal }: RunOptions = {},
): Promise<Record<string, Value>> {
  refuseAborted(signal);
  const resolved = Object.fromEntries(Object.entries(feeds).map(([name, value]) => [name, tensors.resolve(value)]));
  // What is kept is written where it will lie: the runtime's own memory would hold it a second time.
  const kept = session.outputs.filter(({ name, dtype }) => keep.includes(name) && dtype === 'float32');
  const into = kept.map(({ name, shape }) => [name, resolved[over[name] ?? ''] ?? zeros(shape)] as const);
  const results = await session.run(resolved, into.length === 0 ? undefined : Object.fromEntries(into));
  const entries = Object.entries(results).map(([name, value]): [string, Value] => {
    const before = feeds[over[name] ?? ''];
    if (before !== undefined && isKept(before)) return [name, before];
    return [name, keep.includes(name) ? tensors.keep(value) : value];
  });
  return Object.fromEntries(entries);
}

/** An engine in this process: runs block its event loop. */
export function localEngine(defaults: SessionOptions = {}): Engine {
  const tensors = new KeptTensors();
  const open = new Set<RuntimeSession>();
  return {
    device: defaults.device ?? 'cpu',
    open: async (graph, options) => {
      const session = await openRuntimeSession(graph, { ...defaults, ...options });
      open.add(session);
      return {
        run: (feeds, runOptions) => runKeeping(session, tensors, feeds, runOptions),
        release: async () => {
          if (open.delete(session)) await session.release();
        },
      };
    },
    drop: (values) => values.forEach((value) => tensors.drop(value)),
    close: async () => {
      tensors.clear();
      await Promise.all([...open].map((session) => session.release()));
      open.clear();
    },
  };
}
