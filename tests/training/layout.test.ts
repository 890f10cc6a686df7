// The layout that is diffused beside the latents: where cells lie on the actor, by hand.
import { describe, expect, it } from 'vitest';
import { parseAutoencoderConfig, spatialFactor } from '../../compressor/config.ts';
import { LAYOUT_CHANNELS, LAYOUT_LIMIT, layoutGain } from '../../dit/layout-channels.ts';
import { tensor } from '../../graph/tensor.ts';
import { layoutOf } from '../../training/layout.ts';
import { giveLayouts } from '../../training/transformer.ts';
import { autoencoderJson } from '../../training/recipes.ts';
import { fullWorld, sampleScene, sceneTrack } from '../../training/world/scene.ts';
import type { Scene } from '../../training/world/scene.ts';

const config = parseAutoencoderConfig(autoencoderJson);
const size = { frames: 9, width: 128, height: 96 };
const space = spatialFactor(config);
const [frames, rows, columns] = [3, 96 / space, 128 / space];
const calm = { ...fullWorld, twoActors: 0, cameraMoves: 0, weather: 0, variety: 0 } as const;
const sceneOf = (motion: 'still' | 'left' | 'spin'): Scene =>
  sampleScene(3, { ...calm, nouns: ['apple'], motions: [motion], sizeRange: [0.5, 0.5] });

/** Coordinate `axis` (0 u, 1 v) at one end of a latent frame. */
const at = (layout: Float32Array, axis: 0 | 1, end: 0 | 1, [t, row, column]: readonly number[]): number =>
  layout[((2 * end + axis) * frames + t!) * rows * columns + row! * columns + column!]! / layoutGain(space);

describe('an actor on a path', () => {
  const onPath = (seed: number): Scene =>
    sampleScene(seed, { ...calm, nouns: ['apple'], motions: ['left', 'rise'], sizeRange: [0.4, 0.4], paths: 1 });

  it('is where the path is, upright, and where its motion would be without', () => {
    for (const seed of [1, 2, 3, 4, 5]) {
      const scene = onPath(seed);
      const { path } = scene.actors[0]!;
      const boxes = sceneTrack(scene, 9, 128, 96)[0]!;
      expect(boxes[0]).toMatchObject({ angle: 0, x: expect.closeTo(path![0]!.x) as number });
      expect(boxes[8]).toMatchObject({ y: expect.closeTo(path!.at(-1)!.y) as number });
      expect(sampleScene(seed, { ...calm, nouns: ['apple'], motions: ['left'], sizeRange: [0.4, 0.4] }).actors[0]!.path).toBeUndefined(); // prettier-ignore
    }
  });

  it('has its layout given: clean at every noise level, and only there', () => {
    const scenes = [onPath(1), sceneOf('left')];
    const clips = tensor(Float32Array.from({ length: 24 }, (_, i) => i), [2, 6, 1, 1, 2]); // prettier-ignore
    const noise = tensor(new Float32Array(24).fill(-1), [2, 6, 1, 1, 2]);
    giveLayouts(clips, noise, scenes, LAYOUT_CHANNELS);
    expect([...(noise.data as Float32Array)]).toEqual([
      ...[-1, -1, -1, -1, 4, 5, 6, 7, 8, 9, 10, 11],
      ...new Array<number>(12).fill(-1),
    ]);
  });
});

describe('the layout of a scene', () => {
  it('tells where cells lie in the box, and no more than on which side of it beyond', () => {
    const scene = sceneOf('still');
    const layout = layoutOf(scene, size, config);
    expect(layout).toHaveLength(LAYOUT_CHANNELS * frames * rows * columns);
    const box = sceneTrack(scene, size.frames, size.width, size.height)[0]![0]!;
    const cut = (x: number): number => Math.max(-LAYOUT_LIMIT, Math.min(LAYOUT_LIMIT, x));
    for (const [row, column] of [
      [rows / 2 - 1, columns / 2 - 1],
      [0, 0],
      [rows - 1, columns - 1],
      [rows / 2, columns / 2],
    ] as const) {
      // prettier-ignore
      expect(at(layout, 0, 0, [0, row, column])).toBeCloseTo(cut(((column + 0.5) / columns - box.x) / box.width), 5);
      expect(at(layout, 1, 0, [0, row, column])).toBeCloseTo(cut(((row + 0.5) / rows - box.y) / box.height), 5);
    }
  });

  it('has the first and the last frame of those that a latent frame stands for', () => {
    const layout = layoutOf(sceneOf('left'), size, config);
    const middle = [rows / 2, columns / 2];
    const along = [0, 1, 2].flatMap((t) => [at(layout, 0, 0, [t, ...middle]), at(layout, 0, 1, [t, ...middle])]);
    expect(along[0]).toBe(along[1]); // a clip's first frame stands alone
    const later = along.slice(1);
    expect(later).toEqual([...later].sort((a, b) => a - b)); // the actor leaves to the left, the cell comes to lie right of it
    expect(new Set(later).size).toBeGreaterThan(3);
  });

  it('turns with the actor', () => {
    const layout = layoutOf(sceneOf('spin'), { ...size, height: 128 }, config);
    const flat = layoutOf(sceneOf('still'), { ...size, height: 128 }, config);
    const plane = columns * columns;
    expect(layout.subarray(0, plane)).toEqual(flat.subarray(0, plane)); // upright in the first frame
    expect(layout.subarray(2 * plane, 3 * plane)).not.toEqual(flat.subarray(2 * plane, 3 * plane));
  });
});

describe('a scene without variety', () => {
  it('leaves nothing to chance that no caption says', () => {
    const options = { ...calm, motions: ['circle', 'spin', 'still'] } as const;
    for (let seed = 0; seed < 60; seed++) {
      const [actor] = sampleScene(seed, options).actors;
      expect([actor!.direction, actor!.phase, actor!.mirrored]).toEqual([1, 0, false]);
    }
  });
});
