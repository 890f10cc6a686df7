// Pixels of the world: same bytes for a seed, every noun draws, boxes agree with what is seen, any shape of clip.
import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadAtlas, SPRITE_FILL, type Atlas } from '../../../training/world/atlas.ts';
import { renderScene } from '../../../training/world/render.ts';
import { fullWorld, sampleScene, type Scene } from '../../../training/world/scene.ts';
import { boundsOf, sceneTrack } from '../../../training/world/track.ts';
import { MOTIONS, NOUN_NAMES, nounOf, PLACES, STYLES } from '../../../training/world/vocabulary.ts';

let atlas: Atlas;
beforeAll(async () => {
  atlas = await loadAtlas(STYLES);
}, 120_000);

const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Bounds [left, top, right, bottom], fractions of the frame, of where two frames differ clearly. */
function difference(a: Uint8Array, b: Uint8Array, width: number, height: number): readonly number[] {
  let [left, top, right, bottom] = [width, height, 0, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = (y * width + x) * 3;
      const far = Math.max(
        Math.abs(a[at]! - b[at]!),
        Math.abs(a[at + 1]! - b[at + 1]!),
        Math.abs(a[at + 2]! - b[at + 2]!),
      );
      if (far < 24) continue;
      [left, right] = [Math.min(left, x), Math.max(right, x + 1)];
      [top, bottom] = [Math.min(top, y), Math.max(bottom, y + 1)];
    }
  }
  return [left / width, top / height, right / width, bottom / height];
}

describe('loadAtlas', () => {
  it('has every noun in every style, trimmed to the boxes in nouns.json', () => {
    for (const noun of NOUN_NAMES) {
      for (const style of STYLES) {
        const { width, height, data } = atlas.sprite(noun, style)[0]!;
        let [left, top, right, bottom] = [width, height, 0, 0];
        for (let i = 3; i < data.length; i += 4) {
          if (data[i]! < 17) continue;
          const [x, y] = [((i - 3) / 4) % width, Math.floor((i - 3) / 4 / width)];
          [left, right, top, bottom] = [
            Math.min(left, x),
            Math.max(right, x + 1),
            Math.min(top, y),
            Math.max(bottom, y + 1),
          ];
        }
        const box = nounOf(noun).boxes[style];
        expect(Math.abs((right - left) / SPRITE_FILL - box[0])).toBeLessThan(0.02);
        expect(Math.abs((bottom - top) / SPRITE_FILL - box[1])).toBeLessThan(0.02);
      }
    }
  });

  it('says which noun it lacks', async () => {
    const small = await loadAtlas(['flat'], ['cat']);
    expect(() => small.sprite('dog', 'flat')).toThrow(/dog/);
  });
});

describe('renderScene', () => {
  it('gives the same bytes for the same seed, others for another', () => {
    const size = { frames: 9, width: 64, height: 64 };
    const draw = (seed: number): string => hash(renderScene(sampleScene(seed, fullWorld), atlas, size));
    expect(draw(5)).toBe(draw(5));
    expect(new Set(Array.from({ length: 40 }, (_, seed) => draw(seed))).size).toBe(40);
  });

  it('draws any shape and any number of frames; one frame is the first of the clip', () => {
    for (const size of [
      { frames: 1, width: 64, height: 64 },
      { frames: 5, width: 112, height: 48 },
      { frames: 3, width: 30, height: 77 },
    ]) {
      for (let seed = 0; seed < 30; seed++) {
        const scene = sampleScene(seed, fullWorld);
        const clip = renderScene(scene, atlas, size);
        expect(clip.length).toBe(size.frames * size.width * size.height * 3);
        const picture = renderScene(scene, atlas, { ...size, frames: 1 });
        expect(hash(clip.subarray(0, picture.length))).toBe(hash(picture));
      }
    }
  });

  it('keeps a static background still and every place distinct', () => {
    const pictures = PLACES.map((place) => {
      const scene = {
        ...sampleScene(1, { ...fullWorld, places: [place], cameraMoves: 0, weather: 0 }),
        actors: [] as Scene['actors'],
      };
      const cast = { ...scene, actors: [{ ...sampleScene(1, fullWorld).actors[0]!, x: 9 }] };
      const clip = renderScene(cast, atlas, { frames: 3, width: 48, height: 48 });
      expect(hash(clip.subarray(0, 48 * 48 * 3))).toBe(hash(clip.subarray(2 * 48 * 48 * 3)));
      return hash(clip);
    });
    expect(new Set(pictures).size).toBe(PLACES.length);
  });

  it.each(MOTIONS)('draws %s where the track says', (motion) => {
    const size = { frames: 9, width: 96, height: 96 };
    for (let seed = 0; seed < 12; seed++) {
      const options = {
        ...fullWorld,
        motions: [motion],
        places: ['plain', 'sky', 'space'],
        weather: 0,
        twoActors: 0,
      } as const;
      const scene = sampleScene(seed, options);
      const clip = renderScene(scene, atlas, size);
      const away = {
        ...scene,
        camera: scene.camera,
        actors: scene.actors.map((actor) => ({ ...actor, size: 0.0001 })),
      };
      const empty = renderScene(away, atlas, size);
      const frameBytes = size.width * size.height * 3;
      sceneTrack(scene, size.frames, size.width, size.height)[0]!.forEach((box, f) => {
        const seen = difference(
          clip.subarray(f * frameBytes, (f + 1) * frameBytes),
          empty.subarray(f * frameBytes, (f + 1) * frameBytes),
          size.width,
          size.height,
        );
        const { left, top, right, bottom } = boundsOf(box, 1);
        const slack = 0.03;
        expect(seen[0]!).toBeGreaterThan(Math.max(0, left) - slack);
        expect(seen[1]!).toBeGreaterThan(Math.max(0, top) - slack);
        expect(seen[2]!).toBeLessThan(Math.min(1, right) + slack);
        expect(seen[3]!).toBeLessThan(Math.min(1, bottom) + slack);
        if (box.angle === 0)
          expect(seen[2]! - seen[0]!).toBeGreaterThan(0.6 * (Math.min(1, right) - Math.max(0, left)));
      });
    }
  });
});
