// Wan's causal 3D autoencoder as functions of its parameters: a whole clip in one graph, or chunk by chunk with the state of
// the causal layers passed from chunk to chunk. Both give the same numbers. Reference: diffusers' AutoencoderKLWan.
// Knows nothing of engines: open-autoencoder.ts compiles and runs these graphs.
import { clamp, input, slice } from '../graph/build.ts';
import { ShapeError } from '../graph/errors.ts';
import type { Node } from '../graph/node.ts';
import { parameterScope, type Parameters, type ParameterSpec } from '../graph/parameters.ts';
import { type AutoencoderConfig, spatialFactor, temporalFactor } from './config.ts';
import { pointwiseConv } from './conv.ts';
import { decoder } from './decoder.ts';
import { encoder } from './encoder.ts';
import { patchify, unpatchify } from './patchify.ts';
import { rootPlace, type StreamState } from './place.ts';

/** Bounds of the log variance, as DiagonalGaussianDistribution has them. */
export const MIN_LOGVAR = -30;
export const MAX_LOGVAR = 20;

/** Mean and log variance of the latents' normal distribution, each [B,zDim,T',H',W']; samplers use the mean. */
export interface Moments {
  readonly mean: Node;
  readonly logvar: Node;
}

/** Encodes a whole clip: video [B,3,T,H,W] in [-1,1], T = 1 + temporalFactor·k, to T' = 1 + k latent frames. */
export function encode(p: Parameters, config: AutoencoderConfig, video: Node): Moments {
  const { mean, logvar } = encodeChunk(p, config, video);
  return { mean, logvar };
}

/** Decodes a whole clip: latents [B,zDim,T',H',W'] (not normalised) to video [B,3,T,H,W], which may leave [-1,1] a little. */
export function decode(p: Parameters, config: AutoencoderConfig, latents: Node): Node {
  return decodeChunk(p, config, latents).video;
}

/** Encodes the clip's first frames, or those after the frames that left `past`; see encodeMoments for how many. */
export function encodeChunk(
  p: Parameters,
  config: AutoencoderConfig,
  video: Node,
  past?: StreamState,
): Moments & { readonly state: StreamState } {
  const { moments, state } = encodeMoments(p, config, video, past);
  const mean = slice(moments, 1, 0, config.zDim);
  return { mean, logvar: clamp(slice(moments, 1, config.zDim), MIN_LOGVAR, MAX_LOGVAR), state };
}

/**
 * Mean and unclamped log variance in one tensor [B,2*zDim,T',H',W'], of the clip's first 1 + temporalFactor·k frames
 * (`past` undefined) or of temporalFactor·k later ones.
 * @throws ShapeError for another count of frames or sizes that the autoencoder does not divide
 */
export function encodeMoments(
  p: Parameters,
  config: AutoencoderConfig,
  video: Node,
  past?: StreamState,
): { readonly moments: Node; readonly state: StreamState } {
  checkChunk(config, video, past === undefined);
  const { place, state } = rootPlace(p, past);
  const features = encoder(place.at('encoder'), config, patchify(video, config.patchSize));
  return { moments: pointwiseConv(p, features, 'quant_conv', 2 * config.zDim), state: state() };
}

/**
 * Every parameter of both directions, in a stable order. A graph for a single frame asks for fewer: the convolutions that
 * join frames are not in it.
 */
export function autoencoderParameters(config: AutoencoderConfig): readonly ParameterSpec[] {
  const scope = parameterScope();
  const [edge, frames] = [spatialFactor(config), 1 + temporalFactor(config)];
  encode(scope.parameters, config, input('video', [1, config.inChannels / config.patchSize ** 2, frames, edge, edge]));
  decode(scope.parameters, config, input('latents', [1, config.zDim, 2, 1, 1]));
  return scope.specs();
}

/** Decodes any number of latent frames: the clip's first (`past` undefined), or those after the ones which left `past`. */
export function decodeChunk(
  p: Parameters,
  config: AutoencoderConfig,
  latents: Node,
  past?: StreamState,
): { readonly video: Node; readonly state: StreamState } {
  const { place, state } = rootPlace(p, past);
  const packed = decoder(place.at('decoder'), config, pointwiseConv(p, latents, 'post_quant_conv', config.zDim));
  return { video: unpatchify(packed, config.patchSize), state: state() };
}

function checkChunk(config: AutoencoderConfig, video: Node, isFirst: boolean): void {
  const [, , frames, height, width] = video.shape as [number, number, number, number, number];
  const [time, space] = [temporalFactor(config), spatialFactor(config)];
  const fits = isFirst ? (frames - 1) % time === 0 : frames % time === 0;
  if (!fits || height % space !== 0 || width % space !== 0) {
    throw new ShapeError(
      `A ${isFirst ? 'first' : 'later'} chunk of ${frames}x${height}x${width} (frames, height, width) does not fit ` +
        `compression ${time}x${space}x${space}.`,
    );
  }
}
