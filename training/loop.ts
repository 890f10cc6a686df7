// The loop that all trainings share: draw a batch, let onnxruntime compute loss and gradients, update with AdamW, log, save.
// A task brings its graphs (one per shape of batch) and its batches; both are functions of the step, so that a run
// that was killed and resumed sees the data that an uninterrupted one would have seen.
import type { AdamOptions, AdamState, FlatLayout } from '../graph/adamw.ts';
import { accumulate, adamStep, views } from '../graph/adamw.ts';
import { compile } from '../graph/compile.ts';
import type { CompiledGraph } from '../graph/compile.ts';
import { gradients } from '../graph/gradients.ts';
import type { Node } from '../graph/node.ts';
import type { ParameterScope } from '../graph/parameters.ts';
import { Muon } from '../graph/muon.ts';
import { openRuntimeSession } from '../graph/session.ts';
import type { RuntimeSession } from '../graph/session.ts';
import { floats } from '../graph/tensor.ts';
import type { Tensor } from '../graph/tensor.ts';
import type { RunFolder } from './run-folder.ts';

/** One micro-batch: `bucket` names its shape, `feeds` are the graph's inputs beside the parameters. */
export interface Batch {
  readonly bucket: string;
  readonly samples: number;
  readonly feeds: Readonly<Record<string, Tensor>>;
}

export interface LossGraph {
  readonly loss: Node;
  /** Further scalars for the log. */
  readonly parts: Readonly<Record<string, Node>>;
}

export interface TrainingTask {
  readonly layout: FlatLayout;
  /** The loss of a bucket's shape over the task's parameters. */
  readonly lossOf: (bucket: string) => { readonly scope: ParameterScope; readonly graph: LossGraph };
  /** Micro-batch `index` of update `step`. */
  readonly batch: (step: number, index: number) => Promise<Batch>;
  /** Looks at the model from time to time: sample sheets, gaps, scores; what it returns goes to the log. */
  readonly inspect?: (state: AdamState) => Promise<Readonly<Record<string, unknown>>>;
}

export interface LoopOptions {
  readonly steps: number;
  /** Micro-batches per update. */
  readonly accumulation: number;
  readonly adam: AdamOptions;
  readonly optimizer: 'adamw' | 'muon';
  /** Of muon's matrices; many make its updates cheap beside the gradients of small batches. */
  readonly muonTurns: number;
  readonly warmupSteps: number;
  /** Fraction of the steps, at the end, over which the learning rate falls to zero. */
  readonly decayFraction: number;
  readonly saveEverySeconds: number;
  readonly logEverySeconds: number;
  readonly inspectEverySeconds: number;
  /** Of the training step; all cores if left out. */
  readonly threads?: number;
}

export const loopDefaults = {
  accumulation: 1,
  optimizer: 'muon',
  muonTurns: 1,
  warmupSteps: 100,
  decayFraction: 0.3,
  saveEverySeconds: 120,
  logEverySeconds: 10,
  inspectEverySeconds: 300,
} as const;

/** Linear warm-up, constant, linear fall to zero. */
export function learningRateAt(step: number, { steps, adam, warmupSteps, decayFraction }: LoopOptions): number {
  const decayFrom = steps * (1 - decayFraction);
  const fall = step <= decayFrom ? 1 : Math.max(0, (steps - step) / (steps - decayFrom));
  return adam.learningRate * Math.min(1, (step + 1) / warmupSteps) * fall;
}

interface StepGraph {
  readonly session: RuntimeSession;
  readonly graph: CompiledGraph;
  readonly parts: readonly string[];
}

async function openStep(task: TrainingTask, bucket: string, threads: number | undefined): Promise<StepGraph> {
  const { scope, graph } = task.lossOf(bucket);
  const names = scope.specs().map(({ name }) => name); // single frames use fewer parameters than clips
  const grads = gradients(
    graph.loss,
    names.map((name) => scope.node(name)),
  );
  const named = names.map((name, i) => [`grad.${name}`, grads[i]!] as const);
  const compiled = compile({
    outputs: { loss: graph.loss, ...graph.parts, ...Object.fromEntries(named) },
    weights: 'inputs',
  });
  const session = await openRuntimeSession(compiled, {
    memoryPattern: false,
    ...(threads !== undefined && { threads }),
  });
  return { session, graph: compiled, parts: ['loss', ...Object.keys(graph.parts)] };
}

/** Running means for the log since the last line. */
class LogWindow {
  #sums = new Map<string, { total: number; count: number }>();
  #start = performance.now();
  #cpu = process.cpuUsage();
  #samples = 0;
  #flops = 0;

  add(values: Readonly<Record<string, number>>, samples: number, flops: number): void {
    this.#samples += samples;
    this.#flops += flops;
    for (const [name, value] of Object.entries(values)) {
      const entry = this.#sums.get(name) ?? { total: 0, count: 0 };
      this.#sums.set(name, { total: entry.total + value, count: entry.count + 1 });
    }
  }

  get seconds(): number {
    return (performance.now() - this.#start) / 1000;
  }

  /** The line, and a fresh window. */
  take(): Record<string, number> {
    const seconds = this.seconds;
    const cpu = process.cpuUsage(this.#cpu);
    const means = Object.fromEntries(
      [...this.#sums].map(([name, { total, count }]) => [name, Number((total / count).toPrecision(5))]),
    );
    const line = {
      ...means,
      samplesPerSecond: Number((this.#samples / seconds).toFixed(2)),
      gflops: Number((this.#flops / seconds / 1e9).toFixed(1)),
      cpuCores: Number(((cpu.user + cpu.system) / 1e6 / seconds).toFixed(2)),
    };
    this.#sums = new Map();
    this.#start = performance.now();
    this.#cpu = process.cpuUsage();
    this.#samples = this.#flops = 0;
    return line;
  }
}

export interface TrainingProgress {
  readonly step: number;
  readonly steps: number;
  readonly loss: number;
}

/**
 * Trains until `steps` updates are done or `signal` aborts; either way the state is saved. Resumes what the folder holds.
 * `onProgress` is called after every update.
 */
export async function train(
  task: TrainingTask,
  folder: RunFolder,
  options: LoopOptions,
  {
    state,
    signal,
    onProgress,
  }: { state: AdamState; signal?: AbortSignal; onProgress?: (progress: TrainingProgress) => void },
): Promise<void> {
  const steps = new Map<string, StepGraph>();
  const muon =
    options.optimizer === 'muon'
      ? await Muon.open(task.layout, { turns: options.muonTurns, threads: options.threads })
      : undefined;
  const gradient = new Float32Array(task.layout.size);
  const partial = options.accumulation > 1 ? new Float32Array(task.layout.size) : gradient;
  const into = views(task.layout, partial, 'grad.');
  const parameters = views(task.layout, state.parameters);
  const window = new LogWindow();
  let [savedAt, inspectedAt] = [performance.now(), performance.now()];
  const started = performance.now();
  while (state.step < options.steps && signal?.aborted !== true) {
    let loss = 0;
    if (partial !== gradient) gradient.fill(0);
    for (let index = 0; index < options.accumulation; index++) {
      const batch = await task.batch(state.step, index);
      const step = steps.get(batch.bucket) ?? (await openStep(task, batch.bucket, options.threads));
      steps.set(batch.bucket, step);
      partial.fill(0);
      const results = await step.session.run({ ...parameters, ...batch.feeds }, into);
      if (partial !== gradient) accumulate(gradient, partial);
      const values = Object.fromEntries(step.parts.map((name) => [name, floats(results[name]!)[0]!]));
      loss += values['loss']! / options.accumulation;
      const own = Object.entries(values).map(([name, value]) => [`${name}.${batch.bucket}`, value]);
      window.add(
        { ...values, ...(Object.fromEntries(own) as Record<string, number>) },
        batch.samples,
        step.graph.flops,
      );
    }
    const learningRate = learningRateAt(state.step, options);
    const adam = { ...options.adam, learningRate };
    const scale = 1 / options.accumulation;
    const gradientNorm = (await muon?.step(state, gradient, adam, scale)) ?? adamStep(state, gradient, adam, scale);
    if (!Number.isFinite(gradientNorm))
      throw new Error(`The gradient's norm is ${gradientNorm} at step ${state.step}. Lower the learning rate.`);
    window.add({ learningRate, gradientNorm }, 0, 0);
    onProgress?.({ step: state.step, steps: options.steps, loss });
    if (window.seconds > options.logEverySeconds) {
      await folder.log({
        step: state.step,
        seconds: Math.round((performance.now() - started) / 1000),
        ...window.take(),
      });
    }
    if ((performance.now() - savedAt) / 1000 > options.saveEverySeconds) {
      await folder.save(state);
      savedAt = performance.now();
    }
    if (task.inspect !== undefined && (performance.now() - inspectedAt) / 1000 > options.inspectEverySeconds) {
      await folder.log({ step: state.step, ...(await task.inspect(state)) });
      inspectedAt = performance.now();
    }
  }
  await folder.save(state);
  if (task.inspect !== undefined) await folder.log({ step: state.step, ...(await task.inspect(state)) });
  await muon?.release();
  for (const { session } of steps.values()) await session.release();
}
