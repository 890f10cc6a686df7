// How much memory a render needs, roughly, so that what cannot fit is refused before anything is loaded.
// Counts the activations that are alive at once at the widest places; weights are mapped and can be dropped by the system.
import { totalmem } from 'node:os';
import { type AutoencoderConfig, spatialFactor, temporalFactor } from '../compressor/config.ts';
import { WHOLE_CLIP_ELEMENTS } from '../compressor/open-autoencoder.ts';
import { latentShape } from '../compressor/sizes.ts';
import { defaultTiling } from '../compressor/tiling.ts';
import { framesPerLatent, type TinyDecoderConfig } from '../compressor/tiny-decoder.ts';
import { width } from '../dit/config.ts';
import { tokenCount, tokenGrid } from '../dit/patchify.ts';
import { InvalidRequestError } from '../graph/errors.ts';
import { encodingsOf } from './encodings.ts';
import { edgeMultiple, type Model } from './model.ts';
import { passesAtOnce } from './open-velocity.ts';
import type { Render } from './resolve-request.ts';

const BYTES = 4;
/** Copies of the tokens alive at once in a block, beside two of the feed-forward's: 35 to 39 thousand numbers of a token measured at 1.3B's widths. */
const TOKEN_COPIES = 12;
/** Feature maps of full size alive at once in the decoder, with what its layers remember: 14 measured on Wan 2.1's widths. */
const FEATURE_COPIES = 16;
/** The same in the encoder: 2 to 6 measured. */
const ENCODER_COPIES = 6;
/** The same in a tiny decoder, whose frames are never tiled: 5.7 measured on taew2_1's widths. */
const TINY_COPIES = 6;
/** Elements of one frame's feature map above which frames are decoded in tiles: about 8 GB in all. */
const TILE_ABOVE = 12_000_000;

/** What tells how many passes of a step run as one; one, where guidance is left out. */
export interface Guided {
  readonly guidance?: number | undefined;
  readonly guidanceLow?: number | undefined;
  readonly fast?: boolean | undefined;
}

interface Size extends Pick<Render, 'width' | 'height' | 'frames'>, Guided {
  /** Frames that are encoded at once; none where nothing is given. */
  readonly encoded?: number;
}

interface Activations {
  readonly steps: number;
  readonly decode: number;
  readonly encode: number;
}

/** Bytes of activations at the widest place of each stage of a render. */
export function activationBytes(model: Model, size: Size): Activations {
  const { transformer, autoencoder, tinyDecoder } = model;
  const { config } = autoencoder;
  const shape = latentShape(config, size);
  const tokens = tokenCount(tokenGrid(transformer.config, shape));
  const perToken = TOKEN_COPIES * width(transformer.config) + 2 * transformer.config.ffnDim;
  const encoded = { ...size, frames: size.encoded ?? 0 };
  const encoding = codingElements(config, encoded, { dim: config.baseDim, copies: ENCODER_COPIES });
  const decoding =
    tinyDecoder === undefined
      ? codingElements(config, size, { dim: config.decoderBaseDim, copies: FEATURE_COPIES })
      : tinyElements(tinyDecoder.config, shape);
  const { guidance = 1, guidanceLow = guidance, fast } = size;
  const passes = Math.max(...[guidance, guidanceLow].map((scale) => passesAtOnce(tokens, scale, fast)));
  const steps = BYTES * passes * (tokens * perToken + textElements(model));
  return { steps, decode: BYTES * decoding, encode: BYTES * encoding };
}

/** Keys and values of the text for all blocks: onnxruntime makes them before the first block, as they wait for no other. */
function textElements({ transformer: { config }, textLength }: Model): number {
  const blocks = config.layers + (config.vace?.layers.length ?? 0);
  return 2 * blocks * textLength * width(config);
}

/** Of the autoencoder, whose layers next to the pixels are `dim` wide. */
function codingElements(
  config: AutoencoderConfig,
  size: Size,
  { dim, copies }: { readonly dim: number; readonly copies: number },
): number {
  const isTiled = decodesInTiles(config, size);
  const tile = isTiled ? { width: defaultTiling.tileWidth, height: defaultTiling.tileHeight } : size;
  const isWhole = featuresOf(config, tile, dim) * size.frames <= WHOLE_CLIP_ELEMENTS;
  const framesAtOnce = isWhole ? size.frames : Math.min(size.frames, temporalFactor(config));
  const video = size.width * size.height * 3 * (isTiled ? size.frames : framesAtOnce);
  return featuresOf(config, tile, dim) * framesAtOnce * copies + video;
}

/** The frames of one latent frame at their widest, next to the pixels. */
function tinyElements(config: TinyDecoderConfig, [, , , rows = 0, columns = 0]: readonly number[]): number {
  const { widths, patchSize } = config;
  const positions = framesPerLatent(config) * 64 * rows * columns; // doubled three times
  return positions * (TINY_COPIES * Math.max(widths[2], widths[3]) + 3 * patchSize ** 2);
}

/** Bytes of a render's widest stage: activations, and weights that are held in memory. */
export function estimateMemory(model: Model, size: Size): number {
  const { steps, decode, encode } = activationBytes(model, size);
  const weights = model.weightBytes ?? { steps: 0, text: 0 };
  return Math.max(weights.text, weights.steps + steps, decode, encode);
}

/** Whether frames are so large that the decoder works tile by tile, which blends the tiles' edges. Depends on nothing else. */
export function decodesInTiles(config: AutoencoderConfig, size: Omit<Size, 'frames'>): boolean {
  return featuresOf(config, size) > TILE_ABOVE;
}

function featuresOf(
  { patchSize, decoderBaseDim }: AutoencoderConfig,
  { width, height }: Omit<Size, 'frames'>,
  dim = decoderBaseDim,
): number {
  return ((width * height) / patchSize ** 2) * dim;
}

/** @throws InvalidRequestError with a size that would fit when a render needs more than the machine has */
export function checkMemory(model: Model, render: Render, available = machineMemory()): void {
  const size = { ...render, encoded: Math.max(0, ...encodingsOf(render, model)) };
  const needed = estimateMemory(model, size);
  if (needed <= available) return;
  refuseWeights(model, render, available);
  const fits = largestThatFits(model, size, available);
  throw new InvalidRequestError(
    `width (=${render.width}), height (=${render.height}) and frames (=${render.frames}) need about ${inGB(needed)} of memory; this machine has ${inGB(available)}. ` +
      `${fits === undefined ? 'Use a smaller model.' : `About ${fits.width}x${fits.height} with ${fits.frames} frames would fit.`}`,
  );
}

/** Weights that fit at no size are to be held in another way. */
function refuseWeights({ name, weightBytes }: Model, { weights, textWeights }: Render, available: number): void {
  const parts = [
    ['weights', weights, weightBytes?.steps ?? 0],
    ['textWeights', textWeights, weightBytes?.text ?? 0],
  ] as const;
  for (const [field, mode, bytes] of parts) {
    if (bytes <= available) continue;
    throw new InvalidRequestError(
      `${field} (=${mode}): those of ${name} take ${inGB(bytes)} of memory so; this machine has ${inGB(available)}. As f16 they stay in their files, as int8 or int4 they are smaller.`,
    );
  }
}

/** Memory of the machine, or of the container. */
export function machineMemory(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

/** Fewer frames first, then a smaller picture of the same proportions. */
function largestThatFits(
  model: Model,
  { width, height, frames, encoded = 0, ...guided }: Size,
  available: number,
): Size | undefined {
  const [time, edge] = [temporalFactor(model.autoencoder.config), edgeMultiple(model)];
  const round = (pixels: number): number => Math.max(edge, Math.floor(pixels / edge) * edge);
  for (let scale = 1; scale * Math.max(width, height) >= spatialFactor(model.autoencoder.config); scale *= 0.8) {
    const size = { width: round(width * scale), height: round(height * scale) };
    for (let count = frames; count >= Math.min(frames, 4 * time + 1); count = 1 + Math.floor(count / 2 / time) * time) {
      const tried = { ...guided, ...size, frames: count };
      if (estimateMemory(model, { ...tried, encoded: Math.min(encoded, count) }) <= available) return tried;
    }
  }
  return undefined;
}

const inGB = (bytes: number): string => `${(bytes / 1e9).toFixed(bytes < 1e11 ? 1 : 0)} GB`;
