// What the captioner and the picture tower are shown of a scene in training: its middle, whole, and four of its moments in one
// picture, just as understanding/moment-pictures.ts takes them from a video.
import type { Frames } from '../io/frames.ts';
import { framesOf } from '../io/frames.ts';
import { fourInOne } from '../understanding/moment-pictures.ts';
import type { Atlas } from './world/atlas.ts';
import { renderScene } from './world/render.ts';
import type { Scene } from './world/scene.ts';

/** Clip times that each picture shows: the first its middle, the second four moments. */
export const PICTURE_TIMES: readonly (readonly number[])[] = [[1 / 2], [1 / 8, 3 / 8, 5 / 8, 7 / 8]];

/** Four moments of a scene at half the size, two by two, [edge,edge,3]. */
export function sceneMoments(scene: Scene, atlas: Atlas, edge: number): Uint8Array {
  const half = edge / 2;
  const size = half * half * 3;
  const small = renderScene(scene, atlas, { frames: 9, width: half, height: half });
  const four = [1, 3, 5, 7].map((frame) => small.subarray(frame * size, (frame + 1) * size));
  return fourInOne(four, edge);
}

/** The whole picture, then the four in one. */
export function scenePictures(scene: Scene, atlas: Atlas, edge: number): readonly Frames[] {
  const whole = renderScene(scene, atlas, { frames: 3, width: edge, height: edge }).subarray(edge * edge * 3);
  return [
    framesOf(whole.subarray(0, edge * edge * 3), 1, edge, edge),
    framesOf(sceneMoments(scene, atlas, edge), 1, edge, edge),
  ];
}
