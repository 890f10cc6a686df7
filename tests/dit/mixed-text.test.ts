// Two texts at once: shares multiply weights of attention.
import { expect, it } from 'vitest';
import { maskOfShare } from '../../dit/context.ts';
import { mixedText } from '../../dit/mixed-text.ts';
import { tensor } from '../../graph/tensor.ts';

const states = (value: number) => tensor(new Float32Array(4).fill(value), [1, 2, 2]);
const mask = tensor(Float32Array.of(1, 0), [1, 2]);
/** What the transformer adds to the scores, exponentiated. */
const weightsOf = (values: ArrayLike<number>): number[] => Array.from(values, (value) => Math.exp((value - 1) * 1e4));

it('stand side by side, each weighed by its share, and padding by nothing', () => {
  const { text, textMask } = mixedText([states(1), mask], [states(2), mask], 0.25);
  expect([text.shape, textMask.shape]).toEqual([
    [1, 4, 2],
    [1, 4],
  ]);
  expect([...(text.data as Float32Array)]).toEqual([1, 1, 1, 1, 2, 2, 2, 2]);
  const [one, padding, other, more] = weightsOf(textMask.data as Float32Array);
  expect(one).toBeCloseTo(0.75, 3);
  expect(other).toBeCloseTo(0.25, 3);
  expect([padding, more]).toEqual([0, 0]);
});

it('have the first alone where there is no other, or its share is nothing', () => {
  const alone = mixedText([states(1), mask], undefined, 0.5);
  expect([...(alone.textMask.data as Float32Array)]).toEqual([1, 0, 0, 0]);
  expect([maskOfShare(0), maskOfShare(1)]).toEqual([0, 1]);
});
