// Scene to words: tags, a plain sentence, one that names the style, or a full description, paraphrased by a seed, and the list of every word.
// Sometimes a plain sentence says what kind of thing acts ("a fruit falls") and marks it, so that scores can leave it out.
// Knows nothing of pixels.
import {
  CAMERA_PHRASES,
  DIRECTIONS,
  GRAMMAR_WORDS,
  MOTION_VERBS,
  PLACE_PHRASES,
  RELATION_PHRASES,
  SIZE_WORDS,
  SPIN_DIRECTIONS,
  STYLE_WORDS,
  TRAVEL_VERBS,
  WEATHER_PHRASES,
  type VerbPhrase,
} from './phrases.ts';
import { randomOf, type Random } from './random.ts';
import type { Actor, Scene } from './scene.ts';
import { nounOf, NOUNS, PLAIN_COLOUR_NAMES } from './vocabulary.ts';

export type CaptionKind = 'tag' | 'plain' | 'styled' | 'full';

/** Kinds that always name the style; one that is not named is the cartoon's. */
export const namesStyle = (kind: CaptionKind): boolean => kind === 'styled' || kind === 'full';

export interface Caption {
  readonly text: string;
  /** The noun is only hinted at by its kind, as in "a fruit falls". */
  readonly hypernym: boolean;
}

/** Probability that a plain sentence names the kind instead of the thing. */
export const HYPERNYM_CHANCE = 0.04;

/** A noun phrase without its article, and how it behaves in a sentence. */
interface NounPhrase {
  readonly words: string;
  readonly article: string;
  readonly plural: boolean;
}

const upperFirst = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
const joined = (...parts: readonly string[]): string => parts.filter((part) => part !== '').join(' ');

/** 'a' or 'an' by sound; vowels that sound like a consonant are listed. */
function indefinite(words: string): string {
  return /^[aeiou]/i.test(words) && !/^(u[fn]|eu|one)/i.test(words) ? 'an' : 'a';
}

/** The name or, three times in ten where there is one, a synonym; adjectives in front. */
function nounPhrase(random: Random, name: string, adjectives: string, hypernym: boolean): NounPhrase {
  const noun = nounOf(name);
  const synonym = noun.synonyms.length > 0 && random.chance(0.3);
  const word = hypernym ? random.pick(noun.hypernyms) : synonym ? random.pick(noun.synonyms) : noun.name;
  const ofPhrase = word.includes(' of ');
  const some = !hypernym && !ofPhrase && noun.article === 'some';
  const bare = adjectives === '' && word === noun.name;
  const article = some ? 'some' : bare ? noun.article : indefinite(joined(adjectives, word));
  return { words: joined(adjectives, word), article, plural: some && noun.plural };
}

/** The verb phrase of what the actor does, with its direction where that is said. */
function actionOf(random: Random, actor: Actor): VerbPhrase {
  const { motion } = actor;
  if (motion === 'left' || motion === 'right') {
    return { ...random.pick(TRAVEL_VERBS[nounOf(actor.noun).mode]), rest: random.pick(DIRECTIONS[motion]) };
  }
  const action = random.pick(MOTION_VERBS[motion]);
  const said = random.chance(0.4);
  if (motion === 'zigzag' && said) {
    return { ...action, rest: joined(action.rest, DIRECTIONS[actor.direction > 0 ? 'right' : 'left'][1]) };
  }
  if (motion === 'spin' && said) {
    return {
      ...action,
      rest: joined(action.rest, actor.direction > 0 ? SPIN_DIRECTIONS.clockwise : SPIN_DIRECTIONS.counter),
    };
  }
  return action;
}

const finite = (action: VerbPhrase, plural: boolean): string =>
  joined(plural ? action.base : action.third, action.rest);
const gerund = (action: VerbPhrase): string => joined(action.gerund, action.rest);

function fill(text: string, scene: Scene): string {
  const alone = scene.actors.length === 1;
  return text.replaceAll('{colour}', scene.colour).replaceAll('{it}', alone ? 'it' : 'them');
}

function weatherPart(random: Random, scene: Scene, part: 'inside' | 'tag' | 'sentence'): string {
  return scene.weather === 'none' ? '' : random.pick<string>(WEATHER_PHRASES[scene.weather][part]);
}

function cameraPart(random: Random, scene: Scene, part: 'inside' | 'tag' | 'sentence'): string {
  return random.pick<string>(CAMERA_PHRASES[scene.camera][part]);
}

function relationPart(random: Random, scene: Scene): string {
  return scene.relation === 'none' ? '' : random.pick<string>(RELATION_PHRASES[scene.relation]);
}

function tag(random: Random, scene: Scene): string {
  const phrases = scene.actors.map((actor) =>
    nounPhrase(random, actor.noun, random.chance(0.5) ? random.pick<string>(STYLE_WORDS[actor.style]) : '', false),
  );
  const article = random.chance(0.3);
  const said = phrases.map((phrase) => (article ? joined(phrase.article, phrase.words) : phrase.words));
  const action = gerund(actionOf(random, scene.actors[0]!));
  const place = fill(random.pick<string>(PLACE_PHRASES[scene.place].tag), scene);
  const rest = [weatherPart(random, scene, 'tag'), cameraPart(random, scene, 'tag')].filter((part) => part !== '');
  if (phrases.length > 1) return [joined(said[0]!, relationPart(random, scene), said[1]!), place, ...rest].join(', ');
  if (scene.actors[0]!.motion === 'still' && random.chance(0.6)) return [said[0]!, place, ...rest].join(', ');
  return random.chance(0.6)
    ? [joined(said[0]!, action), place, ...rest].join(', ')
    : [said[0]!, action, place, ...rest].join(', ');
}

function plain(random: Random, scene: Scene, { hypernym = false, styled = false }): string {
  const phrases = scene.actors.map((actor, i) =>
    nounPhrase(random, actor.noun, styled ? random.pick<string>(STYLE_WORDS[actor.style]) : '', hypernym && i === 0),
  );
  const [first, second] = phrases;
  const action = finite(actionOf(random, scene.actors[0]!), first!.plural);
  const other = second === undefined ? '' : joined(relationPart(random, scene), second.article, second.words);
  const place = fill(random.pick<string>(PLACE_PHRASES[scene.place].inside), scene);
  const rest = joined(weatherPart(random, scene, 'inside'), cameraPart(random, scene, 'inside'));
  return `${upperFirst(joined(first!.article, first!.words, action, other, place, rest))}.`;
}

function sizeWord(random: Random, actor: Actor): string {
  if (actor.size >= 0.46) return random.pick<string>(SIZE_WORDS.big);
  return actor.size <= 0.34 ? random.pick<string>(SIZE_WORDS.small) : '';
}

function full(random: Random, scene: Scene): string {
  const alone = scene.actors.length === 1;
  const phrases = scene.actors.map((actor) => {
    const size = alone && random.chance(0.7) ? sizeWord(random, actor) : '';
    return nounPhrase(random, actor.noun, joined(size, random.pick<string>(STYLE_WORDS[actor.style])), false);
  });
  const [first, second] = phrases;
  const actions = scene.actors.map((actor, i) => finite(actionOf(random, actor), phrases[i]!.plural));
  const other =
    second === undefined
      ? ''
      : `${joined(relationPart(random, scene), second.article, second.words, 'that', actions[1]!)},`;
  const place = fill(random.pick<string>(PLACE_PHRASES[scene.place].inside), scene);
  const sentence = `${upperFirst(joined(first!.article, first!.words, actions[0]!, other, place))}.`;
  const look = fill(random.pick<string>(PLACE_PHRASES[scene.place].look), scene);
  return joined(sentence, look, weatherPart(random, scene, 'sentence'), cameraPart(random, scene, 'sentence'));
}

/** A caption of the scene and whether it names only the kind of thing. Pure: the same seed gives the same words. */
export function describe(scene: Scene, seed: number, kind: CaptionKind): Caption {
  const random = randomOf(seed, 31);
  const hypernym = kind === 'plain' && random.chance(HYPERNYM_CHANCE);
  if (kind === 'tag') return { text: tag(random, scene), hypernym };
  if (kind === 'full') return { text: full(random, scene), hypernym };
  return { text: plain(random, scene, { hypernym, styled: kind === 'styled' }), hypernym };
}

/** The text of a caption; see describe. */
export function caption(scene: Scene, seed: number, kind: CaptionKind): string {
  return describe(scene, seed, kind).text;
}

/** The words of a text, in lower case, without punctuation (hyphens and apostrophes inside words stay). */
export function wordsOf(text: string): readonly string[] {
  return text.toLowerCase().match(/[a-z0-9]+(?:['-][a-z0-9]+)*/g) ?? [];
}

/** Every string in a table of phrases. */
function strings(table: unknown): readonly string[] {
  if (typeof table === 'string') return [table.replaceAll('{it}', '').replaceAll('{colour}', '')];
  if (typeof table !== 'object' || table === null) return [];
  return Object.values(table).flatMap(strings);
}

/** Every word that a caption can contain, in lower case, sorted. */
export function vocabularyWords(): readonly string[] {
  const nouns = NOUNS.map(({ name, synonyms, hypernyms, article }) => [name, article, synonyms, hypernyms]);
  const verbs = [TRAVEL_VERBS, MOTION_VERBS, DIRECTIONS, SPIN_DIRECTIONS];
  const rest = [STYLE_WORDS, SIZE_WORDS, PLACE_PHRASES, WEATHER_PHRASES, CAMERA_PHRASES, RELATION_PHRASES];
  const all = strings([nouns, verbs, rest, PLAIN_COLOUR_NAMES, GRAMMAR_WORDS]);
  return [...new Set(all.flatMap(wordsOf))].sort();
}
