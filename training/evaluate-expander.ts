// How well an expander does on wishes that people might type, written by hand (wishes.json), none by the grammar of captions: whether its
// captions say what each wish names, by labels that were written with them.
import { firstSentence } from '../expansion/check.ts';
import { expandWish } from '../expansion/expand-wish.ts';
import type { Expander } from '../expansion/expander.ts';
import { isMotion, meant, readFacts } from '../expansion/facts.ts';
import { share, type Share } from './scores/summary.ts';
import lines from './wishes.json' with { type: 'json' };

/** A wish, and what it names; an empty motion is one that is left open. */
export interface Wish {
  readonly wish: string;
  readonly thing: string;
  readonly motion: string;
  readonly place: string;
}

/** The hand-written wishes, in an order in which the first of them are of many kinds. */
export function handWrittenWishes(): readonly Wish[] {
  const all = lines.map((line): Wish => {
    const [wish = '', thing = '', motion = '', place = ''] = line.split('|').map((part) => part.trim());
    return { wish, thing, motion, place };
  });
  return all.map((_, i) => all[(i * 5) % all.length]!); // 5 does not divide their number
}

export interface ExpanderScores {
  /** Expanded, with the thing, motion and place of the labels. */
  readonly accepted: Share;
  /** At the first attempt. */
  readonly atOnce: Share;
  readonly each: readonly { readonly wish: Wish; readonly text: string; readonly problem: string | undefined }[];
}

/** Expands the first so many wishes. */
export async function judgeExpander(expander: Expander, count: number, seed = 0): Promise<ExpanderScores> {
  const wishes = handWrittenWishes().slice(0, count);
  const each: { wish: Wish; text: string; problem: string | undefined; atOnce: boolean }[] = [];
  for (const wish of wishes) {
    const { text, isExpanded, problem, attempts } = await expandWish(wish.wish, expander, { seed, style: 'world' });
    const isRight = isExpanded && says(text, wish);
    each.push({
      wish,
      text,
      problem: isRight ? undefined : (problem ?? 'other facts'),
      atOnce: isRight && attempts === 1,
    });
  }
  return {
    accepted: share(each.map(({ problem }) => problem === undefined)),
    atOnce: share(each.map(({ atOnce }) => atOnce)),
    each,
  };
}

function says(text: string, { thing, motion, place }: Wish): boolean {
  const { facts } = readFacts(firstSentence(text));
  const [things, motions, places] = (['thing', 'motion', 'place'] as const).map((kind) => meant(facts, kind));
  const isMoving = motion === '' || isMotion(motions![0] ?? '', motion);
  return things!.length === 1 && things![0] === thing && isMoving && places!.length === 1 && places![0] === place;
}
