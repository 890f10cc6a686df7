// A prompt that says what a picture shows: its thing and place in the place of the prompt's own, or only where the prompt names none.
import { firstSentence } from './check.ts';
import { type Fact, readFacts } from './facts.ts';
import { type FactKind, withArticle, wordSpans } from './lexicon.ts';
import type { Likeness, ReadableWords } from './read-picture.ts';

/** Words for no thing in particular, with their article. */
const ANYTHING =
  /\b(?:(?:an?|the|this|that|some)\s+)?(?:something|somebody|someone|anything|it|he|she|they|this|that|thing|object|animal|creature|figure)\b/i;
/** Before words for a place that begin so, nothing else need stand. */
const INSIDE = /^(on|in|at|under|over|above|among|deep|underwater)\b/;

/** The prompt with the picture's thing and place for what it says of either. */
export function promptOfLikeness(prompt: string, { thing, place }: Likeness, words: ReadableWords): string {
  const withThing = sayThing(prompt, thing);
  return place === undefined ? withThing : sayPlace(withThing, place, words);
}

/** The prompt, and behind what it leaves open, what the picture shows. */
export function openFilled(prompt: string, { thing, place }: Partial<Likeness>, words: ReadableWords): string {
  const withThing = thing !== undefined && factsOf(prompt, 'thing').length === 0 ? sayThing(prompt, thing) : prompt;
  return place === undefined || factsOf(prompt, 'place').length > 0 ? withThing : sayPlace(withThing, place, words);
}

const factsOf = (text: string, kind: FactKind): readonly Fact[] =>
  readFacts(text).facts.filter((fact) => fact.kind === kind);

function sayThing(prompt: string, thing: string): string {
  const [own, ...others] = factsOf(prompt, 'thing');
  const isOwn = (fact: Fact): boolean => fact.means === own?.means;
  const words = { said: thing, withArticle: withArticle(thing) };
  if (own !== undefined)
    return replaced(
      prompt,
      [own, ...others.filter(isOwn)].map((fact) => ({ ...fact, ...words })),
    );
  if (ANYTHING.test(prompt)) return prompt.replace(ANYTHING, words.withArticle);
  const { unknown, words: all } = readFacts(prompt);
  const at = all.indexOf(unknown[0] ?? '');
  return at < 0 ? `${words.withArticle} ${prompt}` : replaced(prompt, [{ at, end: at + 1, ...words }]);
}

function sayPlace(prompt: string, place: string, { places }: ReadableWords): string {
  const inside = places.get(place) ?? place;
  const own = factsOf(prompt, 'place').map((fact) => ({ ...fact, said: INSIDE.test(fact.said) ? inside : place }));
  if (own.length > 0) return replaced(prompt, own);
  const sentence = firstSentence(prompt);
  return `${sentence} ${inside}${prompt.trim().slice(sentence.length)}`;
}

interface OtherWords extends Pick<Fact, 'at' | 'end' | 'said'> {
  /** Where an article stands right before. */
  readonly withArticle?: string;
}

/** Other words for some of a text's, in its order. */
function replaced(text: string, others: readonly OtherWords[]): string {
  const spans = wordSpans(text);
  return others.reduceRight((result, { at, end, said, withArticle: whole }) => {
    const [before, first, last] = [spans[at - 1], spans[at]!, spans[end - 1]!];
    const hasArticle = whole !== undefined && before !== undefined && /^(an?|one)$/i.test(text.slice(...before));
    return result.slice(0, hasArticle ? before[0] : first[0]) + (hasArticle ? whole : said) + result.slice(last[1]);
  }, text);
}
