import { describe, expect, it } from 'vitest';
import { Estimator } from '../../jobs/progress.ts';

const work = { clips: 1, steps: 10, frames: 5, decodeSteps: 2, isUneven: false };

describe('Estimator', () => {
  it('says nothing before two steps were measured', () => {
    const estimator = new Estimator(work);
    estimator.stepTook(9);
    expect(estimator.remainingSeconds({ clip: 1, step: 1, frames: 0 })).toBeUndefined();
  });

  it('leaves out the first step, which warms up, and counts decoding by its arithmetic', () => {
    const estimator = new Estimator(work);
    [9, 1].forEach((seconds) => estimator.stepTook(seconds));
    expect(estimator.remainingSeconds({ clip: 1, step: 2, frames: 0 })).toBe(8 + 2);
  });

  it('is not misled by a single slow step', () => {
    const estimator = new Estimator(work);
    [9, 1, 1, 30, 1].forEach((seconds) => estimator.stepTook(seconds));
    expect(estimator.remainingSeconds({ clip: 1, step: 5, frames: 0 })).toBe(5 + 2);
  });

  it('counts decoded frames and later clips, whose decoding it knows from the first', () => {
    const estimator = new Estimator({ ...work, clips: 3 });
    [9, 1].forEach((seconds) => estimator.stepTook(seconds));
    expect(estimator.remainingSeconds({ clip: 1, step: 10, frames: 5 })).toBe(2 * 12);
    estimator.decodeTook(4);
    expect(estimator.remainingSeconds({ clip: 2, step: 0, frames: 0 })).toBe(2 * 14);
    expect(estimator.remainingSeconds({ clip: 3, step: 10, frames: 5 })).toBe(0);
  });
});
