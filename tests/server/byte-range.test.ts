import { describe, expect, it } from 'vitest';
import { parseRange } from '../../server/byte-range.ts';

describe('parseRange', () => {
  it.each([
    [null, 'all'],
    ['bytes=0-0', { start: 0, end: 0 }],
    ['bytes=2-', { start: 2, end: 9 }],
    ['bytes=2-99', { start: 2, end: 9 }],
    ['bytes=-3', { start: 7, end: 9 }],
    ['bytes=-99', { start: 0, end: 9 }],
    ['bytes=-0', 'none'],
    ['bytes=10-', 'none'],
    ['bytes=5-2', 'all'],
    ['bytes=-', 'all'],
    ['bytes=0-1,3-4', 'all'],
    ['lines=0-1', 'all'],
    ['bytes=a-b', 'all'],
  ] as const)('of %s in ten bytes', (header, range) => {
    expect(parseRange(header, 10)).toEqual(range);
  });
});
