// Whether an expansion still says what was wished: no named thing, count, motion, place, style, weather, view, colour or size may be
// missing or another. Expanders invent the rest, so only the first sentence, which says what happens, is held to it word by word.
import { type Fact, isMotion, isSeveral, meant, readFacts, type Reading } from './facts.ts';
import type { FactKind } from './lexicon.ts';
import { wordsOf } from './lexicon.ts';

export interface CheckOptions {
  /** For a model that shows the lexicon's things alone: nothing else may act, and the nearest of its things may stand for others. */
  readonly onlyKnown: boolean;
}

/** Kinds that an expansion must repeat wherever it likes. */
const repeated = ['style', 'weather', 'camera', 'colour', 'size', 'relation'] as const satisfies readonly FactKind[];

/** What is wrong with an expansion, in words; empty when it is right. */
export function problemsOf(wish: string, expansion: string, { onlyKnown }: CheckOptions): readonly string[] {
  const [asked, all] = [readFacts(wish), readFacts(expansion)];
  const first = readFacts(firstSentence(expansion));
  const problems = [
    ...missing(asked, all, 'thing', onlyKnown),
    ...missing(asked, all, 'place', onlyKnown),
    ...repeated.flatMap((kind) => missing(asked, all, kind, onlyKnown)),
    ...motionProblems(asked.facts, first.facts, all.facts),
  ];
  if (isSeveral(asked.facts) !== isSeveral(first.facts)) problems.push('another number of things');
  if (!onlyKnown) return [...problems, ...lostWords(asked, all)];
  return [...problems, ...added(asked.facts, first.facts, 'thing'), ...added(asked.facts, first.facts, 'place')];
}

export const firstSentence = (text: string): string => /^[^.!?]*/.exec(text.trim())![0];

function missing(asked: Reading, all: Reading, kind: FactKind, onlyKnown: boolean): string[] {
  const there = meant(all.facts, kind);
  const isThere = ({ means, isNear, said }: Fact): boolean =>
    isNear && !onlyKnown ? hasWords(all, said) : there.includes(means);
  const lost = asked.facts.filter((fact) => fact.kind === kind && !isThere(fact));
  return [...new Set(lost.map(({ said }) => `"${said}" is missing`))];
}

function added(asked: readonly Fact[], first: readonly Fact[], kind: FactKind): string[] {
  const wished = meant(asked, kind);
  if (wished.length === 0) return meant(first, kind).length > 1 ? [`several ${kind}s are invented`] : [];
  return meant(first, kind).filter((one) => !wished.includes(one)).map((one) => `"${one}" is invented`); // prettier-ignore
}

/** Motions are told in the first sentence, or later by those who write long. */
function motionProblems(asked: readonly Fact[], first: readonly Fact[], all: readonly Fact[]): string[] {
  const wished = meant(asked, 'motion');
  const [shown, anywhere] = [meant(first, 'motion'), meant(all, 'motion')];
  const lost = wished.filter((one) => !anywhere.some((other) => isMotion(other, one) || other === one));
  const isOther = wished.length > 0 && shown.length > 0 && !wished.some((one) => isMotion(shown[0]!, one));
  return [...lost.map((one) => `the motion "${one}" is missing`), ...(isOther ? [`"${shown[0]!}" is another motion`] : [])]; // prettier-ignore
}

/** Words that the lexicon does not know are kept as they are, by those who know more. */
const lostWords = (asked: Reading, all: Reading): string[] =>
  asked.unknown.filter((word) => !hasWords(all, word)).map((word) => `"${word}" is missing`);

/** Whether a text has these words, or forms of them. */
function hasWords({ words }: Reading, said: string): boolean {
  const stem = (word: string): string => word.replace(/(ing|ed|es|s|e|ly)$/, '');
  const there = new Set(words.map(stem));
  return wordsOf(said).every((word) => there.has(stem(word)));
}
