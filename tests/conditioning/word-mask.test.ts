import { describe, expect, it } from 'vitest';
import { wordMask } from '../../conditioning/text-states.ts';
import { tensor } from '../../graph/tensor.ts';

describe('wordMask', () => {
  it('tells states from the zero vectors behind them', () => {
    const states = tensor(Float32Array.of(1, 0, 0, -2, 0, 0, 0, 0, 0, 3, 0, 0), [2, 3, 2]);
    expect(wordMask(states)).toEqual(tensor(Float32Array.of(1, 1, 0, 0, 1, 0), [2, 3]));
  });
});
