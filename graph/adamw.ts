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
  emaDecay: 0.999,
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
  else {
    const [slices, sliceSize] = [shape[2]!, sizeOf(shape.slice(3))];
    const isLast = (i: number) => Math.floor(i / sliceSize) % slices === slices - 1;
    fillWith(target, (i) => (isLast(i) ? (2 * random() - 1) * init.bound : 0));
  }
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
  const { parameters: p, firstMoment: m, secondMoment: v, ema } = state;
  const { gradientScale, beta1, beta2, stepSize, correction, eps, keep, emaDecay } = s;
  for (let i = from; i < to; i++) {
    const g = gradient[i]! * gradientScale;
    const mi = beta1 * m[i]! + (1 - beta1) * g;
    const vi = beta2 * v[i]! + (1 - beta2) * g * g;
    m[i] = mi;
    v[i] = vi;
    const pi = p[i]! * keep - (stepSize * mi) / (Math.sqrt(vi) / correction + eps);
    p[i] = pi;
    ema[i] = emaDecay * ema[i]! + (1 - emaDecay) * pi;
  }
}

/** One update in place. `gradientScale` divides an accumulated gradient by its count. Returns the norm before clipping. */
export function adamStep(state: AdamState, gradient: Float32Array, options: AdamOptions, gradientScale = 1): number {
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
    emaDecay: Math.min(options.emaDecay, (1 + t) / (10 + t)),
  };
  state.layout.specs.forEach((spec, i) => {
    const keep = spec.shape.length >= 2 ? 1 - options.learningRate * options.weightDecay : 1;
    const start = state.layout.offsets[i]!;
    const end = start + sizeOf(spec.shape);
    for (let from = start; from < end; from += pieceLength) {
      updatePiece(state, gradient, from, Math.min(from + pieceLength, end), { ...common, keep });
    }
  });
  return norm;
}
