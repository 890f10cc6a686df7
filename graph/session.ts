// The only file that imports onnxruntime. A runtime session opens a compiled graph and runs it in this process;
// `run` blocks the event loop for its whole length, so programs that must stay responsive use the child engine.
import { availableParallelism } from 'node:os';
import * as ort from 'onnxruntime-node';
import type { CompiledGraph, ValueInfo } from './compile.ts';
import { JobFailedError, ModelFileError, ShapeError } from './errors.ts';
import { int8Overflows } from './int8-overflow.ts';
import { sameShape, show } from './shape.ts';
import type { DType, Tensor, TensorData } from './tensor.ts';

/** Execution providers of onnxruntime. */
export type Device = 'cpu' | 'webgpu' | 'cuda';

export interface SessionOptions {
  /** Where the graph runs; what a device cannot run, and what fails on it, runs on the CPU. Default cpu. */
  readonly device?: Device;
  /** A device that fails is an error. */
  readonly strict?: boolean;
  /** Threads of one product (all cores that this process may use). */
  readonly threads?: number;
  /**
   * Repack weights for speed (a private copy). Off keeps mapped weights mapped. Default: on below 256 MB of mapped weights, and
   * for weights that were quantised, whose products take twice the time without.
   */
  readonly prepack?: boolean;
  /** Plan memory by pattern, which may double it. Default: below 256 MB of mapped weights. */
  readonly memoryPattern?: boolean;
  /** Keep memory from run to run for the next tensors, of sizes that only grow. Off takes less and, for large tensors, no longer. Default on. */
  readonly arena?: boolean;
  /** Let idle threads spin. Faster on cores of one's own, wasteful on shared ones. Default off. */
  readonly spin?: boolean;
}

export interface RuntimeSession {
  readonly outputs: readonly ValueInfo[];
  /** Runs the graph. `into` gives outputs memory to be written to, in place. */
  run(
    feeds: Readonly<Record<string, Tensor>>,
    into?: Readonly<Record<string, Tensor>>,
  ): Promise<Record<string, Tensor>>;
  release(): Promise<void>;
}

/** Bytes of mapped weights from which a graph counts as large. */
const LARGE_BYTES = 256 * 2 ** 20;

function ortOptions(
  graph: CompiledGraph,
  options: SessionOptions,
  carefulInt8: boolean,
): ort.InferenceSession.SessionOptions {
  const isLarge = graph.mappedBytes >= LARGE_BYTES;
  const prepack = options.prepack ?? (!isLarge || graph.quantisedBytes > 0);
  return {
    executionProviders: options.device === undefined || options.device === 'cpu' ? ['cpu'] : [options.device, 'cpu'],
    graphOptimizationLevel: 'all',
    logSeverityLevel: 4, // what it would print is in the error that it throws
    enableCpuMemArena: options.arena ?? true,
    enableMemPattern: options.memoryPattern ?? !isLarge,
    // Its own default counts one core less than there are on some virtual machines, which halves all speeds on two.
    intraOpNumThreads: options.threads ?? availableParallelism(),
    extra: {
      session: {
        model_external_initializers_file_folder_path: '/',
        disable_prepacking: prepack ? '0' : '1',
        x64quantprecision: carefulInt8 ? '1' : '0',
        intra_op: { allow_spinning: options.spin === true ? '1' : '0' },
      },
    },
  };
}

function toOrt(name: string, value: Tensor): ort.Tensor {
  if (value.dtype === 'bfloat16')
    throw new ShapeError(`${name}: bfloat16 tensors cannot be fed, only stored weights can be bfloat16.`);
  return new ort.Tensor(value.dtype, value.data as Float32Array, value.shape);
}

const fromOrt = (value: ort.Tensor): Tensor => ({
  dtype: value.type as DType,
  shape: value.dims,
  data: value.data as TensorData,
});

function checkedFeeds(graph: CompiledGraph, feeds: Readonly<Record<string, Tensor>>): Record<string, ort.Tensor> {
  const entries = graph.inputs.map(({ name, dtype, shape }) => {
    const value = feeds[name];
    if (value === undefined) throw new ShapeError(`Input ${name} was not fed.`);
    if (value.dtype !== dtype || !sameShape(value.shape, shape)) {
      throw new ShapeError(`Input ${name} is ${dtype} ${show(shape)}, was fed ${value.dtype} ${show(value.shape)}.`);
    }
    return [name, toOrt(name, value)] as const;
  });
  return Object.fromEntries(entries);
}

/** Memory is the usual reason that a graph which could be opened does not run. */
function runError(cause: unknown): JobFailedError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  if (!/bad_alloc|allocate memory|out of memory/i.test(reason))
    return new JobFailedError(`onnxruntime could not run the graph: ${reason}`, { cause, code: 'RUN_FAILED' });
  const asked = /of size (\d+)/.exec(reason)?.[1];
  const what =
    asked === undefined
      ? 'Memory ran out.'
      : `Memory ran out: ${(Number(asked) / 1e9).toFixed(2)} GB more were needed.`;
  const advice = 'Use a smaller width or height, fewer frames, or a machine with more memory.';
  return new JobFailedError(`${what} ${advice}`, { cause, code: 'OUT_OF_MEMORY' });
}

/** Opens a compiled graph in this process. Throws ModelFileError when the runtime refuses the model or its files. */
export async function openRuntimeSession(graph: CompiledGraph, options: SessionOptions = {}): Promise<RuntimeSession> {
  const { device = 'cpu', strict = false, ...onCpu } = options;
  if (device === 'cpu' || strict) return openOn(graph, options);
  let current = await openOn(graph, options).catch((error: unknown) => {
    tellOnce(device, error);
    return openOn(graph, onCpu);
  });
  let fellBack = false;
  return {
    outputs: graph.outputs,
    run: async (feeds, into) => {
      try {
        return await current.run(feeds, into);
      } catch (error) {
        if (fellBack || error instanceof ShapeError) throw error;
        fellBack = true;
        tellOnce(device, error);
        await current.release();
        current = await openOn(graph, onCpu);
        return current.run(feeds, into);
      }
    },
    release: () => current.release(),
  };
}

let isTold = false;

function tellOnce(device: Device, error: unknown): void {
  if (isTold) return;
  isTold = true;
  const why = error instanceof Error ? error.message.split('\n')[0] : String(error);
  process.stderr.write(`${device} failed, so this goes on on the CPU: ${why}\n`);
}

let overflows: Promise<boolean> | undefined;

async function openOn(graph: CompiledGraph, options: SessionOptions): Promise<RuntimeSession> {
  if (!graph.hasInt8Products) return openWith(graph, ortOptions(graph, options, false));
  overflows ??= int8Overflows((probe) => openWith(probe, ortOptions(probe, {}, false)));
  return openWith(graph, ortOptions(graph, options, await overflows));
}

async function openWith(graph: CompiledGraph, options: ort.InferenceSession.SessionOptions): Promise<RuntimeSession> {
  const session = await ort.InferenceSession.create(graph.bytes, options).catch((cause: unknown) => {
    throw new ModelFileError(
      `onnxruntime could not open the model: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  });
  return {
    outputs: graph.outputs,
    run: async (feeds, into) => {
      const inputs = checkedFeeds(graph, feeds);
      const fetches =
        into &&
        Object.fromEntries(graph.outputs.map(({ name }) => [name, into[name] ? toOrt(name, into[name]) : null]));
      const running = fetches === undefined ? session.run(inputs) : session.run(inputs, fetches);
      const results = await running.catch((cause: unknown) => {
        throw runError(cause);
      });
      // onnxruntime gives copies of what it wrote into memory that it was given; nobody needs those.
      return Object.fromEntries(Object.entries(results).map(([name, value]) => [name, into?.[name] ?? fromOrt(value)]));
    },
    release: () => session.release(),
  };
}

/** Version of the runtime and the execution providers in it, for `tessera doctor`. */
export function runtimeInfo(): { readonly version: string; readonly providers: readonly string[] } {
  return {
    version: ort.env.versions.node ?? 'unknown',
    providers: ort.listSupportedBackends().map(({ name }) => name),
  };
}
