// The autoencoder in an engine: tensors in, tensors out. Short clips run as one graph, long ones chunk by chunk, large frames
// tile by tile. All give the same numbers, but for the blended edges of tiles.
import type { Engine } from '../graph/engine.ts';
import type { Tensor } from '../graph/tensor.ts';
import type { Weights } from '../graph/weights.ts';
import { MAX_LOGVAR, MIN_LOGVAR } from './autoencoder.ts';
import { regroup } from './chunks.ts';
import { type AutoencoderConfig, temporalFactor } from './config.ts';
import { clampValues, clipAxes, cut, joinFrames } from './frames.ts';
import { type Direction, runChunks, type Runner, runWhole } from './run-chunks.ts';
import { SessionCache } from './session-cache.ts';
import { checkClipSize, clipSize, latentShape } from './sizes.ts';
import { decodeTiles, encodeTiles, joinTiles, type TileGrid, type Tiling } from './tiling.ts';

export interface AutoencoderOptions {
  readonly config: AutoencoderConfig;
  readonly weights: Weights;
  /** Cuts frames larger than a tile into tiles; never, if left out. */
  readonly tiling?: Tiling | undefined;
  /** Largest clip, in elements of its widest activation, that runs as one graph. Default 32 M, which are 128 MB. */
  readonly wholeClipElements?: number | undefined;
}

/** Moments of the latents as host tensors [B,zDim,T',H',W'], not normalised; samplers use the mean. */
export interface EncodedClip {
  readonly mean: Tensor;
  readonly logvar: Tensor;
}

export interface DecodeOptions {
  /** Whether values are brought into [-1,1], which they leave by a little otherwise. Default true. */
  readonly clamp?: boolean;
}

const OPEN_SESSIONS = 16;
export const WHOLE_CLIP_ELEMENTS = 32 * 2 ** 20;

/** An autoencoder whose graphs run in an engine. Graphs are compiled for each size of clip when it first comes. */
export class Autoencoder {
  readonly config: AutoencoderConfig;
  readonly #options: AutoencoderOptions;
  readonly #runner: Runner;

  constructor(engine: Engine, options: AutoencoderOptions) {
    const { config, weights } = options;
    this.config = config;
    this.#options = options;
    this.#runner = { engine, sessions: new SessionCache(engine, OPEN_SESSIONS), config, weights };
  }

  /**
   * Video [B,3,T,H,W] in [-1,1], whole or in pieces [B,3,n,H,W] of any length.
   * @throws InvalidRequestError for a size that the autoencoder does not take
   */
  async encode(video: Tensor | AsyncIterable<Tensor>): Promise<EncodedClip> {
    if ('data' in video) return this.#split(await this.#encodeClip(video));
    if (this.#options.tiling !== undefined) return this.encode(joinFrames(await collect(video)));
    const chunks = regroup(this.#checked(video), temporalFactor(this.config));
    return this.#split(joinFrames(await collect(runChunks(this.#runner, 'encode', chunks))));
  }

  /** Latents [B,zDim,T',H',W'], not normalised, to video [B,3,T,H,W]. */
  async decode(latents: Tensor, { clamp = true }: DecodeOptions = {}): Promise<Tensor> {
    const video = await this.#decodeClip(latents);
    return clamp ? clampValues(video, -1, 1) : video;
  }

  /** The same video in pieces, as each is ready: one frame, then temporalFactor frames for each latent frame. */
  async *decodeStream(latents: Tensor, { clamp = true }: DecodeOptions = {}): AsyncGenerator<Tensor> {
    const pieces =
      this.#decodeTiles(latents) === undefined
        ? runChunks(this.#runner, 'decode', regroup([latents], 1))
        : regroup([await this.#decodeClip(latents)], temporalFactor(this.config));
    for await (const piece of pieces) yield clamp ? clampValues(piece, -1, 1) : piece;
  }

  /** Releases the sessions; the engine stays open. */
  close(): Promise<void> {
    return this.#runner.sessions.close();
  }

  async #encodeClip(video: Tensor): Promise<Tensor> {
    const [batch, , frames, height, width] = clipAxes(video);
    checkClipSize(this.config, { frames, height, width });
    const tiles = this.#options.tiling && encodeTiles(this.config, this.#options.tiling, height, width);
    if (tiles === undefined) return this.#run('encode', video);
    const [, channels, ...positions] = latentShape(this.config, { frames, height, width }) as [number, number, number];
    return joinTiles(tiles, [batch, 2 * channels, ...positions], (box) => this.#run('encode', cut(video, box)));
  }

  async #decodeClip(latents: Tensor): Promise<Tensor> {
    const tiles = this.#decodeTiles(latents);
    if (tiles === undefined) return this.#run('decode', latents);
    const { outChannels, patchSize } = this.config;
    const { frames, height, width } = clipSize(this.config, latents.shape);
    const shape = [latents.shape[0]!, outChannels / patchSize ** 2, frames, height, width];
    return joinTiles(tiles, shape, (box) => this.#run('decode', cut(latents, box)));
  }

  #decodeTiles(latents: Tensor): TileGrid | undefined {
    const [, , , height, width] = clipAxes(latents);
    return this.#options.tiling && decodeTiles(this.config, this.#options.tiling, height, width);
  }

  async #run(direction: Direction, clip: Tensor): Promise<Tensor> {
    const limit = this.#options.wholeClipElements ?? WHOLE_CLIP_ELEMENTS;
    if (this.#widestActivation(direction, clip) <= limit) return runWhole(this.#runner, direction, clip);
    const chunks = regroup([clip], direction === 'encode' ? temporalFactor(this.config) : 1);
    return joinFrames(await collect(runChunks(this.#runner, direction, chunks)));
  }

  /** Elements of the layers next to the pixels, which are the largest. */
  #widestActivation(direction: Direction, clip: Tensor): number {
    const { patchSize, baseDim, decoderBaseDim } = this.config;
    const [batch, , ...positions] = clipAxes(clip);
    const { frames, height, width } =
      direction === 'decode'
        ? clipSize(this.config, clip.shape)
        : { frames: positions[0], height: positions[1], width: positions[2] };
    const dim = direction === 'decode' ? decoderBaseDim : baseDim;
    return (batch * dim * frames * height * width) / patchSize ** 2;
  }

  async *#checked(pieces: AsyncIterable<Tensor>): AsyncGenerator<Tensor> {
    for await (const piece of pieces) {
      const [, , , height, width] = clipAxes(piece);
      checkClipSize(this.config, { frames: 1, height, width });
      yield piece;
    }
  }

  #split(moments: Tensor): EncodedClip {
    const { zDim } = this.config;
    const logvar = clampValues(cut(moments, { channels: [zDim, 2 * zDim] }), MIN_LOGVAR, MAX_LOGVAR);
    return { mean: cut(moments, { channels: [0, zDim] }), logvar };
  }
}

/** Binds an autoencoder to an engine; nothing is opened before it is used. */
export function openAutoencoder(engine: Engine, options: AutoencoderOptions): Autoencoder {
  return new Autoencoder(engine, options);
}

async function collect(tensors: AsyncIterable<Tensor>): Promise<Tensor[]> {
  const all: Tensor[] = [];
  for await (const part of tensors) all.push(part);
  return all;
}
