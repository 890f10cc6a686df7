// What the captioner that comes along says of unseen clips of the world, by ground truth. Of so few, one clip is three points of those
// with one actor; `tessera eval --captioner 200` asks more of it.
import { expect, test } from 'vitest';
import { evaluateCaptioner } from '../../training/evaluate-captioner.ts';

test('names who does what where, both of two, and invents nobody', { timeout: 300_000 }, async () => {
  const { noun, motion, place, noSecond, both, answers } = await evaluateCaptioner('models/nano', { clips: 40, threads: 1 }); // prettier-ignore
  const percent = { noun, motion, place, noSecond, both, answers };
  const least = { noun: 90, motion: 85, place: 97, noSecond: 95, both: 50, answers: 85 };
  for (const name of ['noun', 'motion', 'place', 'noSecond', 'both', 'answers'] as const) {
    expect(percent[name].percent, name).toBeGreaterThanOrEqual(least[name]);
  }
});
