// Expands a wish and holds the expander to it: what loses or changes something that was named is asked for again, from another seed and
// in plainer words, and if that helps nothing, the wish stays as it is. Nothing fails here but what the expander itself cannot do.
import { problemsOf } from './check.ts';
import type { CaptionStyle, Expander } from './expander.ts';
import { type Fact, meant, readFacts } from './facts.ts';
import { type FactKind, withArticle } from './lexicon.ts';

export interface Expansion {
  /** The caption, or the wish as it was. */
  readonly text: string;
  readonly isExpanded: boolean;
  /** Why the wish stayed as it was. */
  readonly problem?: string;
  /** How often the expander was asked. */
  readonly attempts: number;
}

export interface ExpandOptions {
  readonly seed: number;
  readonly style: CaptionStyle;
  readonly signal?: AbortSignal | undefined;
}

const ATTEMPTS = 3;

export async function expandWish(wish: string, expander: Expander, options: ExpandOptions): Promise<Expansion> {
  const onlyKnown = options.style === 'world';
  const { facts, unknown } = readFacts(wish);
  const asIs = (problem: string, attempts: number): Expansion => ({ text: wish, isExpanded: false, problem, attempts });
  if (onlyKnown && !facts.some(({ kind }) => kind === 'thing') && unknown.length > 0)
    return asIs(`it names nothing that is known, but ${quoted(unknown)}`, 0);
  const wished = onlyKnown ? withWords(wish, (fact) => (fact.isNear ? fact.means : fact.said)) : wish;
  const plainer = onlyKnown ? [withWords(wish, plainWord), withWords(wish, plainestWord)] : [wish, wish];
  let problems: readonly string[] = [];
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const seed = options.seed + attempt;
    const written = await expander.write([wished, ...plainer][attempt]!, { seed, signal: options.signal });
    const text = captionIn(written);
    problems = text === '' ? ['nothing was written'] : problemsOf(wish, text, { onlyKnown });
    if (problems.length === 0) return { text, isExpanded: true, attempts: attempt + 1 };
  }
  return asIs(problems.join(', '), ATTEMPTS);
}

const quoted = (words: readonly string[]): string => words.map((word) => `"${word}"`).join(', ');

/** The wish with other words for its facts. */
function withWords(wish: string, wordsFor: (fact: Fact) => string): string {
  const { words, facts } = readFacts(wish);
  const changed = facts.filter((fact) => wordsFor(fact) !== fact.said);
  if (changed.length === 0) return wish;
  const parts: string[] = [...words];
  for (const fact of changed) {
    parts.fill('', fact.at, fact.end);
    parts[fact.at] = wordsFor(fact);
  }
  return parts.filter((part) => part !== '').join(' ');
}

const plainKinds: readonly FactKind[] = ['thing', 'style', 'colour', 'size'];

/** The lexicon's own word, for what is said by one. */
const plainWord = ({ kind, means, said, isNear }: Fact): string => (isNear || plainKinds.includes(kind) ? means : said);

/** The same for all that a meaning stands for. */
const plainestWord = (fact: Fact): string => (['thing', 'motion', 'place', 'weather'].includes(fact.kind) && fact.means !== 'plain' ? fact.means : plainWord(fact)); // prettier-ignore

/** The caption alone: models that talk put it into quotes, lines or thoughts. */
function captionIn(written: string): string {
  const said = written.replace(/<think>[\s\S]*?(<\/think>|$)/g, '').replace(/\s+/g, ' ').trim(); // prettier-ignore
  return said.replace(/^\**(expanded |detailed )?(caption|prompt)\**:\s*/i, '').replace(/^["“'](.*)["”']$/s, '$1').trim(); // prettier-ignore
}

/** What the user should know of an expansion in the words of nano's world: things that stand for others. */
export function nearestNotices(wish: string, model: string): readonly string[] {
  const near = readFacts(wish).facts.filter(({ isNear }) => isNear);
  return [
    ...new Set(near.map(({ said, kind, means }) => `${model} knows no "${said}"; showing ${shown(kind, means)}.`)),
  ];
}

/** Of a wish for several of a kind, or for more than two things: nano's world has neither. */
export function countNotices(wish: string, model: string): readonly string[] {
  const { facts, words } = readFacts(wish);
  const things = facts.filter(({ kind }) => kind === 'thing');
  const counts = facts.filter(({ kind, means }) => kind === 'count' && means !== '1');
  const counted = things.flatMap((thing) => {
    const count = counts.find(({ end }) => things.find(({ at }) => at >= end) === thing && thing.at - end <= ADJECTIVES); // prettier-ignore
    const said = words.slice(count?.at ?? thing.at, thing.end).join(' ');
    return count !== undefined || thing.isPlural ? [`"${said}"`] : [];
  });
  const kinds = meant(facts, 'thing');
  const asked = counted.length > 0 ? [...new Set(counted)] : kinds.length > 2 ? kinds : [];
  if (asked.length === 0) return [];
  return [`${model} shows one thing, at most two of different kinds, and does not count: ${asked.join(', ')} will be fewer.`]; // prettier-ignore
}

/** At most so many words between a number and what is counted. */
const ADJECTIVES = 2;

function shown(kind: FactKind, means: string): string {
  if (kind === 'thing') return withArticle(means);
  return kind === 'place' ? `the place "${means}"` : `"${means}"`;
}
