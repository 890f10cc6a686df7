// The engine in this process: feeds, kept tensors, errors of a run.
import { afterAll, describe, expect, test } from 'vitest';
import { add, expand, gather, input, sum } from '../../graph/build.ts';
import { compile } from '../../graph/compile.ts';
import { fetched, isKept, localEngine } from '../../graph/engine.ts';
import type { Kept } from '../../graph/engine.ts';
import { ShapeError } from '../../graph/errors.ts';
import { floats, int32Tensor, tensor } from '../../graph/tensor.ts';

const engine = localEngine({ threads: 1 });
afterAll(() => engine.close());

const one = tensor(Float32Array.of(1, 2), [2]);
const counting = compile({ outputs: { next: add(input('state', [2]), input('step', [2])) }, weights: 'inputs' });

describe('kept tensors', () => {
  test('stay in the engine and feed its other sessions, until they are dropped', async () => {
    const [first, second] = [await engine.open(counting), await engine.open(counting)];
    const { next } = await first.run({ state: one, step: one }, { keep: ['next'] });
    expect(isKept(next!) && next.shape).toEqual([2]);
    expect(() => fetched({ next: next! }, 'next')).toThrow(/kept/);
    const result = await second.run({ state: next!, step: next! });
    expect([...floats(fetched(result, 'next'))]).toEqual([4, 8]);
    engine.drop([next as Kept]);
    await expect(second.run({ state: next!, step: one })).rejects.toThrow(/dropped/);
  });

  test('outlive the session that made them', async () => {
    const first = await engine.open(counting);
    const { next } = await first.run({ state: one, step: one }, { keep: ['next'] });
    await first.release();
    const result = await (await engine.open(counting)).run({ state: next!, step: one });
    expect([...floats(fetched(result, 'next'))]).toEqual([3, 6]);
  });
});

describe('a run', () => {
  test('refuses feeds that are missing or of another shape or type', async () => {
    const session = await engine.open(counting);
    await expect(session.run({ state: one })).rejects.toThrow('Input step was not fed.');
    await expect(session.run({ state: one, step: tensor(new Float32Array(3), [3]) })).rejects.toThrow(
      'Input step is float32 [2], was fed float32 [3].',
    );
    await expect(session.run({ state: one, step: int32Tensor([1, 2], [2]) })).rejects.toThrow(ShapeError);
  });

  test('that needs more memory than there is says what to do', async () => {
    const y = sum(expand(input('x', [1, 1]), [2 ** 24, 2 ** 24]), [0, 1]);
    const session = await engine.open(compile({ outputs: { y }, weights: 'inputs' }));
    const running = session.run({ x: tensor(new Float32Array(1), [1, 1]) });
    await expect(running).rejects.toMatchObject({
      name: 'JobFailedError',
      code: 'OUT_OF_MEMORY',
      message: expect.stringMatching(/smaller width/) as string,
    });
  });

  test("that fails inside the runtime keeps the runtime's reason", async () => {
    const row = gather(input('table', [2, 1]), input('ids', [1], 'int32'));
    const session = await engine.open(compile({ outputs: { row }, weights: 'inputs' }));
    const running = session.run({ table: tensor(Float32Array.of(1, 2), [2, 1]), ids: int32Tensor([9], [1]) });
    await expect(running).rejects.toMatchObject({
      code: 'RUN_FAILED',
      message: expect.stringMatching(/idx=9/) as string,
    });
  });
});
