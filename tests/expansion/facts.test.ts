// What is read out of wishes, and what is held against expansions.
import { describe, expect, test } from 'vitest';
import { problemsOf } from '../../expansion/check.ts';
import { countNotices, nearestNotices } from '../../expansion/expand-wish.ts';
import { type Fact, isSeveral, meant, readFacts } from '../../expansion/facts.ts';
import { type FactKind, phrases, verbForms, wordsOf } from '../../expansion/lexicon.ts';
import { handWrittenWishes } from '../../training/evaluate-expander.ts';
import { caption } from '../../training/world/captions.ts';
import { fullWorld, sampleScene } from '../../training/world/scene.ts';
import { NOUNS } from '../../training/world/vocabulary.ts';

const read = (facts: readonly Fact[], kind: FactKind): string => meant(facts, kind).join('+');

describe('facts', () => {
  test.each([
    ['kitty hopping around, winter', 'cat', 'jump', 'snow'],
    ['a bicycle going up in the city', 'motorcycle', 'rise', 'city'],
    ['orange cat under the stars', 'cat', '', 'night'],
    ['a rose dropping from above at dusk', 'rose', 'fall', 'sunset'],
    ['hot dog in the snow', 'hot dog', '', 'snow'],
  ])('of "%s"', (wish, thing, motion, place) => {
    const { facts } = readFacts(wish);
    expect([read(facts, 'thing'), read(facts, 'motion'), read(facts, 'place')]).toEqual([thing, motion, place]);
  });

  test('of wishes written by hand are as they are labelled', () => {
    for (const { wish, thing, motion, place } of handWrittenWishes()) {
      const { facts } = readFacts(wish);
      const found = [read(facts, 'thing'), read(facts, 'motion'), read(facts, 'place')];
      expect([wish, ...found]).toEqual([wish, thing, motion, place]);
    }
  });

  test("of the world's captions are those of their scenes", () => {
    for (let seed = 0; seed < 300; seed++) {
      const scene = sampleScene(seed, { ...fullWorld, twoActors: 0 });
      const [actor] = scene.actors;
      const text = caption(scene, seed, 'full').split('.')[0]!;
      const { facts } = readFacts(text);
      const found = [read(facts, 'thing'), read(facts, 'motion'), read(facts, 'place')];
      expect([text, ...found]).toEqual([text, actor!.noun, actor!.motion, scene.place]);
    }
  });

  test('tell one from several, and what is known from what is not', () => {
    expect(['two cats', 'puppies jumping', 'a cat', 'one of the cats'].map((wish) => isSeveral(readFacts(wish).facts))).toEqual([true, true, false, false]); // prettier-ignore
    expect(readFacts('a fluffy cat quibbles').unknown).toEqual(['fluffy', 'quibbles']);
  });

  test('have a phrase for each noun of the world and its synonyms', () => {
    const names = NOUNS.flatMap(({ name, synonyms }) => [name, ...synonyms]);
    expect(names.filter((name) => !phrases.has(wordsOf(name).join(' ')))).toEqual([]);
  });
});

test('forms of verbs', () => {
  expect(verbForms('hop')).toEqual(['hops', 'hopping', 'hopped']);
  expect(verbForms('fly')).toEqual(['flies', 'flying', 'flied']);
  expect(verbForms('bounce')).toEqual(['bounces', 'bouncing', 'bounced']);
  expect(verbForms('lie')).toEqual(['lies', 'lying', 'lied']);
});

describe('an expansion', () => {
  const world = (wish: string, text: string) => problemsOf(wish, text, { onlyKnown: true });
  const good = 'A cartoon cat jumps on a snowy field. White hills stand under a pale winter sky. Static camera.';

  test('that says what was wished is right', () => {
    expect(world('kitty hopping around, winter', good)).toEqual([]);
    expect(world('lynx hopping around, winter', good)).toEqual([]);
    expect(world('somebody jumping', good)).toEqual([]);
  });

  test.each([
    ['puppy hopping around, winter', /"puppy" is missing.*"cat" is invented/],
    ['kitty sleeping, winter', /"jump" is another motion/],
    ['kitty hopping on the beach', /"beach" is missing.*"snow" is invented/],
    ['two kitties hopping, winter', /another number/],
    ['a red kitty hopping', /"red" is missing/],
    ['a 3d kitty hopping', /"3d" is missing/],
    ['kitty hopping in the rain', /rain.* is missing/],
    ['kitty hopping, zoom out', /"zoom out" is missing/],
  ])('of "%s" is refused', (wish, why) => {
    expect(world(wish, good).join(' ')).toMatch(why);
  });

  test('for models that know more keeps the very words', () => {
    const free = (text: string) => problemsOf('a wombat on a bicycle', text, { onlyKnown: false });
    expect(free('A brown wombat rides its bicycle past a red barn.')).toEqual([]);
    expect(free('A brown wombat rides a motorcycle.')).toEqual(['"bicycle" is missing']);
    expect(free('A brown bear rides a bicycle.')).toEqual(['"wombat" is missing']);
  });

  test('tells what stands for what', () => {
    expect(nearestNotices('a bicycle in the jungle', 'nano')).toEqual([
      'nano knows no "bicycle"; showing a motorcycle.',
      'nano knows no "jungle"; showing the place "forest".',
    ]);
  });
});

describe('more than nano shows', () => {
  test.each([
    ['three cats jump', '"three cats"'],
    ['two small dogs and a cat', '"two small dogs"'],
    ['a pair of penguins, then dogs', '"pair of penguins", "dogs"'],
    ['a cat, a dog and a frog', 'cat, dog, frog'],
  ])('is said: %s', (wish, said) => {
    expect(countNotices(wish, 'nano')).toEqual([
      `nano shows one thing, at most two of different kinds, and does not count: ${said} will be fewer.`,
    ]);
  });
  test.each(['a cat', 'one cat and a dog', 'cherries fall', 'a cat bounces twice', 'some grapes left of the mice'])(
    'is not said: %s',
    (wish) => expect(countNotices(wish, 'nano')).toEqual([]),
  );
});
