import { expect, it } from 'vitest';
import { fuseRanks } from '../../jobs/fuse-ranks.ts';

it('sums 1 / (60 + rank), so that what both rankings have comes first', () => {
  const fused = fuseRanks([
    [7, 3],
    [5, 3, 9],
  ]);
  expect(fused.map(({ id }) => id)).toEqual([3, 7, 5, 9]);
  expect(fused[0]!.score).toBeCloseTo(1 / 62 + 1 / 62, 12);
  expect(fused[1]!.score).toBeCloseTo(1 / 61, 12);
});

it('of nothing is nothing', () => {
  expect(fuseRanks([[], []])).toEqual([]);
});
