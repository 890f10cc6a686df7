// How far a request is, and how long it will still take. The estimate comes from measured steps: the first one of a process
// also warms up caches, so it is left out, and nothing is said before the second. Decoding, which has not been seen yet,
// is estimated from its arithmetic at the speed that the steps reach, then by what the first clip's decoding took.
import type { Stage } from './stages.ts';

export interface Progress {
  readonly stage: Stage;
  /** Which clip of the request, counted from 1. */
  readonly clip: number;
  readonly clips: number;
  /** Sampling steps done, or frames decoded; 0 of 0 in other stages. */
  readonly step: number;
  readonly steps: number;
  /** Of the whole request; absent until two steps were measured. */
  readonly remainingSeconds?: number;
}

/** Of a job; films are looked at and listened to, then captions are written, and their steps are seconds. */
export interface JobProgress extends Omit<Progress, 'stage'> {
  readonly stage: Stage | 'look' | 'listen' | 'write';
}

export interface Workload {
  readonly clips: number;
  readonly steps: number;
  readonly frames: number;
  /** Time of one clip's decoding over time of one step, as their arithmetic has it. */
  readonly decodeSteps: number;
  /** Whether some steps are skipped: their mean then tells more than their median. */
  readonly isUneven: boolean;
}

/** Steps that the estimate looks back on: machines slow down and speed up. */
const WINDOW = 8;

/** Turns what happens into progress with an estimate. Times are given in seconds of any clock. */
export class Estimator {
  readonly #work: Workload;
  readonly #steps: number[] = [];
  #seen = 0;
  #decodeSeconds: number | undefined;

  constructor(work: Workload) {
    this.#work = work;
  }

  /** A step was done in so many seconds. */
  stepTook(seconds: number): void {
    if (this.#seen++ > 0) this.#steps.push(seconds);
    if (this.#steps.length > WINDOW) this.#steps.shift();
  }

  /** A clip was decoded and written in so many seconds. */
  decodeTook(seconds: number): void {
    this.#decodeSeconds = seconds;
  }

  /** Seconds of all that is left after `step` steps and `frames` decoded frames of clip `clip` (from 1). */
  remainingSeconds(at: { readonly clip: number; readonly step: number; readonly frames: number }): number | undefined {
    const { clips, steps, frames, decodeSteps, isUneven } = this.#work;
    if (this.#steps.length === 0) return undefined;
    const step = isUneven ? mean(this.#steps) : median(this.#steps);
    const decode = this.#decodeSeconds ?? decodeSteps * step;
    const later = (clips - at.clip) * (steps * step + decode);
    return (steps - at.step) * step + (1 - at.frames / frames) * decode + later;
  }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
