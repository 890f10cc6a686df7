// Questions about a scene whose answers follow from it: what is there, how many, where, what it does, how two things stand to
// each other, and what the picture looks like. Answers are short and always the same words. Knows nothing of pixels.
import { randomOf, type Random } from './random.ts';
import type { Scene } from './scene.ts';
import { nounOf, NOUN_NAMES, type Camera, type Motion, type Place, type Relation } from './vocabulary.ts';

/** The kinds that a captioner is held to come first. */
export const questionKinds = ['noun', 'count', 'place', 'motion', 'relation', 'presence', 'sky', 'weather', 'camera', 'style'] as const; // prettier-ignore
export type QuestionKind = (typeof questionKinds)[number];

export interface Question {
  readonly kind: QuestionKind;
  readonly question: string;
  readonly answer: string;
}

/** What asks for a caption, in the words of the captions' own kinds. */
export const CAPTION_PROMPTS = {
  plain: 'describe the clip.',
  full: 'describe the clip in detail.',
  tag: 'name what is in the clip.',
} as const;

const NOUN_QUESTIONS = ['what is in the clip?', 'what do you see?', 'what is it?'] as const;
const COUNT_QUESTIONS = ['how many things are there?', 'how many are in the clip?'] as const;
const PLACE_QUESTIONS = ['where is it?', 'what is the place?', 'where does it happen?', 'what is behind {noun}?'] as const; // prettier-ignore
const MOTION_QUESTIONS = ['what does {noun} do?', 'what is {noun} doing?', 'how does {noun} move?'] as const;
const RELATION_QUESTIONS = ['where is {noun}, seen from {other}?', 'how does {noun} stand to {other}?'] as const;
const SKY_QUESTIONS = ['what colour is the sky?', 'what color is the sky?', 'what is the colour of the sky?'] as const;
const WEATHER_QUESTIONS = ['what is the weather like?', 'how is the weather?'] as const;
const CAMERA_QUESTIONS = ['what does the camera do?', 'how does the camera move?'] as const;
const STYLE_QUESTIONS = ['what style is it?', 'how is it drawn?'] as const;

export const MOTION_ANSWERS = {
  still: 'it stays still',
  left: 'it moves left',
  right: 'it moves right',
  rise: 'it rises',
  fall: 'it falls',
  bounce: 'it bounces',
  spin: 'it spins',
  grow: 'it grows',
  shrink: 'it shrinks',
  circle: 'it moves in a circle',
  sway: 'it sways',
  jump: 'it jumps',
  zigzag: 'it moves in a zigzag',
} as const satisfies Record<Motion, string>;

export const PLACE_ANSWERS = {
  meadow: 'a meadow',
  beach: 'a beach',
  desert: 'a desert',
  snow: 'a snowy field',
  forest: 'a forest',
  night: 'a hill at night',
  sunset: 'a sunset',
  ocean: 'the ocean',
  underwater: 'under water',
  city: 'a city',
  space: 'outer space',
  sky: 'the sky',
  plain: 'a plain {colour} background',
} as const satisfies Record<Place, string>;

/** Colours as backdrops.ts draws them; places without a sky are not asked about it. */
const SKY_ANSWERS: Partial<Record<Place, string>> = {
  meadow: 'blue',
  beach: 'blue',
  desert: 'yellow',
  snow: 'grey',
  night: 'dark blue',
  sunset: 'orange and purple',
  ocean: 'light blue',
  city: 'blue',
  space: 'black',
  sky: 'blue',
};

const CAMERA_ANSWERS = {
  static: 'it stays still',
  'pan left': 'it pans left',
  'pan right': 'it pans right',
  'zoom in': 'it zooms in',
  'zoom out': 'it zooms out',
} as const satisfies Record<Camera, string>;

const RELATION_ANSWERS = {
  'left of': 'left of {other}',
  'right of': 'right of {other}',
  above: 'above {other}',
  below: 'below {other}',
} as const satisfies Record<Relation, string>;

const definite = (noun: string): string => `the ${noun}`;

/** With its article, as a caption would say it. */
function withArticle(name: string): string {
  return `${nounOf(name).article} ${name}`;
}

type Answer = Omit<Question, 'kind'>;

function filled(question: string, scene: Scene): string {
  const [first, second] = scene.actors;
  return question
    .replace('{noun}', definite(first!.noun))
    .replace('{other}', definite(second?.noun ?? ''))
    .replace('{colour}', scene.colour);
}

function presence(random: Random, scene: Scene): Answer {
  const there = scene.actors.map(({ noun }) => noun);
  const isThere = random.chance(0.5);
  const noun = isThere ? random.pick(there) : random.pick(NOUN_NAMES.filter((name) => !there.includes(name)));
  return { question: `is there ${withArticle(noun)}?`, answer: isThere ? 'yes' : 'no' };
}

const asking: Readonly<Record<QuestionKind, (random: Random, scene: Scene) => Answer | undefined>> = {
  noun: (random, { actors }) => ({
    question: random.pick(NOUN_QUESTIONS),
    answer: actors.map(({ noun }) => withArticle(noun)).join(' and '),
  }),
  count: (random, { actors }) => ({
    question: random.pick(COUNT_QUESTIONS),
    answer: actors.length === 1 ? 'one' : 'two',
  }),
  place: (random, { place }) => ({ question: random.pick(PLACE_QUESTIONS), answer: PLACE_ANSWERS[place] }),
  motion: (random, { actors }) => ({
    question: random.pick(MOTION_QUESTIONS),
    answer: MOTION_ANSWERS[actors[0]!.motion],
  }),
  relation: (random, { relation }) =>
    relation === 'none' ? undefined : { question: random.pick(RELATION_QUESTIONS), answer: RELATION_ANSWERS[relation] },
  presence,
  sky: (random, { place }) => {
    const answer = SKY_ANSWERS[place];
    return answer === undefined ? undefined : { question: random.pick(SKY_QUESTIONS), answer };
  },
  weather: (random, { weather }) => ({ question: random.pick(WEATHER_QUESTIONS), answer: weather === 'none' ? 'dry' : weather }), // prettier-ignore
  camera: (random, { camera }) => ({ question: random.pick(CAMERA_QUESTIONS), answer: CAMERA_ANSWERS[camera] }),
  style: (random, { actors }) => ({ question: random.pick(STYLE_QUESTIONS), answer: actors[0]!.style.toLowerCase() }),
};

/** A question of a kind, or undefined where the scene has no answer to it. Pure: the same seed asks the same. */
export function askAbout(scene: Scene, kind: QuestionKind, seed: number): Question | undefined {
  const asked = asking[kind](randomOf(seed, 37), scene);
  if (asked === undefined) return undefined;
  return { kind, question: filled(asked.question, scene), answer: filled(asked.answer, scene) };
}

/** Every text that questions and answers are made of, for the list of words. */
export function questionTexts(): readonly string[] {
  const questions = [NOUN_QUESTIONS, COUNT_QUESTIONS, PLACE_QUESTIONS, MOTION_QUESTIONS, RELATION_QUESTIONS, SKY_QUESTIONS, WEATHER_QUESTIONS, CAMERA_QUESTIONS, STYLE_QUESTIONS]; // prettier-ignore
  const answers = [MOTION_ANSWERS, PLACE_ANSWERS, SKY_ANSWERS, CAMERA_ANSWERS, RELATION_ANSWERS, CAPTION_PROMPTS];
  const said = [...questions.flat(), ...answers.flatMap((table) => Object.values(table))];
  const rest = ['is there', 'yes no one two and the dry rain snow'];
  return [...said, ...rest].map((text) => text.replace(/\{\w+\}/g, ''));
}
