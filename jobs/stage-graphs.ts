// The graphs of a render's stages, compiled to be counted and not to be run: operations, and bytes of weights.
import { decode, encode } from '../compressor/autoencoder.ts';
import { tinyDecoderGraph } from '../compressor/open-tiny-decoder.ts';
import { latentShape } from '../compressor/sizes.ts';
import { clipTextStates } from '../conditioning/clip-text.ts';
import { clipVisionStates } from '../conditioning/clip-vision.ts';
import { umt5States } from '../conditioning/umt5.ts';
import { velocity } from '../dit/transformer.ts';
import { input } from '../graph/build.ts';
import { compile, type CompiledGraph } from '../graph/compile.ts';
import { parameterScope } from '../graph/parameters.ts';
import type { Guided } from './memory.ts';
import type { Model } from './model.ts';
import type { Render } from './resolve-request.ts';

export type ClipSize = Pick<Render, 'width' | 'height' | 'frames' | 'reference'> & Guided;

export const TEXT_TOKENS = 64;

export function textGraph({ textEncoder, textLength }: Model): CompiledGraph {
  const p = parameterScope().parameters;
  const ids = input('ids', [1, Math.min(TEXT_TOKENS, textLength)], 'int32');
  const states =
    textEncoder.kind === 'clip' ? clipTextStates(p, textEncoder.config, ids) : umt5States(p, textEncoder.config, ids);
  const { weights, widen } = textEncoder;
  return compile({ outputs: { states: states.lastHiddenState }, weights, ...(widen && { widen }) });
}

/** Of a model with a picture tower. */
export function lookGraph({ imageEncoder }: Model, pictures: number): CompiledGraph {
  const { config, weights } = imageEncoder!;
  const pixels = input('pixels', [pictures, config.channels, config.imageSize, config.imageSize]);
  const { penultimateHiddenState } = clipVisionStates(parameterScope().parameters, config, pixels);
  return compile({ outputs: { states: penultimateHiddenState }, weights });
}

/** Tokens that a picture tower makes of a picture: its patches and one for all; 257 in the published ones. */
export const pictureTokens = ({ imageEncoder }: Model): number =>
  imageEncoder === undefined ? 257 : 1 + (imageEncoder.config.imageSize / imageEncoder.config.patchSize) ** 2;

export function encodeGraph(model: Model, { width, height }: ClipSize, frames: number): CompiledGraph {
  const { config, weights } = model.autoencoder;
  const { mean } = encode(parameterScope().parameters, config, input('video', [1, 3, frames, height, width]));
  return compile({ outputs: { mean }, weights });
}

/** One pass of the transformer; of two experts only the one that runs is open. */
export function stepGraph(model: Model, size: ClipSize): CompiledGraph {
  const { config, weights, widen } = model.transformer;
  const [, , frames, ...plane] = latentShape(model.autoencoder.config, size) as [number, number, number, number];
  const grid = [frames + (size.reference?.length ?? 0), ...plane]; // references stand in front of the clip
  const image = config.posEmbedLength === null ? [1, pictureTokens(model)] : [2, config.posEmbedLength / 2];
  const node = velocity(parameterScope().parameters, config, {
    latents: input('latents', [1, config.inChannels, ...grid]),
    timestep: input('timestep', [1]),
    text: input('text', [1, model.textLength, config.textDim]),
    ...(config.imageDim !== null && { image: input('image', [...image, config.imageDim]) }),
    ...(config.vace && { control: input('control', [1, config.vace.inChannels, ...grid]) }),
  });
  return compile({ outputs: { velocity: node }, weights, ...(widen && { widen }) });
}

/** Of a whole clip; a tiny decoder's graph runs `runs` times, for each latent frame. */
export function decodeGraph(model: Model, size: ClipSize): { readonly graph: CompiledGraph; readonly runs: number } {
  const { config, weights } = model.autoencoder;
  const shape = latentShape(config, size);
  const [, , frames, h, w] = shape as [number, number, number, number, number];
  if (model.tinyDecoder !== undefined) return { graph: tinyDecoderGraph(model.tinyDecoder, h, w), runs: frames };
  const video = decode(parameterScope().parameters, config, input('z', shape));
  return { graph: compile({ outputs: { video }, weights }), runs: 1 };
}
