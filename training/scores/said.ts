// What a text of the world's own words says: which things, which motion, which place. Of phrases that fit, the longest counts, so
// that "moves in a circle" is no travel. Knows nothing of pixels.
import { DIRECTIONS, MOTION_VERBS, PLACE_PHRASES, SPIN_DIRECTIONS, TRAVEL_VERBS } from '../world/phrases.ts';
import { wordsOf } from '../world/captions.ts';
import { MOTION_ANSWERS, PLACE_ANSWERS } from '../world/questions.ts';
import { NOUNS, PLAIN_COLOUR_NAMES, type Motion, type Place } from '../world/vocabulary.ts';

interface Phrase<T> {
  /** In lower case, a space before and behind. */
  readonly words: string;
  readonly means: T;
}

const spaced = (text: string): string => ` ${wordsOf(text).join(' ')} `;
const phrase = <T>(text: string, means: T): Phrase<T> => ({ words: spaced(text), means });
const longestFirst = <T>(phrases: readonly Phrase<T>[]): readonly Phrase<T>[] =>
  [...phrases].sort((a, b) => b.words.length - a.words.length);

const nounPhrases = longestFirst(
  NOUNS.flatMap(({ name, synonyms }) => [name, ...synonyms].map((word) => phrase(word, name))),
);

const motionPhrases = longestFirst<Motion>([
  ...Object.entries(MOTION_VERBS).flatMap(([motion, verbs]) =>
    verbs.flatMap(({ base, third, gerund, rest }) =>
      [base, third, gerund].map((form) => phrase(`${form} ${rest}`, motion as Motion)),
    ),
  ),
  ...(['left', 'right'] as const).flatMap((motion) =>
    Object.values(TRAVEL_VERBS).flatMap((verbs) =>
      verbs.flatMap(({ base, third, gerund }) =>
        [base, third, gerund].flatMap((form) => DIRECTIONS[motion].map((way) => phrase(`${form} ${way}`, motion))),
      ),
    ),
  ),
  ...Object.values(SPIN_DIRECTIONS).map((way) => phrase(way, 'spin' as const)),
  ...Object.entries(MOTION_ANSWERS).map(([motion, answer]) => phrase(answer.replace('it ', ''), motion as Motion)),
]);

const placePhrases = longestFirst<Place>([
  ...Object.entries(PLACE_PHRASES).flatMap(([place, { inside, tag }]) =>
    [...inside, ...tag].flatMap((text) =>
      text.includes('{colour}')
        ? PLAIN_COLOUR_NAMES.map((colour) => phrase(text.replace('{colour}', colour), place as Place))
        : [phrase(text, place as Place)],
    ),
  ),
  ...Object.entries(PLACE_ANSWERS)
    .filter(([place]) => place !== 'plain')
    .map(([place, text]) => phrase(text, place as Place)),
]);

/** Distinct things that a text names, in their order. A longer name hides the shorter ones within it. */
export function nounsIn(text: string): readonly string[] {
  let left = spaced(text);
  const found: { readonly at: number; readonly noun: string }[] = [];
  for (const { words, means } of nounPhrases) {
    for (let at = left.indexOf(words); at >= 0; at = left.indexOf(words)) {
      found.push({ at, noun: means });
      left = left.slice(0, at + 1) + '#'.repeat(words.length - 2) + left.slice(at + words.length - 1);
    }
  }
  return [...new Set(found.sort((a, b) => a.at - b.at).map(({ noun }) => noun))];
}

/** The motion that is said first, as what a clip does stands before where it does it: "spins ... in falling snow". */
export function motionIn(text: string): Motion | undefined {
  const words = spaced(text);
  const found = motionPhrases.map(({ words: said, means }) => ({ at: words.indexOf(said), means })).filter(({ at }) => at >= 0); // prettier-ignore
  return found.sort((a, b) => a.at - b.at)[0]?.means; // stable: of those at one place, the longest
}

/** The place of the longest phrase. */
export function placeIn(text: string): Place | undefined {
  const words = spaced(text);
  return placePhrases.find((one) => words.includes(one.words))?.means;
}
