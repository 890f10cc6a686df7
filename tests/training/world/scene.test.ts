// Scenes and their words: determinism, the held-out split, captions that say what is there with known words only.
import { describe, expect, it } from 'vitest';
import { caption, describe as describeScene, vocabularyWords, wordsOf } from '../../../training/world/captions.ts';
import { isHeldOut } from '../../../training/world/heldout.ts';
import { MOTION_VERBS, PLACE_PHRASES, TRAVEL_VERBS } from '../../../training/world/phrases.ts';
import { boundsOf, sceneTrack } from '../../../training/world/track.ts';
import { fullWorld, sampleScene, STAYS } from '../../../training/world/scene.ts';
import { clashes, MOTIONS, nounOf, NOUNS, PLACES } from '../../../training/world/vocabulary.ts';

const seeds = Array.from({ length: 3000 }, (_, i) => i);
const heldOutOf = (seed: number, holdOut: 'train' | 'heldout' | 'all'): boolean[] => {
  const scene = sampleScene(seed, { ...fullWorld, holdOut });
  return scene.actors.map((actor) => isHeldOut(actor.noun, scene.place, actor.motion));
};

const close = (box: object): object => Object.fromEntries(Object.entries(box).map(([name, value]) => [name, expect.closeTo(value as number, 5) as number])); // prettier-ignore

describe.each(MOTIONS)('%s, seen from a later moment', (motion) => {
  const scene = sampleScene(5, { ...fullWorld, twoActors: 0, cameraMoves: 0, motions: [motion] });
  const boxes = (start: number) => sceneTrack({ ...scene, start }, 17, 128, 128)[0]!;

  it('goes on from where it was, without a jump', () => {
    const [clip, later] = [boxes(0), boxes(0.75)];
    for (let f = 0; f < 4; f++) expect(later[f]).toEqual(close(clip[f + 12]!));
    const steps = [...clip, ...later.slice(5)].map(({ x, y }, f, all) => f === 0 ? 0 : Math.hypot(x - all[f - 1]!.x, y - all[f - 1]!.y)); // prettier-ignore
    expect(Math.max(...steps.slice(17))).toBeLessThanOrEqual(Math.max(...steps.slice(0, 17)) * 1.2 + 0.01);
  });

  it('is in the frame long before and after', () => {
    for (const start of [-2, 3]) for (const { x, y } of boxes(start)) expect(Math.max(Math.abs(x - 0.5), Math.abs(y - 0.5))).toBeLessThan(0.5); // prettier-ignore
  });
});

describe('an actor that did something else before', () => {
  const options = { ...fullWorld, twoActors: 0, cameraMoves: 0 };
  const changed = seeds.slice(0, 300).map((seed) => sampleScene(seed, { ...options, motions: STAYS, changes: 1 }));

  it('is at first as it was then, at last as it would be, and does not jump between', () => {
    for (const scene of changed) {
      const { before, ...after } = scene;
      const [earlier] = sceneTrack({ ...after, start: before!.at, actors: [{ ...scene.actors[0]!, ...before }] }, 17, 128, 128); // prettier-ignore
      const [[own], [track]] = [sceneTrack(after, 17, 128, 128), sceneTrack(scene, 17, 128, 128)];
      expect({ ...track![0], angle: 0 }).toEqual(close({ ...earlier![0], foot: own![0]!.foot, angle: 0 }));
      expect(Math.cos(track![0]!.angle - earlier![0]!.angle)).toBeCloseTo(1, 9);
      expect(track!.slice(6)).toEqual(own!.slice(6));
      const steps = track!.slice(1).map((box, f) => Math.abs(box.angle - track![f]!.angle));
      expect(Math.max(...steps)).toBeLessThan(1.4);
    }
  });

  it('is one that stays in its place, whatever it did', () => {
    expect(changed.every(({ before, actors }) => before !== undefined && before.motion !== actors[0]!.motion)).toBe(true); // prettier-ignore
    const going = sampleScene(1, { ...options, motions: ['left'], changes: 1 });
    expect(going.before).toBeUndefined();
  });
});

describe('sampleScene', () => {
  it('gives the same scene for the same seed and others for other seeds', () => {
    expect(sampleScene(42, fullWorld)).toEqual(sampleScene(42, fullWorld));
    expect(new Set(seeds.map((seed) => JSON.stringify({ ...sampleScene(seed, fullWorld), seed: 0 }))).size).toBe(3000);
  });

  it('covers every place and motion, and two actors, cameras and weather at about the wished rates', () => {
    const scenes = seeds.map((seed) => sampleScene(seed, fullWorld));
    expect(new Set(scenes.map((scene) => scene.place)).size).toBe(PLACES.length);
    expect(new Set(scenes.map((scene) => scene.actors[0]!.motion)).size).toBe(MOTIONS.length);
    expect(scenes.filter((scene) => scene.actors.length === 2).length / 3000).toBeCloseTo(0.2, 1);
    expect(scenes.filter((scene) => scene.camera === 'static').length / 3000).toBeCloseTo(0.74, 1);
    expect(scenes.filter((scene) => scene.weather !== 'none').length / 3000).toBeCloseTo(0.16, 1);
  });

  it('never gives weather to places without it, nor a background of the colour of the noun', () => {
    for (const seed of seeds) {
      const scene = sampleScene(seed, fullWorld);
      if (['underwater', 'space'].includes(scene.place)) expect(scene.weather).toBe('none');
      for (const { noun, style } of scene.actors) {
        expect(clashes(nounOf(noun), style, scene.place, scene.colour)).toBe(false);
      }
    }
  });

  it('holds out a tenth of the combinations, and keeps the splits apart', () => {
    const combinations = NOUNS.flatMap((noun) =>
      PLACES.flatMap((place) => MOTIONS.map((m) => [noun.name, place, m] as const)),
    );
    const held = combinations.filter(([noun, place, motion]) => isHeldOut(noun, place, motion));
    expect(held.length / combinations.length).toBeCloseTo(0.1, 2);
    expect(seeds.flatMap((seed) => heldOutOf(seed, 'train'))).not.toContain(true);
    expect(seeds.map((seed) => heldOutOf(seed, 'heldout')[0])).not.toContain(false);
  });

  it('can be large and centred', () => {
    const options = {
      ...fullWorld,
      sizeRange: [0.7, 0.8],
      positionJitter: 0,
      twoActors: 0,
      cameraMoves: 0,
      motions: ['still'],
    } as const;
    for (const seed of seeds.slice(0, 200)) {
      const [actor] = sampleScene(seed, options).actors;
      expect(actor!.size).toBeGreaterThan(0.69);
      expect([actor!.x, actor!.y]).toEqual([0.5, 0.5]);
    }
  });
});

describe('sceneTrack', () => {
  it('keeps actors mostly in the frame in every shape of frame', () => {
    for (const [width, height] of [
      [64, 64],
      [112, 64],
      [64, 112],
    ] as const) {
      const shares = seeds.slice(0, 600).flatMap((seed) => {
        const scene = sampleScene(seed, { ...fullWorld, cameraMoves: 0 });
        return sceneTrack(scene, 9, width, height).flatMap((track) => track.map((box) => box.visible));
      });
      expect(Math.min(...shares)).toBeGreaterThan(0.6);
      expect(shares.reduce((a, b) => a + b) / shares.length).toBeGreaterThan(0.97);
    }
  });

  it('completes each motion whatever the number of frames', () => {
    for (const seed of seeds.slice(0, 100)) {
      const scene = sampleScene(seed, fullWorld);
      const [few, many] = [sceneTrack(scene, 5, 64, 64), sceneTrack(scene, 17, 64, 64)];
      few.forEach((track, a) => track.forEach((box, f) => expect(box).toEqual(many[a]![4 * f])));
    }
  });

  it('gives bounds that hold the rotated box', () => {
    const box = { x: 0.5, y: 0.5, width: 0.4, height: 0.2, angle: Math.PI / 2, visible: 1, foot: 1 };
    const { left, top, right, bottom } = boundsOf(box, 1);
    expect([left, top, right, bottom].map((v) => Number(v.toFixed(6)))).toEqual([0.4, 0.3, 0.6, 0.7]);
  });
});

describe('captions', () => {
  const known = new Set(vocabularyWords());

  it('use only known words, at the lengths of their kinds', () => {
    const lengths = { tag: [] as number[], plain: [] as number[], styled: [] as number[], full: [] as number[] };
    for (const seed of seeds) {
      for (const kind of ['tag', 'plain', 'styled', 'full'] as const) {
        const words = wordsOf(caption(sampleScene(seed, fullWorld), seed, kind));
        lengths[kind].push(words.length);
        expect(words.filter((word) => !known.has(word))).toEqual([]);
      }
    }
    const median = (xs: number[]): number => xs.sort((a, b) => a - b)[xs.length >> 1]!;
    expect(known.size).toBeGreaterThan(480);
    expect(known.size).toBeLessThan(600);
    expect(median(lengths.tag)).toBeLessThan(median(lengths.plain));
    expect(median(lengths.plain)).toBeLessThan(median(lengths.full));
  });

  it('name the noun (or mark that they name its kind), the motion and the place', () => {
    let hypernyms = 0;
    for (const seed of seeds) {
      const scene = sampleScene(seed, { ...fullWorld, twoActors: 0 });
      const { text, hypernym } = describeScene(scene, seed, 'plain');
      const actor = scene.actors[0]!;
      const noun = nounOf(actor.noun);
      const names = hypernym ? noun.hypernyms : [noun.name, ...noun.synonyms];
      expect(
        names.some((name) => text.includes(name) || text.includes(name.charAt(0).toUpperCase() + name.slice(1))),
      ).toBe(true);
      const sideways = actor.motion === 'left' || actor.motion === 'right';
      const verbs = sideways ? TRAVEL_VERBS[noun.mode] : MOTION_VERBS[actor.motion as 'still'];
      expect(verbs.some((verb) => text.includes(` ${verb.third}`) || text.includes(` ${verb.base}`))).toBe(true);
      expect(PLACE_PHRASES[scene.place].inside.some((p) => text.includes(p.replace('{colour}', scene.colour)))).toBe(
        true,
      );
      hypernyms += hypernym ? 1 : 0;
    }
    expect(hypernyms / seeds.length).toBeCloseTo(0.04, 1);
  });

  it('are the same for the same seed and vary with it', () => {
    const scene = sampleScene(7, fullWorld);
    expect(caption(scene, 3, 'full')).toBe(caption(scene, 3, 'full'));
    expect(new Set(seeds.slice(0, 50).map((seed) => caption(scene, seed, 'full'))).size).toBeGreaterThan(10);
  });
});
