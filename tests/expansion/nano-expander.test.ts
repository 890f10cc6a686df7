// The expander that ships with nano: what people wish for is in the captions that it writes.
import { expect, it } from 'vitest';
import { openExpanderFolder, openNanoExpander } from '../../expansion/nano-expander.ts';
import { localEngine } from '../../graph/engine.ts';
import { judgeExpander } from '../../training/evaluate-expander.ts';

/** A quarter of the wishes that were written by hand, of all kinds. */
const WISHES = 50;

it('keeps thing, motion and place of nearly all wishes', { timeout: 240_000 }, async () => {
  const engine = localEngine({ threads: 1 });
  const expander = await openNanoExpander(engine, await openExpanderFolder('models/nano/expander'));
  const { each } = await judgeExpander(expander, WISHES);
  await engine.close();
  const lost = each.flatMap(({ wish, text, problem }) => (problem === undefined ? [] : [{ ...wish, text, problem }]));
  expect(each).toHaveLength(WISHES);
  expect(lost.length, JSON.stringify(lost)).toBeLessThanOrEqual(0.05 * WISHES);
});
