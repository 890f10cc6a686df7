// Muon (Jordan et al. 2024): momentum of a matrix, made orthogonal by five Newton-Schulz steps, so that directions in which
// gradients are small are learned as fast as those in which they are large. Scaled as in Liu et al. 2025 ("Muon is scalable
// for LLM training"), so that AdamW's learning rate and decay hold for it too. A convolution's kernel is a matrix
// [out, in*kernel]; vectors are left to AdamW.
import { adamStep, emaDecayAt, type AdamOptions, type AdamState, type FlatLayout } from './adamw.ts';
import { add, constant, input, matmul, mul, reciprocal, reshape, sqrt, sum } from './build.ts';
import { compile } from './compile.ts';
import type { Node } from './node.ts';
import type { ParameterSpec } from './parameters.ts';
import { openRuntimeSession, type RuntimeSession } from './session.ts';
import { sizeOf, tensor } from './tensor.ts';
import type { Tensor } from './tensor.ts';

/** Coefficients of the quintic whose iteration sends singular values to about 1. */
const [A, B, C] = [3.4445, -4.775, 2.0315];
const ITERATIONS = 5;
const BEFORE_ANEW = 3;
const MOMENTUM = 0.95;
/** Makes an update's root mean square that of AdamW's. */
const ADAM_SCALE = 0.2;
const SMALLEST = 1e-14;
const pieceLength = 16384;

type Matrix = readonly [rows: number, columns: number];

/** A parameter as a matrix, or undefined where it is a vector but for axes of one. */
export function matrixOf({ shape }: ParameterSpec): Matrix | undefined {
  const rows = shape[0] ?? 1;
  const columns = sizeOf(shape) / rows;
  return rows > 1 && columns > 1 ? [rows, columns] : undefined;
}

const identity = (size: number): Node => {
  const matrix = new Float32Array(size ** 2);
  for (let i = 0; i < size; i++) matrix[i * size + i] = 1;
  return constant(tensor(matrix, [size, size]));
};

/**
 * The nearest orthogonal matrix, about: x [r,c] -> U Vᵀ of its singular value decomposition, singular values within 0.7 to 1.2.
 * Each iteration multiplies by a polynomial of the Gram matrix, so it is the small side that is iterated upon, and x meets only
 * the polynomials' product. After three iterations rounding would show in small singular values: there the Gram matrix is
 * computed anew.
 */
export function orthogonalised(x: Node): Node {
  const isTall = x.shape[0]! > x.shape[1]!;
  const one = identity(Math.min(...x.shape));
  const gramOf = (y: Node) => matmul(y, y, { transA: isTall, transB: !isTall }); // the smaller side squared
  const gram = gramOf(x);
  const squaredNorm = add(sum(mul(gram, one), [0, 1]), SMALLEST);
  const first = polynomialOf(mul(gram, reciprocal(squaredNorm)), one, BEFORE_ANEW);
  const factor = mul(first, reciprocal(sqrt(squaredNorm)));
  const y = isTall ? matmul(x, factor) : matmul(factor, x);
  const second = polynomialOf(gramOf(y), one, ITERATIONS - BEFORE_ANEW);
  return isTall ? matmul(y, second) : matmul(second, y);
}

/** The product of the iterations' A + B G + C G², G the Gram matrix, which each iteration changes. */
function polynomialOf(gram: Node, one: Node, iterations: number): Node {
  const step = add(add(mul(gram, B), matmul(gram, gram, { alpha: C })), mul(one, A));
  if (iterations === 1) return step;
  return matmul(polynomialOf(matmul(matmul(step, gram), step), one, iterations - 1), step);
}

interface Place {
  readonly name: string;
  readonly shape: Matrix;
  readonly from: number;
  readonly to: number;
}

export interface MuonOptions {
  /**
   * Updates over which the matrices take turns, each with a step of as many times the size. A momentum changes little from one update
   * to the next, and making it orthogonal takes as long as a gradient of about a thousand tokens.
   */
  readonly turns?: number;
  readonly threads?: number | undefined;
}

/** The matrices whose turn an update is. */
interface Turn {
  readonly places: readonly Place[];
  readonly session: RuntimeSession;
}

/** Updates matrices by Muon and the rest by AdamW, over AdamW's state: a matrix's first moment is its momentum. */
export class Muon {
  readonly #turns: readonly Turn[];
  readonly #places: readonly Place[];
  readonly #update: Float32Array;

  private constructor(turns: readonly Turn[], size: number) {
    this.#turns = turns;
    this.#places = turns.flatMap(({ places }) => places);
    this.#update = new Float32Array(size);
  }

  static async open(layout: FlatLayout, { turns: count = 1, threads }: MuonOptions = {}): Promise<Muon> {
    const all = layout.specs.flatMap((spec, i): Place[] => {
      const shape = matrixOf(spec);
      const from = layout.offsets[i]!;
      return shape === undefined ? [] : [{ name: spec.name, shape, from, to: from + shape[0] * shape[1] }];
    });
    const turns: Turn[] = [];
    for (let turn = 0; turn < Math.min(count, all.length); turn++) {
      const places = all.filter((_, i) => i % count === turn);
      turns.push({ places, session: await openOrthogonaliser(places, threads) });
    }
    return new Muon(turns, layout.size);
  }

  /** One update in place; overwrites the gradient. Returns its norm before clipping. */
  async step(state: AdamState, gradient: Float32Array, options: AdamOptions, gradientScale = 1): Promise<number> {
    const count = this.#turns.length;
    const turn = this.#turns[state.step % count];
    const norm = adamStep(state, gradient, options, gradientScale, (spec) => matrixOf(spec) === undefined);
    const { firstMoment } = state;
    for (const { from, to } of this.#places)
      inPieces(from, to, (a, b) => lookAhead(firstMoment.subarray(a, b), gradient.subarray(a, b), gradientScale));
    if (turn === undefined) return norm;
    await turn.session.run(viewsOf(turn.places, gradient, 'in.'), viewsOf(turn.places, this.#update, ''));
    const emaDecay = emaDecayAt(state.step, options) ** count;
    const keep = (1 - options.learningRate * options.weightDecay) ** count;
    for (const { shape, from, to } of turn.places) {
      const size = count * options.learningRate * ADAM_SCALE * Math.sqrt(Math.max(...shape));
      inPieces(from, to, (a, b) => applyPiece(state, this.#update, [a, b], { size, keep, emaDecay }));
    }
    return norm;
  }

  async release(): Promise<void> {
    for (const { session } of this.#turns) await session.release();
  }
}

async function openOrthogonaliser(places: readonly Place[], threads: number | undefined): Promise<RuntimeSession> {
  const outputs = places.map(({ name, shape }) => [name, reshape(orthogonalised(input(`in.${name}`, shape)), shape)]);
  const graph = compile({ outputs: Object.fromEntries(outputs) as Record<string, Node>, weights: () => undefined });
  return openRuntimeSession(graph, { memoryPattern: false, ...(threads !== undefined && { threads }) });
}

/** Matrices within a flat array, by name. */
const viewsOf = (places: readonly Place[], flat: Float32Array, prefix: string): Record<string, Tensor> =>
  Object.fromEntries(
    places.map(({ name, shape, from, to }) => [
      prefix + name,
      { dtype: 'float32' as const, shape, data: flat.subarray(from, to) },
    ]),
  );

function inPieces(from: number, to: number, work: (from: number, to: number) => void): void {
  for (let at = from; at < to; at += pieceLength) work(at, Math.min(at + pieceLength, to));
}

/** Nesterov's: the momentum takes the gradient in, and the gradient becomes where the momentum will be. */
function lookAhead(momentum: Float32Array, gradient: Float32Array, gradientScale: number): void {
  for (let i = 0; i < momentum.length; i++) {
    const g = gradient[i]! * gradientScale;
    const m = MOMENTUM * momentum[i]! + (1 - MOMENTUM) * g;
    momentum[i] = m;
    gradient[i] = (1 - MOMENTUM) * g + MOMENTUM * m;
  }
}

interface Change {
  readonly size: number;
  readonly keep: number;
  readonly emaDecay: number;
}

function applyPiece(
  state: AdamState,
  update: Float32Array,
  [from, to]: readonly [number, number],
  { size, keep, emaDecay }: Change,
): void {
  const p = state.parameters.subarray(from, to);
  const ema = state.ema.subarray(from, to);
  const u = update.subarray(from, to);
  for (let i = 0; i < p.length; i++) {
    const pi = p[i]! * keep - size * u[i]!;
    p[i] = pi;
    ema[i] = emaDecay * ema[i]! + (1 - emaDecay) * pi;
  }
}
