// The words by which people say what nano's world can show, read from lexicon.json: for each meaning, words that mean just that, and
// behind a bar words for other things, whose nearest it is. Forms of verbs and plurals are made here. Knows no grammar beyond that.
import lexicon from './lexicon.json' with { type: 'json' };

export const factKinds = ['thing', 'motion', 'place', 'style', 'weather', 'camera', 'colour', 'size', 'relation', 'count'] as const; // prettier-ignore
export type FactKind = (typeof factKinds)[number];

/** Words that say one thing. */
export interface Phrase {
  readonly kind: FactKind;
  /** In the lexicon's own word: "kitty" means cat. */
  readonly means: string;
  /** They name another thing, and this is the nearest: "bicycle" for motorcycle. */
  readonly isNear: boolean;
  /** They name more than one. */
  readonly isPlural: boolean;
}

type Table = Readonly<Record<FactKind, Readonly<Record<string, string>>>>;
const { plain, ...table }: { plain: string } & Table = lexicon;

const WORD = /[\p{L}\p{N}]+(?:['’-][\p{L}\p{N}]+)*/gu;

/** Lower-case words; hyphens and apostrophes inside words stay. */
export function wordsOf(text: string): readonly string[] {
  return text.toLowerCase().match(WORD) ?? [];
}

/** Where each word begins and ends in the text. */
export const wordSpans = (text: string): readonly (readonly [number, number])[] =>
  [...text.matchAll(WORD)].map(({ 0: word, index }) => [index, index + word.length]);

/** Words that carry no fact by themselves. */
export const grammarWords: ReadonlySet<string> = new Set(plain.split(' '));

/** Whether a word carries no fact by itself. */
export const isGrammar = (word: string): boolean => grammarWords.has(word) || /^\d+$/.test(word);

/** The meanings of a kind, in the lexicon's order. */
export const meaningsOf = (kind: FactKind): readonly string[] => Object.keys(table[kind]);

/** "a cat", "an apple", "cherries". */
export function withArticle(thing: string): string {
  if (/^(cherries|grapes|fries|corn|broccoli|sun|moon|earth)$/.test(thing)) return thing;
  return `${/^[aeio]/i.test(thing) ? 'an' : 'a'} ${thing}`;
}

/** What is said for a meaning, itself first; without words for other things. */
export function synonymsOf(kind: FactKind, meaning: string): readonly string[] {
  const [same = ''] = (table[kind][meaning] ?? '').split('|');
  return [meaning, ...listed(same)];
}

const listed = (text: string): readonly string[] => text.split(',').map((one) => one.trim()).filter((one) => one !== ''); // prettier-ignore

/** Doubled before -ing and -ed: hop, spin, zigzag; not row, fix, play. */
const DOUBLES = /^(?:zig|[^aeiou]*)[^aeiou]*[aeiou][bdgklmnprt]$/;

/** A verb's third person, gerund and regular past. */
export function verbForms(base: string): readonly string[] {
  const third = /(s|sh|ch|x|z|o)$/.test(base) ? `${base}es` : base.replace(/([^aeiou])y$/, '$1ie') + 's';
  const stem = DOUBLES.test(base) ? base + base.at(-1)! : base;
  const gerund = /ie$/.test(base) ? base.replace(/ie$/, 'ying') : `${stem.replace(/([^eo])e$/, '$1')}ing`;
  const past = /e$/.test(base) ? `${base}d` : `${stem.replace(/([^aeiou])y$/, '$1i')}ed`;
  return [third, gerund, past];
}

function pluralOf(words: string): string {
  if (/(s|sh|ch|x|z|[^aeiou]o)$/.test(words)) return `${words}es`;
  return `${words.replace(/([^aeiou])y$/, '$1ie')}s`;
}

/** All phrases, by their words with a space between. What the lexicon writes goes before the forms that are made. */
function allPhrases(): ReadonlyMap<string, Phrase> {
  const written: [string, Phrase][] = [];
  const made: [string, Phrase][] = [];
  for (const kind of factKinds) {
    for (const [means, text] of Object.entries(table[kind])) {
      const [same = '', near = ''] = text.split('|');
      for (const [isNear, list] of [
        [false, [means, ...listed(same)]],
        [true, listed(near)],
      ] as const) {
        for (const said of list) {
          const words = wordsOf(said).join(' ');
          const phrase = { kind, means, isNear, isPlural: false };
          written.push([words, phrase]);
          if (kind === 'thing') made.push([pluralOf(words), { ...phrase, isPlural: true }]);
          if (kind === 'motion' || kind === 'camera') for (const form of conjugated(words)) made.push([form, phrase]);
        }
      }
    }
  }
  const phrases = new Map<string, Phrase>();
  for (const [words, phrase] of [...written, ...made]) if (!phrases.has(words)) phrases.set(words, phrase);
  return phrases;
}

function conjugated(words: string): readonly string[] {
  const [first = '', ...rest] = words.split(' ');
  return verbForms(first).map((form) => [form, ...rest].join(' '));
}

export const phrases = allPhrases();
/** Words of the longest phrase. */
export const longestPhrase = Math.max(...[...phrases.keys()].map((words) => words.split(' ').length));
