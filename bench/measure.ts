// Timing for benchmarks: a warm-up run, then medians. Ratios between rows of one run are what to trust; absolute times drift.

export interface Row {
  readonly stage: string;
  readonly milliseconds: number;
  readonly flops?: number;
  /** Of the bare product's speed, where it was measured around this row's own runs. */
  readonly share?: number;
  readonly note?: string;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}

/** Median time of `work` over `repeats` runs after one warm-up, in ms. */
export async function medianTime(repeats: number, work: () => Promise<unknown>): Promise<number> {
  await work();
  const times: number[] = [];
  for (let i = 0; i < repeats; i++) {
    const start = performance.now();
    await work();
    times.push(performance.now() - start);
  }
  return median(times);
}

const cell = (text: string, width: number) => (text.length > width ? text : text.padStart(width));

/** Prints rows as a table: time, GFLOP/s, share of the bare product's speed. */
export function printTable(title: string, rows: readonly Row[], bareGflops: number): void {
  const width = Math.max(...rows.map(({ stage }) => stage.length));
  console.log(
    `\n${title}\n${'stage'.padEnd(width)} ${cell('ms', 10)} ${cell('GFLOP/s', 9)} ${cell('of bare', 8)}  note`,
  );
  for (const { stage, milliseconds, flops, share: own, note = '' } of rows) {
    const speed = flops === undefined ? undefined : flops / milliseconds / 1e6;
    const share = speed === undefined ? '' : `${Math.round(100 * (own ?? speed / bareGflops))} %`;
    const cells = [cell(milliseconds.toFixed(1), 10), cell(speed?.toFixed(0) ?? '', 9), cell(share, 8)];
    console.log(`${stage.padEnd(width)} ${cells.join(' ')}  ${note}`.trimEnd());
  }
}
