// The scorer against clips whose truth is known: rendered clean, blurred, and tracks without pixels.
import { beforeAll, describe, expect, it } from 'vitest';
import { rowBackground } from '../../../training/scores/background.ts';
import { bandHistogram, histogramDistance } from '../../../training/scores/histogram.ts';
import { classifyCamera } from '../../../training/scores/camera.ts';
import { classifyMotion } from '../../../training/scores/motion.ts';
import { shrink } from '../../../training/scores/picture.ts';
import { psnr } from '../../../training/scores/psnr.ts';
import { makeReferences, type References } from '../../../training/scores/references.ts';
import { factsOf, scoreClip, type ClipScore } from '../../../training/scores/score.ts';
import { summarise } from '../../../training/scores/summary.ts';
import { classifyWeather } from '../../../training/scores/weather.ts';
import { loadAtlas, type Atlas } from '../../../training/world/atlas.ts';
import { renderScene } from '../../../training/world/render.ts';
import { fullWorld, sampleScene } from '../../../training/world/scene.ts';
import { sceneTrack } from '../../../training/world/track.ts';
import { NOUN_NAMES, PLACES, STYLES } from '../../../training/world/vocabulary.ts';

describe('psnr', () => {
  it('is infinite for equal bytes and 48.13 dB for a difference of one everywhere', () => {
    expect(psnr(new Uint8Array([1, 2]), new Uint8Array([1, 2]))).toBe(Infinity);
    expect(psnr(new Uint8Array([1, 2]), new Uint8Array([2, 3]))).toBeCloseTo(48.13, 2);
    expect(() => psnr(new Uint8Array(2), new Uint8Array(3))).toThrow(/same size/);
  });
});

describe('shrink', () => {
  it('averages areas, also of fractional size', () => {
    const row = new Uint8Array([0, 0, 0, 90, 90, 90, 30, 30, 30]);
    expect([...shrink(row, { width: 3, height: 1 }, 1, 1)].map(Math.round)).toEqual([40, 40, 40]);
    expect([...shrink(row, { width: 3, height: 1 }, 2, 1)].map(Math.round)).toEqual([30, 30, 30, 50, 50, 50]);
  });
});

describe('rowBackground', () => {
  it('looks past an actor that covers more than half of some rows', () => {
    const size = 20;
    const frame = new Float32Array(size * size * 3).fill(40);
    for (let y = 6; y < 14; y++)
      for (let x = 8; x < 20; x++) frame.fill(200, (y * size + x) * 3, (y * size + x) * 3 + 3);
    expect([...rowBackground([frame], size, size)].every((value) => value === 40)).toBe(true);
  });

  it('follows a horizon', () => {
    const frame = new Float32Array(10 * 10 * 3).fill(40);
    frame.fill(200, 150);
    const background = rowBackground([frame], 10, 10);
    expect([background[0], background[14], background[15], background[29]]).toEqual([40, 40, 200, 200]);
  });
});

describe('bandHistogram', () => {
  it('sums to one a band and tells colours apart', () => {
    const red = new Uint8Array(27).map((_, i) => (i % 3 === 0 ? 255 : 0));
    const dark = new Uint8Array(27);
    const [a, b] = [bandHistogram(red, 3, 3), bandHistogram(dark, 3, 3)];
    expect(a.reduce((x, y) => x + y)).toBeCloseTo(3, 5);
    expect(histogramDistance(a, a)).toBe(0);
    expect(histogramDistance(a, b)).toBeCloseTo(6, 5);
  });
});

describe('classifyMotion', () => {
  it.each([17, 9, 5])(
    'reads the motion off true tracks of %i frames',
    (frames) => {
      const shape = { frames, width: 64, height: 64 };
      const wrong: string[] = [];
      for (let seed = 0; seed < 104; seed++) {
        const scene = sampleScene(seed, { ...fullWorld, twoActors: 0, cameraMoves: 0 });
        const actor = scene.actors[0]!;
        const track = sceneTrack(scene, frames, 64, 64)[0]!.map(({ x, y, width, height, angle }) => {
          return { x, y, size: Math.sqrt(width * height), angle, gain: 1 };
        });
        const { motion } = classifyMotion(track, shape, actor);
        if (motion !== actor.motion) wrong.push(`${actor.motion} taken for ${motion} (seed ${seed})`);
      }
      expect(wrong).toEqual([]);
    },
    300_000,
  );
});

describe('what falls and how the camera moves', () => {
  it('is read off clips whose truth is known', async () => {
    const all = await loadAtlas(STYLES);
    const size = { frames: 17, width: 128, height: 128 };
    const places = PLACES.filter((place) => place !== 'plain');
    const wrong: string[] = [];
    for (let seed = 0; seed < 60; seed++) {
      const world = { ...fullWorld, places, twoActors: 0, weather: 0.6, cameraMoves: 0.5 };
      const scene = sampleScene(7_300_000 + seed, world);
      const clip = renderScene(scene, all, size);
      const [track] = sceneTrack(scene, size.frames, size.width, size.height);
      const hidden = (part: number) =>
        track!.map(({ x, y, width, height }) => [{ x, y, radius: part * Math.max(width, height) }]);
      const camera = classifyCamera(clip, size, [hidden(0.55)[0]!, hidden(0.55).at(-1)!]);
      const weather = classifyWeather(clip, size, hidden(0.75));
      if (camera !== scene.camera) wrong.push(`${scene.camera} taken for ${camera} (seed ${seed})`);
      if (scene.camera === 'static' && weather !== scene.weather) wrong.push(`${scene.weather} taken for ${weather} (seed ${seed})`); // prettier-ignore
    }
    expect(wrong.length, wrong.join('; ')).toBeLessThanOrEqual(2);
  }, 300_000);
});

describe('scoreClip', () => {
  let atlas: Atlas;
  let references: References;
  beforeAll(async () => {
    atlas = await loadAtlas(['flat']);
    references = makeReferences(atlas, ['flat'], NOUN_NAMES);
  }, 300_000);

  const options = { ...fullWorld, styles: ['flat'], cameraMoves: 0 } as const;
  const score = (seed: number, frames: number, twoActors: number): ClipScore => {
    const scene = sampleScene(seed, { ...options, twoActors });
    const shape = { frames, width: 64, height: 64 };
    return scoreClip(renderScene(scene, atlas, shape), shape, factsOf(scene), references);
  };

  it('recognises clean clips', () => {
    const summary = summarise(Array.from({ length: 10 }, (_, i) => score(7000 + i, 9, 0)));
    expect(summary.noun1.right).toBeGreaterThanOrEqual(9);
    expect(summary.motion.right).toBeGreaterThanOrEqual(9);
    expect(summary.place.right).toBe(10);
    expect(summary.presence).toBeGreaterThan(85);
  }, 600_000);

  it('recognises single pictures, and gives them no motion', () => {
    const summary = summarise(Array.from({ length: 10 }, (_, i) => score(7100 + i, 1, 0)));
    expect(summary.noun1.right).toBeGreaterThanOrEqual(9);
    expect(summary.place.right).toBeGreaterThanOrEqual(9);
    expect(summary.motion.of).toBe(0);
  }, 600_000);

  it('sees that the asked-for noun is missing', () => {
    const scene = sampleScene(7001, { ...options, twoActors: 0 });
    const other = sampleScene(7002, { ...options, twoActors: 0 });
    const shape = { frames: 1, width: 64, height: 64 };
    const result = scoreClip(renderScene(scene, atlas, shape), shape, factsOf(other), references);
    expect(result.nounRank).toBeGreaterThan(0);
    expect(result.presence).toBeLessThan(0.8);
  }, 600_000);
});

describe('summarise', () => {
  it('counts, and leaves hints at nouns out of noun scores', () => {
    const facts = {
      nouns: ['cat'],
      style: 'flat',
      motion: 'left',
      place: 'plain',
      colour: 'red',
      camera: 'static',
      weather: 'none',
      relation: 'none',
      hypernym: false,
    } as const;
    const base: ClipScore = {
      facts,
      nouns: ['cat'],
      nounRank: 0,
      secondRank: undefined,
      style: 'flat',
      motion: 'left',
      place: 'plain',
      colour: 'red',
      camera: 'static',
      weather: 'none',
      relation: undefined,
      presence: 1,
      track: undefined,
    };
    const summary = summarise([
      base,
      { ...base, nounRank: 3, motion: 'right', presence: 0.5 },
      { ...base, facts: { ...facts, hypernym: true }, nounRank: 80, motion: undefined, colour: 'blue' },
    ]);
    expect(summary.noun1).toEqual({ right: 1, of: 2, percent: 50 });
    expect(summary.noun5.percent).toBe(100);
    expect(summary.motion).toEqual({ right: 1, of: 2, percent: 50 });
    expect(summary.place.right).toBe(2);
    expect(summary.presence).toBe(75);
  });
});
