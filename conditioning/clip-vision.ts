// CLIP's picture tower (Radford et al. 2021, section 2.4: a ViT; transformers' CLIPVisionModelWithProjection).
// Wan's image-to-video models read its last but one hidden states, all tokens, without the final norm.
// Takes pixels that are already resized and normalised; knows no picture files.
import { z } from 'zod';
import { add, concat, expand, linear, reshape, slice, transpose } from '../graph/build.ts';
import { ShapeError } from '../graph/errors.ts';
import type { Node } from '../graph/node.ts';
import type { Parameters } from '../graph/parameters.ts';
import { clipEncoder, clipNorm, clipTowerKeys, type ClipTowerConfig } from './clip-encoder.ts';
import { count, readModelConfig } from './model-config.ts';

export interface ClipVisionConfig extends ClipTowerConfig {
  readonly channels: number;
  /** Width and height of the picture, pixels. */
  readonly imageSize: number;
  /** Width and height of a patch, pixels; divides imageSize. */
  readonly patchSize: number;
}

const clipVisionJson = z
  .object({
    ...clipTowerKeys,
    model_type: z.literal('clip_vision_model'),
    hidden_size: count.default(768),
    intermediate_size: count.default(3072),
    num_hidden_layers: count.default(12),
    num_attention_heads: count.default(12),
    num_channels: count.default(3),
    image_size: count.default(224),
    patch_size: count.default(32),
  })
  .refine((c) => c.hidden_size % c.num_attention_heads === 0, {
    path: ['num_attention_heads'],
    message: 'does not divide hidden_size',
  })
  .refine((c) => c.image_size % c.patch_size === 0, { path: ['patch_size'], message: 'does not divide image_size' })
  .transform((c): ClipVisionConfig => ({
    channels: c.num_channels,
    imageSize: c.image_size,
    patchSize: c.patch_size,
    hiddenSize: c.hidden_size,
    intermediateSize: c.intermediate_size,
    projectionSize: c.projection_dim,
    layers: c.num_hidden_layers,
    heads: c.num_attention_heads,
    activation: c.hidden_act,
    eps: c.layer_norm_eps,
  }));

/** Reads the config.json of a CLIP picture tower. @throws ModelFileError */
export function parseClipVisionConfig(json: unknown, file = 'config.json'): ClipVisionConfig {
  return readModelConfig(clipVisionJson, json, file);
}

export interface ClipVisionStates {
  /** After pre_layrnorm, then each layer's output, not normed; [layers + 1] of [B,1 + patches,D]. */
  readonly hiddenStates: readonly Node[];
  /** The last layer's output, [B,1 + patches,D]; not normed, as in transformers. */
  readonly lastHiddenState: Node;
  /** The last but one, which Wan's image-to-video models attend to; [B,1 + patches,D]. */
  readonly penultimateHiddenState: Node;
}

/** States of the class token (first) and of every patch (row by row). @param pixels [B,channels,imageSize,imageSize] */
export function clipVisionStates(p: Parameters, config: ClipVisionConfig, pixels: Node): ClipVisionStates {
  const model = p.at('vision_model');
  const embedded = embeddings(model.at('embeddings'), config, pixels); // [B,1 + patches,D]
  const x = clipNorm(model.at('pre_layrnorm'), embedded, config.eps); // the reference's spelling
  const hiddenStates = clipEncoder(model.at('encoder'), config, x);
  return { hiddenStates, lastHiddenState: hiddenStates.at(-1)!, penultimateHiddenState: hiddenStates.at(-2)! };
}

function embeddings(p: Parameters, config: ClipVisionConfig, pixels: Node): Node {
  const { hiddenSize, imageSize, patchSize } = config;
  const batch = pixels.shape[0]!;
  const tokens = (imageSize / patchSize) ** 2 + 1;
  const classToken = p('class_embedding', [hiddenSize], { kind: 'normal', std: hiddenSize ** -0.5 });
  const first = expand(reshape(classToken, [1, 1, hiddenSize]), [batch, 1, hiddenSize]);
  const x = concat([first, patchTokens(p, config, pixels)], 1); // [B,1 + patches,D]
  return add(x, p('position_embedding.weight', [tokens, hiddenSize], { kind: 'normal', std: 0.02 }));
}

/** The reference's strided convolution, written as a matrix product over whole patches: [B,C,H,W] -> [B,patches,D]. */
function patchTokens(p: Parameters, config: ClipVisionConfig, pixels: Node): Node {
  const { channels, hiddenSize, imageSize, patchSize } = config;
  const batch = pixels.shape[0]!;
  const expected = [batch, channels, imageSize, imageSize];
  if (pixels.shape.join() !== expected.join()) {
    throw new ShapeError(`CLIP's picture tower takes pixels [${expected.join()}], not [${pixels.shape.join()}].`);
  }
  const side = imageSize / patchSize;
  const patchWidth = channels * patchSize * patchSize;
  const split = reshape(pixels, [batch, channels, side, patchSize, side, patchSize]);
  const patches = reshape(transpose(split, [0, 2, 4, 1, 3, 5]), [batch, side * side, patchWidth]);
  const kernel = p('patch_embedding.weight', [hiddenSize, channels, patchSize, patchSize], {
    kind: 'normal',
    std: 0.02,
  });
  return linear(patches, reshape(kernel, [hiddenSize, patchWidth]));
}

export interface ClipImageEmbeds {
  /** The class token after post_layernorm, [B,D]. */
  readonly poolerOutput: Node;
  /** The picture's vector in the space shared with sentences (not normalised), [B,projection]. */
  readonly imageEmbeds: Node;
}

/** The picture's own vector out of the last hidden states [B,1 + patches,D]. */
export function clipImageEmbeds(p: Parameters, config: ClipVisionConfig, lastHiddenState: Node): ClipImageEmbeds {
  const { hiddenSize, projectionSize } = config;
  const batch = lastHiddenState.shape[0]!;
  const classState = reshape(slice(lastHiddenState, 1, 0, 1), [batch, hiddenSize]);
  const poolerOutput = clipNorm(p.at('vision_model').at('post_layernorm'), classState, config.eps);
  const init = { kind: 'normal', std: hiddenSize ** -0.5 } as const;
  const imageEmbeds = linear(poolerOutput, p('visual_projection.weight', [projectionSize, hiddenSize], init));
  return { poolerOutput, imageEmbeds };
}
