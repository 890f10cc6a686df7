// What a wish names: things, how many, what they do, where, in which style, weather, view, colour and size. Read by the lexicon's
// phrases, the longest first, so that "under the stars" is a night and no star. Knows no expander.
import { type FactKind, isGrammar, longestPhrase, type Phrase, phrases, wordsOf } from './lexicon.ts';

export interface Fact extends Phrase {
  /** The words of the text. */
  readonly said: string;
  /** Place of the first word in the text, and behind the last. */
  readonly at: number;
  readonly end: number;
}

export interface Reading {
  readonly words: readonly string[];
  /** In the order of the text. */
  readonly facts: readonly Fact[];
  /** Words that say something, but nothing that the lexicon has; each once. */
  readonly unknown: readonly string[];
}

/** Travel of no said direction, and the motions that it may be. */
const GOING: readonly string[] = ['left', 'right', 'zigzag', 'circle', 'rise', 'fall'];
/** Motions whose direction is a detail: "in a zigzag to the right". */
const TURNING: readonly string[] = ['zigzag', 'spin', 'circle'];

/** Reads a text. Equal facts that are said twice stand twice. */
export function readFacts(text: string): Reading {
  const words = wordsOf(text);
  const taken = new Array<boolean>(words.length).fill(false);
  const found: Fact[] = [];
  for (let length = longestPhrase; length > 0; length--) {
    for (let at = 0; at + length <= words.length; at++) {
      const said = words.slice(at, at + length).join(' ');
      const phrase = phrases.get(said);
      if (phrase === undefined || taken.slice(at, at + length).includes(true)) continue;
      taken.fill(true, at, at + length);
      found.push({ ...phrase, said, at, end: at + length });
    }
  }
  const facts = settled(found.sort((a, b) => a.at - b.at));
  const unknown = words.filter((word, i) => !taken[i] && !isGrammar(word));
  return { words, facts, unknown: [...new Set(unknown)] };
}

/** The meanings of one kind, each once, in the order of the text. */
export function meant(facts: readonly Fact[], kind: FactKind): readonly string[] {
  return [...new Set(facts.filter((fact) => fact.kind === kind).map(({ means }) => means))];
}

/** How many are wished for, where that is more than one of a kind. */
export function isSeveral(facts: readonly Fact[]): boolean {
  const counts = meant(facts, 'count');
  return counts.length > 0 ? !counts.includes('1') : facts.some(({ isPlural }) => isPlural);
}

/** Whether a motion is what was wished for, or one way of it. */
export const isMotion = (shown: string, wished: string): boolean =>
  shown === wished || (wished === 'go' && GOING.includes(shown));

/** What single phrases cannot tell: a colour from a fruit, a direction from a detail of another motion, "from above" from a relation. */
function settled(facts: readonly Fact[]): readonly Fact[] {
  const coloured = facts.map((fact, i): Fact => {
    const next = facts[i + 1];
    const isColour = fact.said === 'orange' && next?.kind === 'thing' && next.at === fact.end;
    return isColour ? { ...fact, kind: 'colour', means: 'orange' } : fact;
  });
  const motions = meant(coloured, 'motion');
  const isTurning = motions.some((one) => TURNING.includes(one));
  const isDetail = ({ kind, means }: Fact): boolean =>
    kind === 'motion' &&
    ((means === 'go' && motions.some((one) => GOING.includes(one))) ||
      (isTurning && (means === 'left' || means === 'right')));
  const isAlone = meant(coloured, 'thing').length < 2;
  return coloured.filter((fact) => !isDetail(fact) && !(isAlone && fact.kind === 'relation'));
}
