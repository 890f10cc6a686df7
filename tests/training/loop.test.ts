import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { adamDefaults, flatLayout, views } from '../../graph/adamw.ts';
import { input, linear, mean, square, sub } from '../../graph/build.ts';
import { parameterScope } from '../../graph/parameters.ts';
import { tensor } from '../../graph/tensor.ts';
import { openSafetensors, writeSafetensors } from '../../io/safetensors.ts';
import { learningRateAt, loopDefaults, train } from '../../training/loop.ts';
import type { LoopOptions, TrainingTask } from '../../training/loop.ts';
import { openRunFolder } from '../../training/run-folder.ts';
import { randomOf } from '../../training/world/random.ts';

/** Learns y = x Wᵀ for a fixed W from batches that follow from the step. */
function regression(): TrainingTask {
  const lossOf = () => {
    const scope = parameterScope();
    const y = linear(
      input('x', [8, 4]),
      scope.parameters('weight', [3, 4]),
      scope.parameters('bias', [3], { kind: 'zeros' }),
    );
    return { scope, graph: { loss: mean(square(sub(y, input('y', [8, 3]))), [0, 1]), parts: {} } };
  };
  const target = (row: Float32Array, k: number) => row.reduce((sum, x, i) => sum + x * (i - k), 0);
  return {
    layout: flatLayout(lossOf().scope.specs()),
    lossOf,
    batch: (step, index) => {
      const random = randomOf(step * 64 + index);
      const rows = Array.from({ length: 8 }, () => Float32Array.from({ length: 4 }, () => random.range(-1, 1)));
      const x = Float32Array.from(rows.flatMap((row) => [...row]));
      const y = Float32Array.from(rows.flatMap((row) => [0, 1, 2].map((k) => target(row, k))));
      return Promise.resolve({ bucket: 'only', samples: 8, feeds: { x: tensor(x, [8, 4]), y: tensor(y, [8, 3]) } });
    },
  };
}

const options: LoopOptions = {
  ...loopDefaults,
  steps: 40,
  warmupSteps: 4,
  accumulation: 2,
  adam: { ...adamDefaults, learningRate: 0.2 },
};
let folder: string;
beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'tessera-loop-'))));
afterEach(() => rm(folder, { recursive: true }));

async function run(name: string, stopAfter?: number) {
  const task = regression();
  const run = await openRunFolder(join(folder, name));
  const random = randomOf(1);
  const state = await run.load(task.layout, () => random.next());
  const stop = new AbortController();
  const losses: number[] = [];
  // A matrix of three rows takes large steps: Muon's are scaled for wide ones.
  await train(
    task,
    run,
    { ...options, adam: { ...options.adam, learningRate: 0.5 } },
    {
      state,
      signal: stop.signal,
      onProgress: ({ step, loss }) => {
        losses.push(loss);
        if (step === stopAfter) stop.abort();
      },
    },
  );
  return { state, losses };
}

describe('the training loop', () => {
  it('learns', async () => {
    const { losses } = await run('learns');
    expect(losses).toHaveLength(40);
    expect(losses.at(-1)).toBeLessThan(losses[0]! / 10);
  });

  it('starts a fresh run from exported weights, and goes on with a run that has begun', async () => {
    const { state } = await run('source');
    const path = join(folder, 'exported.safetensors');
    await writeSafetensors(path, Object.entries(views(state.layout, state.ema)));
    const start = [await openSafetensors(path)];
    const fresh = await (await openRunFolder(join(folder, 'fresh'))).load(state.layout, () => 0.5, start);
    expect(fresh.parameters).toEqual(state.ema);
    expect(fresh.step).toBe(0);
    const begun = await (await openRunFolder(join(folder, 'source'))).load(state.layout, () => 0.5, start);
    expect(begun.parameters).toEqual(state.parameters);
  });

  it('does not go on with a run of another purpose', async () => {
    const { state } = await run('purpose');
    const refining = await openRunFolder(join(folder, 'purpose'), 'refine');
    await expect(refining.load(state.layout, () => 0.5)).rejects.toThrow(/another stage.*--run/);
    await refining.save(state);
    expect((await refining.load(state.layout, () => 0.5)).step).toBe(state.step);
  });

  it('ends with the same numbers whether or not it was stopped on the way', async () => {
    const whole = await run('whole');
    await run('parts', 13);
    const { state, losses } = await run('parts');
    expect(losses).toHaveLength(27);
    expect(state.step).toBe(40);
    for (const part of ['parameters', 'firstMoment', 'secondMoment', 'ema'] as const) {
      expect([...state[part]]).toEqual([...whole.state[part]]);
    }
  });

  it('writes its log as lines of JSON', async () => {
    const task = regression();
    const run = await openRunFolder(join(folder, 'log'));
    const state = await run.load(task.layout, () => 0.5);
    await train(task, run, { ...options, logEverySeconds: 0 }, { state });
    const lines = (await readFile(join(folder, 'log', 'log.jsonl'), 'utf8')).trim().split('\n');
    expect(lines).toHaveLength(40);
    const line = JSON.parse(lines[7]!) as Record<string, number>;
    expect(line).toMatchObject({ step: 8 });
    for (const key of ['loss', 'learningRate', 'gradientNorm', 'samplesPerSecond', 'gflops', 'cpuCores']) {
      expect(line[key], key).toEqual(expect.any(Number));
    }
  });

  it('warms up, holds and falls to zero', () => {
    const at = (step: number) =>
      learningRateAt(step, { ...options, steps: 1000, warmupSteps: 100, decayFraction: 0.5 });
    expect(at(0)).toBeCloseTo(0.002, 6);
    expect(at(300)).toBe(0.2);
    expect(at(750)).toBeCloseTo(0.1, 6);
    expect(at(1000)).toBe(0);
  });
});
