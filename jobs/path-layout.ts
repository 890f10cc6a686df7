// The layout that a render's path gives one window of its take.
import { spatialFactor, temporalFactor } from '../compressor/config.ts';
import { latentShape } from '../compressor/sizes.ts';
import { layoutOfBoxes } from '../dit/box-layout.ts';
import { InvalidRequestError } from '../graph/errors.ts';
import { boxesOnPath, parsePath } from './actor-path.ts';
import type { Model } from './model.ts';
import type { Render } from './resolve-request.ts';
import type { Take } from './take.ts';

interface WindowOfTake {
  readonly take: Pick<Take, 'frames' | 'starts'>;
  readonly index: number;
}

/** [4,T',H',W'], or undefined for a render without a path. The path runs over the whole take. */
export function pathLayout(
  { autoencoder: { config } }: Model,
  render: Render,
  { take, index }: WindowOfTake,
): Float32Array | undefined {
  if (render.path === undefined) return undefined;
  const { width, height, frames, fps } = render;
  const [, , ...grid] = latentShape(config, { width, height, frames }) as [number, number, number, number, number];
  const boxes = boxesOnPath(parsePath(render.path), {
    frames: take.frames,
    fps,
    from: take.starts[index]!,
    count: frames,
    aspect: width / height,
  });
  return layoutOfBoxes(boxes, { grid, space: spatialFactor(config), time: temporalFactor(config), width, height });
}

/** @throws InvalidRequestError when a path goes on behind the clip, as far as lengths are not rounded */
export function checkPathTimes({ path, fps }: Render, { frames }: Take, { autoencoder }: Model): void {
  const end = path === undefined ? undefined : parsePath(path).points.at(-1)!.seconds;
  if (end === undefined || end * fps <= frames + temporalFactor(autoencoder.config) / 2) return;
  const length = Number((frames / fps).toFixed(2));
  throw new InvalidRequestError(
    `path (=${path}) goes on until ${end} s, and the clip has ${length} s. Use earlier times, or ask for more seconds.`,
  );
}
