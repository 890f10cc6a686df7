import { describe, expect, test } from 'vitest';
import { type Caption, cuesOf, LEAST_SECONDS, readingSeconds } from '../../understanding/cues.ts';

const seen = (startSeconds: number, endSeconds: number, text: string): Caption => ({
  startSeconds,
  endSeconds,
  text,
  source: 'seen',
});
const heard = (start: number, end: number, text: string): Caption => ({ ...seen(start, end, text), source: 'heard' });
const shown = (captions: readonly Caption[], end: number) =>
  cuesOf(captions, end).map(({ startSeconds, endSeconds, lines }) => [startSeconds, endSeconds, lines.join(' ')]);

describe('cues', () => {
  test('of equal neighbours are one', () => {
    expect(shown([seen(0, 4, 'A dog.'), seen(4, 8, 'A  dog.'), seen(8, 12, 'A cat.')], 12)).toEqual([
      [0, 8, 'A dog.'],
      [8, 12, 'A cat.'],
    ]);
  });

  test('stay as long as it takes to read them; what ends meanwhile is passed over', () => {
    const long = 'A long sentence that nobody could read within a single second.';
    const cues = shown([seen(0, 1, long), seen(1, 2, 'A flash.'), seen(2, 9, 'The rest.')], 9);
    expect(cues).toEqual([
      [0, readingSeconds(long), long],
      [readingSeconds(long), 9, 'The rest.'],
    ]);
  });

  test('at the end leave no flash', () => {
    expect(shown([seen(0, 4, 'A dog.'), seen(4, 4.3, 'A cat.')], 4.3)).toEqual([[0, 4.3, 'A dog.']]);
  });

  test('of a film that is shorter than its caption last as long as it', () => {
    expect(shown([seen(0, 0.5, 'Something happens all of a sudden.')], 0.5)).toHaveLength(1);
  });

  test('of what is heard go first, and what is seen stands in brackets between', () => {
    const cues = shown([seen(0, 10, 'A man speaks.'), heard(2, 4, 'Good evening.'), heard(4.2, 6, 'It rains.')], 10);
    expect(cues).toEqual([
      [0, 2, '[A man speaks.]'],
      [2, 4, 'Good evening.'],
      [4.2, 6, 'It rains.'],
      [6, 10, '[A man speaks.]'],
    ]);
  });

  test('never overlap or flash, whatever is said', () => {
    let state = 1;
    const dice = (most: number): number => (state = (state * 48_271) % 2_147_483_647) % most;
    for (let film = 0; film < 50; film++) {
      const captions: Caption[] = [];
      let time = 0;
      while (time < 60) {
        const end = time + (1 + dice(40)) / 10;
        const text = 'word '.repeat(1 + dice(60)).trim();
        captions.push(dice(4) === 0 ? heard(time, end, text) : seen(time, end, text));
        time = end + (dice(3) === 0 ? dice(20) / 10 : 0);
      }
      const cues = cuesOf([...captions], time);
      for (const [i, cue] of cues.entries()) {
        expect(cue.endSeconds - cue.startSeconds).toBeGreaterThanOrEqual(LEAST_SECONDS * 0.99);
        if (i > 0) expect(cue.startSeconds).toBeGreaterThanOrEqual(cues[i - 1]!.endSeconds - 1e-9);
        for (const line of cue.lines) expect(line.length).toBeLessThanOrEqual(42);
      }
    }
  });
});
