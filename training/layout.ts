// The layout that a scene's clip has (dit/layout-channels.ts): where each latent cell lies on the first actor.
import { spatialFactor, temporalFactor } from '../compressor/config.ts';
import type { AutoencoderConfig } from '../compressor/config.ts';
import { latentShape } from '../compressor/sizes.ts';
import { layoutOfBoxes } from '../dit/box-layout.ts';
import type { ClipSize } from './world/render.ts';
import type { Scene } from './world/scene.ts';
import { sceneTrack } from './world/scene.ts';

/** [4,T',H',W'] of a scene; u grows to the sprite's right, v to its feet, whichever way it is turned, mirrored or stretched. */
export function layoutOf(scene: Scene, size: ClipSize, config: AutoencoderConfig): Float32Array {
  const [, , ...grid] = latentShape(config, size) as [number, number, number, number, number];
  const [track] = sceneTrack(scene, size.frames, size.width, size.height);
  const place = {
    grid,
    space: spatialFactor(config),
    time: temporalFactor(config),
    width: size.width,
    height: size.height,
  };
  return layoutOfBoxes(track!, place, scene.actors[0]!.mirrored);
}
