// AdamW (Loshchilov and Hutter 2019) with global-norm clipping and an exponential moving average, over flat arrays.
// All of a model's parameters lie in one Float32Array; tensors are views of it, fed to onnxruntime without a copy.
// The loops run over pieces of 16K elements: V8 may drop one long loop to its interpreter, short ones stay fast.
import type { ParameterSpec } from './parameters.ts';
import { sizeOf } from './tensor.ts';
import type { Tensor } from './tensor.ts';

const pieceLength = 16384;

/** Where each parameter lies in the flat arrays. */
export interface FlatLayout {
  readonly specs: readonly ParameterSpec[];
  readonly offsets: readonly number[];
  readonly size: number;
}

export interface AdamState {
  readonly layout: FlatLayout;
  readonly parameters: Float32Array;
  readonly firstMoment: Float32Array;
  readonly secondMoment: Float32Array;
  readonly ema: Float32Array;
  /** Updates done so far. */
  step: number;
}

export interface AdamOptions {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  /** Decoupled decay, applied to parameters of two or more axes. */
  readonly weightDecay: number;
  /** Largest global norm of the gradient. */
  readonly maxNorm: number;
  /** Decay of the moving average, reached gradually: min(emaDecay, (1 + step) / (10 + step)). */
  readonly emaDecay: number;
}

export const adamDefaults = {
  learningRate: 1e-3,
  beta1: 0.9,
  beta2: 0.99,
  eps: 1e-8,
  weightDecay: 0.01,
  maxNorm: 1,
  emaDecay: 0.998,
} satisfies AdamOptions;

export function flatLayout(specs: readonly ParameterSpec[]): FlatLayout {
  const offsets: number[] = [];
  let size = 0;
  for (const spec of specs) {
    offsets.push(size);
    size += sizeOf(spec.shape);
  }
  return { specs, offsets, size };
}

/** One view per parameter, by name with an optional prefix. */
export function views(layout: FlatLayout, flat: Float32Array, prefix = ''): Record<string, Tensor> {
  const entries = layout.specs.map((spec, i): [string, Tensor] => {
    const data = flat.subarray(layout.offsets[i], layout.offsets[i]! + sizeOf(spec.shape));
    return [prefix + spec.name, { dtype: 'float32', shape: spec.shape, data }];
  });
  return Object.fromEntries(entries);
}

function fill(target: Float32Array, { init, shape }: ParameterSpec, random: () => number): void {
  if (init.kind === 'zeros') target.fill(0);
  else if (init.kind === 'ones') target.fill(1);
  else if (init.kind === 'constant') target.fill(init.value);
  else if (init.kind === 'normal') fillWith(target, () => init.std * normal(random));
  else if (init.kind === 'uniform') fillWith(target, () => (2 * random() - 1) * init.bound);
  else if (init.kind === 'identity') fillIdentity(target, shape, () => 1);
  else if (init.kind === 'alternating') fillIdentity(target, shape, (output) => (output % 2 === 0 ? 2 : 1));
  else {
    const [slices, sliceSize] = [shape[2]!, sizeOf(shape.slice(3))];
    const isLast = (i: number) => Math.floor(i / sliceSize) % slices === slices - 1;
    fillWith(target, (i) => (isLast(i) ? (2 * random() - 1) * init.bound : 0));
  }
}

/** `back` counts the kernel's positions from its end. */
function fillIdentity(
  target: Float32Array,
  [outputs, inputs, ...kernel]: readonly number[],
  back: (output: number) => number,
): void {
  const size = sizeOf(kernel);
  for (let o = 0; o < outputs!; o++) target[(o * inputs! + (o % inputs!) + 1) * size - back(o)] = 1;
}

function fillWith(target: Float32Array, value: (i: number) => number): void {
  for (let i = 0; i < target.length; i++) target[i] = value(i);
}

/** Box and Muller's transform. */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** A fresh state: parameters from their inits by `random` (uniform in [0,1)), moments zero, the average equal to the parameters. */
export function initialState(layout: FlatLayout, random: () => number): AdamState {
  const parameters = new Float32Array(layout.size);
  layout.specs.forEach((spec, i) => {
    fill(parameters.subarray(layout.offsets[i], layout.offsets[i]! + sizeOf(spec.shape)), spec, random);
  });
  return {
    layout,
    parameters,
    firstMoment: new Float32Array(layout.size),
    secondMoment: new Float32Array(layout.size),
    ema: parameters.slice(),
    step: 0,
  };
}

function squaredNormOfPiece(g: Float32Array, from: number, to: number): number {
  let total = 0;
  for (let i = from; i < to; i++) total += g[i]! * g[i]!;
  return total;
}

/** Euclidean norm of a flat gradient. */
export function globalNorm(gradient: Float32Array): number {
  let total = 0;
  for (let from = 0; from < gradient.length; from += pieceLength) {
    total += squaredNormOfPiece(gradient, from, Math.min(from + pieceLength, gradient.length));
  }
  return Math.sqrt(total);
}

function addPiece(target: Float32Array, source: Float32Array, from: number, to: number): void {
  for (let i = from; i < to; i++) target[i] = target[i]! + source[i]!;
}

/** target += source, for accumulating the gradients of several micro-batches. */
export function accumulate(target: Float32Array, source: Float32Array): void {
  for (let from = 0; from < target.length; from += pieceLength) {
    addPiece(target, source, from, Math.min(from + pieceLength, target.length));
  }
}

interface PieceStep {
  readonly gradientScale: number;
  readonly beta1: number;
  readonly beta2: number;
  /** learningRate / (1 - beta1^t) */
  readonly stepSize: number;
  /** sqrt(1 - beta2^t) */
  readonly correction: number;
  readonly eps: number;
  readonly keep: number;
  readonly emaDecay: number;
}

function updatePiece(state: AdamState, gradient: Float32Array, from: number, to: number, s: PieceStep): void {
  // Views of the piece alone: V8 drops the bounds checks, and one division is left of two.
  const p = state.parameters.subarray(from, to);
  const m = state.firstMoment.subarray(from, to);
  const v = state.secondMoment.subarray(from, to);
  const ema = state.ema.subarray(from, to);
  const g = gradient.subarray(from, to);
  const { gradientScale, beta1, beta2, eps, keep, emaDecay } = s;
  const [size, floor] = [s.stepSize * s.correction, eps * s.correction];
  const [take1, take2, takeEma] = [1 - beta1, 1 - beta2, 1 - emaDecay];
  for (let i = 0; i < p.length; i++) {
    const gi = g[i]! * gradientScale;
    const mi = beta1 * m[i]! + take1 * gi;
    const vi = beta2 * v[i]! + take2 * gi * gi;
    m[i] = mi;
    v[i] = vi;
    const pi = p[i]! * keep - (size * mi) / (Math.sqrt(vi) + floor);
    p[i] = pi;
    ema[i] = emaDecay * ema[i]! + takeEma * pi;
  }
}

/** The moving average's decay at an update, counted from 1. */
export const emaDecayAt = (step: number, { emaDecay }: AdamOptions): number =>
  Math.min(emaDecay, (1 + step) / (10 + step));

/**
 * One update in place. `gradientScale` divides an accumulated gradient by its count. Parameters that `takes` refuses stay as
 * they are. Returns the norm before clipping.
 */
export function adamStep(
  state: AdamState,
  gradient: Float32Array,
  options: AdamOptions,
  gradientScale = 1,
  takes: (spec: ParameterSpec) => boolean = () => true,
): number {
  const t = ++state.step;
  const norm = globalNorm(gradient) * gradientScale;
  const clip = norm > options.maxNorm ? options.maxNorm / norm : 1;
  const common = {
    gradientScale: gradientScale * clip,
    beta1: options.beta1,
    beta2: options.beta2,
    stepSize: options.learningRate / (1 - options.beta1 ** t),
    correction: Math.sqrt(1 - options.beta2 ** t),
    eps: options.eps,
    emaDecay: emaDecayAt(t, options),
  };
  state.layout.specs.forEach((spec, i) => {
    if (!takes(spec)) return;
    const keep = spec.shape.length >= 2 ? 1 - options.learningRate * options.weightDecay : 1;
    const start = state.layout.offsets[i]!;
    const end = start + sizeOf(spec.shape);
    for (let from = start; from < end; from += pieceLength) {
      updatePiece(state, gradient, from, Math.min(from + pieceLength, end), { ...common, keep });
    }
  });
  return norm;
}
