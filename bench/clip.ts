// A nano clip of 17 frames at 128x128: warm, stage by stage, in one process; and from process start through the command.
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { generate } from '../jobs/generate.ts';
import type { GenerateResult } from '../jobs/generate.ts';
import { Studio } from '../jobs/studio.ts';
import { median } from './measure.ts';
import type { Row } from './measure.ts';

const prompt = 'a penguin jumps on a snowy field';

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'tessera-bench-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Medians over five clips in a studio that stays open, as a worker has it; the first, which opens graphs, is left out. */
export function warmClip(): Promise<Row[]> {
  return inFolder(async (folder) => {
    const studio = new Studio();
    const results: { readonly total: number; readonly result: GenerateResult }[] = [];
    for (let seed = 0; seed < 6; seed++) {
      const start = performance.now();
      const result = await generate({ prompt, seed, output: join(folder, `${seed}.mp4`) }, { studio });
      results.push({ total: performance.now() - start, result });
    }
    await studio.close();
    const warm = results.slice(1);
    const stages = Object.keys(warm[0]!.result.milliseconds) as (keyof GenerateResult['milliseconds'])[];
    const rows = stages.map((stage) => ({
      stage,
      milliseconds: median(warm.map(({ result }) => result.milliseconds[stage])),
    }));
    return [
      ...rows,
      { stage: 'whole clip, warm', milliseconds: median(warm.map(({ total }) => total)), note: 'target 3000 ms' },
    ];
  });
}

/** Median over three runs of the built command, process start and exit included. */
export function coldClip(): Promise<Row> {
  return inFolder(async (folder) => {
    const times: number[] = [];
    for (let i = 0; i < 3; i++) {
      const start = performance.now();
      const output = join(folder, `cold-${i}.mp4`);
      await promisify(execFile)(process.execPath, [
        'dist/cli/main.js',
        'generate',
        prompt,
        '--seed',
        String(i),
        '-o',
        output,
      ]);
      times.push(performance.now() - start);
    }
    return { stage: 'whole clip, from process start', milliseconds: median(times), note: 'target 6000 ms' };
  });
}
