// The layout that a scene's clip has (dit/layout-channels.ts): where each latent cell lies on the first actor.
import { spatialFactor, temporalFactor } from '../compressor/config.ts';
import type { AutoencoderConfig } from '../compressor/config.ts';
import { latentShape } from '../compressor/sizes.ts';
import { LAYOUT_CHANNELS, LAYOUT_GAIN, LAYOUT_LIMIT } from '../dit/layout-channels.ts';
import type { ClipSize } from './world/render.ts';
import type { Scene } from './world/scene.ts';
import { sceneTrack } from './world/scene.ts';
import type { ActorBox } from './world/track.ts';

/** [4,T',H',W'] of a scene; u grows to the sprite's right, v to its feet, whichever way it is turned, mirrored or stretched. */
export function layoutOf(scene: Scene, size: ClipSize, config: AutoencoderConfig): Float32Array {
  const [, , frames, height, width] = latentShape(config, size) as [number, number, number, number, number];
  const [space, time] = [spatialFactor(config), temporalFactor(config)];
  const [track] = sceneTrack(scene, size.frames, size.width, size.height);
  const mirror = scene.actors[0]!.mirrored ? -1 : 1;
  const layout = new Float32Array(LAYOUT_CHANNELS * frames * height * width);
  for (let t = 0; t < frames; t++) {
    const ends = t === 0 ? [0, 0] : [(t - 1) * time + 1, t * time];
    ends.forEach((frame, end) => {
      const box = track![frame]!;
      for (let row = 0; row < height; row++) {
        for (let column = 0; column < width; column++) {
          const place = onActor(box, (column + 0.5) * space, (row + 0.5) * space, size);
          const cell = (t * height + row) * width + column;
          const channel = (axis: 0 | 1): number => (2 * end + axis) * frames * height * width + cell;
          layout[channel(0)] = mirror * place[0];
          layout[channel(1)] = place[1];
        }
      }
    });
  }
  return layout;
}

/** A pixel's coordinates on a turned box, in its lengths from the middle, cut and scaled. */
function onActor(box: ActorBox, x: number, y: number, { width, height }: ClipSize): [number, number] {
  const [dx, dy] = [x - box.x * width, y - box.y * height];
  const [cos, sin] = [Math.cos(box.angle), Math.sin(box.angle)];
  const u = (dx * cos + dy * sin) / (box.width * width);
  const v = (dy * cos - dx * sin) / (box.height * height);
  const cut = (value: number): number => LAYOUT_GAIN * Math.max(-LAYOUT_LIMIT, Math.min(LAYOUT_LIMIT, value));
  return [cut(u), cut(v)];
}
