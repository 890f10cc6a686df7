// Which clip sizes an autoencoder takes, and what to use instead of one that it does not.
import { InvalidRequestError } from '../graph/errors.ts';
import { type AutoencoderConfig, spatialFactor, temporalFactor } from './config.ts';

/** A clip's size in frames and pixels. */
export interface ClipSize {
  readonly frames: number;
  readonly height: number;
  readonly width: number;
}

/** Shape [B,zDim,T',H',W'] of the latents of a clip. */
export function latentShape(
  config: AutoencoderConfig,
  { frames, height, width }: ClipSize,
  batch = 1,
): readonly number[] {
  const [time, space] = [temporalFactor(config), spatialFactor(config)];
  return [batch, config.zDim, 1 + Math.floor((frames - 1) / time), height / space, width / space];
}

/** The clip that latents [B,zDim,T',H',W'] decode to. */
export function clipSize(config: AutoencoderConfig, latents: readonly number[]): ClipSize {
  const [, , frames, height, width] = latents as [number, number, number, number, number];
  const space = spatialFactor(config);
  return { frames: 1 + (frames - 1) * temporalFactor(config), height: height * space, width: width * space };
}

/** The allowed values next to each part of a size: itself where it is allowed, else those below and above. */
export function nearestSizes(
  config: AutoencoderConfig,
  size: ClipSize,
  edgeMultiple = spatialFactor(config),
): Record<keyof ClipSize, readonly number[]> {
  const edge = (pixels: number) => neighbours(pixels, edgeMultiple, 0).filter((n) => n > 0);
  return {
    frames: neighbours(size.frames, temporalFactor(config), 1).filter((n) => n > 0),
    height: edge(size.height),
    width: edge(size.width),
  };
}

/**
 * Checks that a clip can be encoded without a rest. `edgeMultiple` is larger than the autoencoder's own where a transformer
 * groups latents into patches. @throws InvalidRequestError naming each part that does not fit, and the nearest ones that do
 */
export function checkClipSize(config: AutoencoderConfig, size: ClipSize, edgeMultiple = spatialFactor(config)): void {
  const nearest = nearestSizes(config, size, edgeMultiple);
  const rules = {
    frames: `${temporalFactor(config)}k+1`,
    height: `a multiple of ${edgeMultiple}`,
    width: `a multiple of ${edgeMultiple}`,
  };
  const problems = (['frames', 'height', 'width'] as const)
    .filter((part) => !nearest[part].includes(size[part]))
    .map(
      (part) => `${part} (=${size[part]}) must be ${rules[part]} for this model. Use ${nearest[part].join(' or ')}.`,
    );
  if (problems.length > 0) throw new InvalidRequestError(problems.join(' '));
}

/** The two values step·k + offset around x, or x itself. */
function neighbours(x: number, step: number, offset: number): number[] {
  const below = Math.floor((x - offset) / step) * step + offset;
  return below === x ? [x] : [below, below + step];
}
