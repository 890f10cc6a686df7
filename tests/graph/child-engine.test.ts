// The engine in a real child process: runs, kept tensors, errors across the border, cancelling, crashes, no orphans.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { add, input, matmul, parameter } from '../../graph/build.ts';
import { childEngine } from '../../graph/child-engine.ts';
import type { ChildEngine } from '../../graph/child-engine.ts';
import { compile } from '../../graph/compile.ts';
import { fetched } from '../../graph/engine.ts';
import type { Kept } from '../../graph/engine.ts';
import { ModelFileError, ShapeError } from '../../graph/errors.ts';
import { floats, tensor } from '../../graph/tensor.ts';
import { endless, endlessFeeds } from './endless.ts';

// One engine for all: it has to survive what is done to its processes.
let engine: ChildEngine;
beforeAll(async () => {
  engine = await childEngine({ threads: 1 });
});
afterAll(() => engine.close());

const one = tensor(Float32Array.of(1, 2), [2]);
const counting = compile({ outputs: { next: add(input('state', [2]), input('step', [2])) }, weights: 'inputs' });

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function waitFor(condition: () => boolean, timeoutMs = 30_000): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error('Waited in vain.');
    await sleep(20);
  }
}

describe('a child engine', () => {
  test('runs graphs in another process, while this one goes on', async () => {
    expect(engine.pid).not.toBe(process.pid);
    const session = await engine.open(counting);
    const result = await session.run({ state: one, step: one });
    expect([...floats(fetched(result, 'next'))]).toEqual([2, 4]);
    await session.release();
    await expect(session.run({ state: one, step: one })).rejects.toThrow('The session was released.');
  });

  test('keeps tensors between runs and sessions, until they are dropped', async () => {
    const [first, second] = [await engine.open(counting), await engine.open(counting)];
    const { next } = await first.run({ state: one, step: one }, { keep: ['next'] });
    expect(next).toMatchObject({ shape: [2] });
    const result = await second.run({ state: next!, step: next! });
    expect([...floats(fetched(result, 'next'))]).toEqual([4, 8]);
    engine.drop([next as Kept]);
    await expect(second.run({ state: next!, step: one })).rejects.toThrow(/dropped/);
  });

  test('raises errors of the same kind as in this process', async () => {
    const session = await engine.open(counting);
    await expect(session.run({ state: one })).rejects.toThrow(ShapeError);
    await expect(session.run({ state: one })).rejects.toThrow('Input step was not fed.');
    const stored = {
      path: '/no/such.safetensors',
      byteOffset: 0,
      byteLength: 16,
      dtype: 'float32',
      shape: [2, 2],
    } as const;
    const y = matmul(input('x', [2, 2]), parameter('w', [2, 2]));
    const opening = engine.open(compile({ outputs: { y }, weights: () => stored }));
    await expect(opening).rejects.toThrow(ModelFileError);
    await expect(opening).rejects.toThrow(/such\.safetensors/);
  });

  test('does not begin a run that is cancelled already', async () => {
    const session = await engine.open(endless);
    const running = session.run(endlessFeeds, { signal: AbortSignal.abort('reason') });
    await expect(running).rejects.toMatchObject({ name: 'JobFailedError', code: 'CANCELLED', cause: 'reason' });
  });
});

describe('ending the child', () => {
  test('by kill stops a run at once; the next open starts another', async () => {
    const [session, first] = [await engine.open(endless), engine.pid];
    const running = session.run(endlessFeeds);
    setTimeout(() => engine.kill(), 50);
    await expect(running).rejects.toMatchObject({ name: 'JobFailedError', code: 'CANCELLED' });
    await waitFor(() => !isAlive(first));
    const again = await engine.open(counting);
    expect(engine.pid).not.toBe(first);
    expect([...floats(fetched(await again.run({ state: one, step: one }), 'next'))]).toEqual([2, 4]);
    await expect(session.run(endlessFeeds)).rejects.toThrow(/session is lost.*stopped.*Open the graph again/);
  });

  test.each([
    ['SIGSEGV', /ended by SIGSEGV.*report/],
    ['SIGKILL', /ended by SIGKILL.*memory.*fewer frames/],
  ] as const)('by %s in a run is told, and survived', async (signal, message) => {
    const [session, counter, first] = [await engine.open(endless), await engine.open(counting), engine.pid];
    const { next } = await counter.run({ state: one, step: one }, { keep: ['next'] });
    const calls = [session.run(endlessFeeds), counter.run({ state: one, step: one })];
    setTimeout(() => process.kill(first, signal), 50);
    for (const call of await Promise.allSettled(calls)) {
      const reason: unknown = call.status === 'rejected' ? call.reason : undefined;
      expect(reason).toMatchObject({ name: 'JobFailedError', code: 'ENGINE_DIED' });
      expect((reason as Error).message).toMatch(message);
    }
    const again = await engine.open(counting);
    await again.run({ state: one, step: one }, { keep: ['next'] });
    await expect(again.run({ state: next!, step: one })).rejects.toThrow(/dropped or belongs to an engine that ended/);
  });

  test('while it idles is noticed at the next open', async () => {
    const [session, first] = [await engine.open(counting), engine.pid];
    process.kill(first, 'SIGKILL');
    await waitFor(() => !isAlive(first));
    await expect(session.run({ state: one, step: one })).rejects.toMatchObject({ code: 'ENGINE_DIED' });
    await engine.open(counting);
    expect(isAlive(engine.pid)).toBe(true);
  });

  test('by close rejects what is running, and all that follows', async () => {
    const other = await childEngine({ threads: 1 });
    const running = (await other.open(endless)).run(endlessFeeds);
    await Promise.all([expect(running).rejects.toMatchObject({ code: 'CANCELLED' }), other.close()]);
    expect(isAlive(other.pid)).toBe(false);
    await expect(other.open(counting)).rejects.toThrow('closed');
  });
});

describe('the child of a parent', () => {
  const parent = (task: 'endless' | 'idle') =>
    fork(fileURLToPath(new URL('./child-engine-parent.ts', import.meta.url)), [task], {
      execArgv: ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href],
    });

  test('that was killed in the middle of a run ends too', async () => {
    const between = parent('endless');
    const [pid] = (await once(between, 'message')) as [number];
    expect(isAlive(pid)).toBe(true);
    between.kill('SIGKILL');
    await waitFor(() => !isAlive(pid));
  });

  test('that has nothing more to do does not keep it from ending', async () => {
    const between = parent('idle');
    const [pid] = (await once(between, 'message')) as [number];
    expect(await once(between, 'exit')).toEqual([0, null]);
    await waitFor(() => !isAlive(pid));
  });
});
