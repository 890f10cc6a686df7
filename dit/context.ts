// What the tokens attend to: text states and image tokens, brought to the transformer's width
// (PixArtAlphaTextProjection and WanImageEmbedding of diffusers).
import { add, gelu, layerNorm, mul, reshape, sub } from '../graph/build.ts';
import { ShapeError } from '../graph/errors.ts';
import type { Node } from '../graph/node.ts';
import type { Parameters } from '../graph/parameters.ts';
import { width } from './config.ts';
import type { TransformerConfig } from './config.ts';
import { dense, ones, zeros } from './linear.ts';

/** Image-to-video models of the reference take exactly so many text positions; padding is part of their input. */
const TEXT_POSITIONS_WITH_IMAGE = 512;
/** Weight of a padded position after the softmax: e^-10000 = 0. */
const MASKED = 1e4;
/** WanImageEmbedding keeps PyTorch's default, unlike every other norm of the model. */
const IMAGE_NORM_EPS = 1e-5;

/** text states [B,L,textDim] -> [B,L,D]; p is at `text_embedder`. */
export function textContext(p: Parameters, config: TransformerConfig, text: Node): Node {
  const hidden = gelu(dense(p.at('linear_1'), text, width(config)), 'tanh');
  return dense(p.at('linear_2'), hidden, width(config));
}

/** The value of a mask that multiplies a token's weight in attention by a share of 0 to 1, before they are made to sum to 1. */
export const maskOfShare = (share: number): number => (share === 0 ? 0 : 1 + Math.log(share) / MASKED);

/** mask [B,L], 1 for a word and 0 for padding -> [B,1,1,L], added to attention scores. */
export function textBias(mask: Node): Node {
  const [batch, length] = mask.shape as [number, number];
  return reshape(mul(sub(mask, 1), MASKED), [batch, 1, 1, length]);
}

/**
 * image tokens [B,L,imageDim] -> [B,L,D]; p is at `image_embedder`.
 * First-and-last-frame models take two pictures per clip, [2B,L,imageDim] -> [B,2L,D], with a learned position each.
 */
export function imageContext(p: Parameters, config: TransformerConfig, image: Node): Node {
  const dim = image.shape[2]!;
  const norm = (at: Parameters, x: Node): Node => {
    const size = [x.shape.at(-1)!];
    return layerNorm(x, { scale: at('weight', size, ones), bias: at('bias', size, zeros), eps: IMAGE_NORM_EPS });
  };
  const normed = norm(p.at('norm1'), withPositions(p, config, image));
  const hidden = gelu(dense(p.at('ff.net.0.proj'), normed, dim), 'none');
  return norm(p.at('norm2'), dense(p.at('ff.net.2'), hidden, width(config)));
}

function withPositions(p: Parameters, config: TransformerConfig, image: Node): Node {
  if (config.posEmbedLength === null) return image;
  const [pictures, length, dim] = image.shape as [number, number, number];
  if (2 * length !== config.posEmbedLength || pictures % 2 !== 0) {
    throw new ShapeError(
      `Image tokens [${image.shape.join(',')}]: this model takes two pictures of ${config.posEmbedLength / 2} tokens per clip.`,
    );
  }
  return add(reshape(image, [pictures / 2, 2 * length, dim]), p('pos_embed', [1, config.posEmbedLength, dim], zeros));
}

/** Throws ShapeError when text or image tokens are not what the model takes. */
export function checkContext(config: TransformerConfig, text: Node, image: Node | undefined): void {
  if (text.shape.length !== 3 || text.shape[2] !== config.textDim) {
    throw new ShapeError(`Text states [${text.shape.join(',')}] must be [B,L,${config.textDim}].`);
  }
  if (image === undefined) return;
  if (!config.attendsToImage || image.shape[2] !== config.imageDim) {
    throw new ShapeError(
      `Image tokens [${image.shape.join(',')}] do not fit a model with image_dim ${config.imageDim ?? 'null'}.`,
    );
  }
  if (text.shape[1] !== TEXT_POSITIONS_WITH_IMAGE) {
    throw new ShapeError(
      `Beside image tokens, text must have ${TEXT_POSITIONS_WITH_IMAGE} positions, not ${text.shape[1]!}.`,
    );
  }
}
