// What nano's expander learns from: a wish as people type it (synonyms, any order, words left out) and the full caption of a scene that
// it names in part. What the wish does not say, the scene invents as nano can show it: one cartoon actor and a camera that stands still.
// Pairs are held to the very check that expansions are held to.
import { problemsOf } from '../expansion/check.ts';
import { type FactKind, synonymsOf, verbForms } from '../expansion/lexicon.ts';
import { firstNouns } from './curriculum.ts';
import { caption } from './world/captions.ts';
import type { Random } from './world/random.ts';
import { type Actor, fullWorld, sampleScene, type Scene } from './world/scene.ts';
import { PLAIN_COLOUR_NAMES, type Motion } from './world/vocabulary.ts';

export interface Pair {
  readonly wish: string;
  readonly caption: string;
}

const calm = { ...fullWorld, styles: ['cartoon'], twoActors: 0, cameraMoves: 0, weather: 0 } as const;
/** The whole world sometimes, for wishes that name it; else what nano shows best. */
const worlds = {
  known: { ...calm, nouns: firstNouns },
  calm,
  pairs: { ...calm, twoActors: 1 },
  whole: { ...fullWorld, twoActors: 0, cameraMoves: 0.5, weather: 0.5 },
} as const;

/** What is invented where a wish names no motion: rather little. */
const QUIET: readonly Motion[] = ['still', 'still', 'still', 'sway', 'bounce', 'spin', 'jump'];

const tries = 40;

/** Draws pairs until one is right; most are at once. */
export function drawPair(random: Random): Pair {
  for (;;) {
    const { scene, isCalm } = drawScene(random);
    const said = chooseWhatIsSaid(random, isCalm);
    const shown = said.motion ? scene : withMotion(scene, random.pick(QUIET));
    const { wish, colour } = drawWish(random, shown, said);
    const found = captionOf(random, shown, { wish, colour });
    if (found !== undefined) return { wish, caption: found };
  }
}

function drawScene(random: Random): { readonly scene: Scene; readonly isCalm: boolean } {
  const draw = random.next();
  const world = draw < 0.5 ? worlds.known : draw < 0.78 ? worlds.calm : draw < 0.86 ? worlds.pairs : worlds.whole;
  return { scene: sampleScene(random.int(2 ** 31), world), isCalm: world !== worlds.whole };
}

interface Said {
  readonly motion: boolean;
  readonly place: boolean;
  readonly style: boolean;
  readonly size: 'big' | 'small' | undefined;
  readonly colour: boolean;
}

function chooseWhatIsSaid(random: Random, isCalm: boolean): Said {
  return {
    motion: random.chance(0.75),
    place: random.chance(0.7),
    style: random.chance(isCalm ? 0.12 : 0.9),
    size: random.chance(0.12) ? random.pick(['big', 'small'] as const) : undefined,
    colour: random.chance(0.1),
  };
}

function withMotion(scene: Scene, motion: Motion): Scene {
  const [first, ...others] = scene.actors;
  return { ...scene, actors: [{ ...first!, motion }, ...others] };
}

const sizes = { big: 0.5, small: 0.3, middle: 0.4 } as const;

/** A full caption that the check takes, with the things' own names. */
function captionOf(
  random: Random,
  scene: Scene,
  { wish, colour }: { wish: string; colour: string },
): string | undefined {
  for (let i = 0; i < tries; i++) {
    const text = caption(scene, random.int(2 ** 31), 'full');
    const name = scene.actors[0]!.noun;
    if (!scene.actors.every(({ noun }) => text.includes(` ${noun} `))) continue;
    const coloured = colour === '' ? text : text.replace(` ${name} `, ` ${colour} ${name} `);
    if (problemsOf(wish, coloured, { onlyKnown: true }).length === 0) return coloured;
  }
  return undefined;
}

function drawWish(random: Random, scene: Scene, said: Said): { readonly wish: string; readonly colour: string } {
  const [first, second] = scene.actors;
  const colour = said.colour && second === undefined ? random.pick(PLAIN_COLOUR_NAMES) : '';
  Object.assign(first!, { size: sizes[said.size ?? 'middle'] });
  const adjectives = [
    said.size && random.pick(synonymsOf('size', said.size)),
    colour,
    said.style && random.chance(0.6) ? word(random, 'style', first!.style) : '',
  ];
  const thing = named(random, [...adjectives, word(random, 'thing', first!.noun, 0.5)]);
  const who = second === undefined ? thing : `${thing} ${between(random, scene)} ${named(random, [word(random, 'thing', second.noun, 0.5)])}`; // prettier-ignore
  const parts = {
    who,
    does: said.motion ? action(random, first!) : '',
    where: said.place ? place(random, scene) : '',
    rest: rest(random, scene, said, adjectives.includes(first!.style)),
  };
  return { wish: arranged(random, parts).replace(/\s+/g, ' ').trim().toLowerCase(), colour };
}

/** A meaning's own word, or one of its synonyms. */
function word(random: Random, kind: FactKind, meaning: string, own = 0.3): string {
  return random.chance(own) ? meaning : random.pick(synonymsOf(kind, meaning));
}

function named(random: Random, words: readonly (string | undefined | false)[]): string {
  const article = random.pick(['a', 'a', 'the', '', '', 'one', 'some']);
  return [article, ...words].filter((one) => one !== undefined && one !== false && one !== '').join(' ');
}

function between(random: Random, { relation }: Scene): string {
  if (relation === 'none' || random.chance(0.4)) return random.pick(['and', 'with', 'next to', 'beside']);
  return word(random, 'relation', relation);
}

const forms = { base: 0, third: 1, gerund: 2 } as const;

/** A verb in one of its forms; travel with its direction, or without. */
function action(random: Random, { motion }: Actor): string {
  const form = random.pick(['third', 'third', 'gerund', 'gerund', 'gerund', 'base'] as const);
  const inForm = (phrase: string): string => {
    const [verb = '', ...others] = phrase.split(' ');
    const isVerb = !/^(to|from|off|toward|towards|in|up|right|left|side|back|without|down|round|clockwise)$/.test(verb);
    return form === 'base' || !isVerb ? phrase : [verbForms(verb)[forms[form] - 1]!, ...others].join(' ');
  };
  if (motion !== 'left' && motion !== 'right') return inForm(word(random, 'motion', motion));
  const goes = inForm(random.pick(synonymsOf('motion', 'go')));
  return random.chance(0.3) ? goes : `${random.chance(0.85) ? goes : ''} ${word(random, 'motion', motion)}`;
}

function place(random: Random, { place: where, colour }: Scene): string {
  const all = synonymsOf('place', where).filter((one) => where !== 'plain' || one.includes(colour));
  const said = random.pick(all);
  if (/^(on|in|at|under|among|by|with|above|over|beneath|as|when|out|up|high|deep|across|after|below)\b/.test(said)) return said; // prettier-ignore
  return random.chance(0.5) ? `${random.pick(['in', 'in the', 'in a', 'on the', 'at the', 'on a'])} ${said}` : `, ${said}`; // prettier-ignore
}

function rest(random: Random, scene: Scene, { style }: Said, isStyled: boolean): string {
  const said = [
    style && !isStyled && random.chance(0.7) ? `, ${word(random, 'style', scene.actors[0]!.style)}` : '',
    scene.weather === 'none' ? '' : `${random.pick([',', ''])} ${word(random, 'weather', scene.weather, 0)}`,
    scene.camera === 'static' && !random.chance(0.02) ? '' : `, ${word(random, 'camera', scene.camera)}`,
  ];
  return said.join(' ');
}

interface Parts {
  readonly who: string;
  readonly does: string;
  readonly where: string;
  readonly rest: string;
}

const openings = [
  '',
  '',
  '',
  '',
  '',
  '',
  'show me',
  'make',
  'i want',
  'video of',
  'a clip of',
  'animation of',
  'please draw',
];

function arranged(random: Random, { who, does, where, rest: more }: Parts): string {
  const before = where.replace(/^, /, '');
  const comma = random.pick([', ', ' ', ': ']);
  const orders = [
    `${who} ${does} ${where} ${more}`,
    `${who} ${does} ${where} ${more}`,
    `${random.pick(openings)} ${who} ${does} ${where} ${more}`,
    `${who} that ${does} ${where} ${more}`,
    `${who} ${where}, ${does} ${more}`,
    `${who}, ${does}, ${before} ${more}`,
    before === '' ? `${does} ${who} ${more}` : `${before}${comma}${who} ${does} ${more}`,
    `${does} ${who} ${where} ${more}`,
  ];
  return random.pick(orders);
}
