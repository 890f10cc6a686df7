// The stages of a render, and a clock that says how long each took.

export const stages = ['load', 'text', 'steps', 'decode', 'encode'] as const;
export type Stage = (typeof stages)[number];
export type StageTimes = Readonly<Record<Stage, number>>;

/** Adds up the time of each stage; a stage may be entered many times. */
export class StageClock {
  readonly #milliseconds: Record<Stage, number> = { load: 0, text: 0, steps: 0, decode: 0, encode: 0 };

  /** Runs work and counts its time for a stage, also when it fails. */
  async time<T>(stage: Stage, work: () => T | Promise<T>): Promise<T> {
    const start = performance.now();
    try {
      return await work();
    } finally {
      this.add(stage, performance.now() - start);
    }
  }

  add(stage: Stage, milliseconds: number): void {
    this.#milliseconds[stage] += milliseconds;
  }

  /** Passes a stream on; the time that its producer takes counts for a stage. */
  async *timeEach<T>(stage: Stage, stream: AsyncIterable<T>): AsyncGenerator<T> {
    const iterator = stream[Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await this.time(stage, () => iterator.next());
        if (next.done === true) return;
        yield next.value;
      }
    } finally {
      await iterator.return?.();
    }
  }

  /** Milliseconds of a stage so far, with fractions. */
  exact(stage: Stage): number {
    return this.#milliseconds[stage];
  }

  /** Whole milliseconds of each stage so far. */
  get milliseconds(): StageTimes {
    const rounded = stages.map((stage) => [stage, Math.round(this.#milliseconds[stage])] as const);
    return Object.fromEntries(rounded) as unknown as StageTimes;
  }
}
