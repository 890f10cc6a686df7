// Latents to tokens and back. A token is a box of pt x ph x pw latent cells; tokens run through time first, then height,
// then width. Patch embedding is Wan's Conv3d with kernel = stride = patch, computed as one matrix product over patches.
import { expand, linear, reshape, transpose } from '../graph/build.ts';
import { ShapeError } from '../graph/errors.ts';
import type { Node } from '../graph/node.ts';
import type { Parameters } from '../graph/parameters.ts';
import { width } from './config.ts';
import type { TransformerConfig } from './config.ts';
import { xavier, zeros } from './linear.ts';

/** How many tokens a clip has along time, height and width. */
export interface TokenGrid {
  readonly frames: number;
  readonly rows: number;
  readonly columns: number;
}

export const tokenCount = (grid: TokenGrid): number => grid.frames * grid.rows * grid.columns;

/** The tokens of latents [..., T, H, W]. Throws ShapeError when the patch does not divide them. */
export function tokenGrid(config: TransformerConfig, latentShape: readonly number[]): TokenGrid {
  const [frames, rows, columns] = latentShape.slice(-3).map((extent, i) => extent / config.patchSize[i]!);
  if (![frames, rows, columns].every(Number.isInteger)) {
    throw new ShapeError(
      `Latents [${latentShape.join(',')}] do not divide into patches of ${config.patchSize.join('x')}.`,
    );
  }
  return { frames: frames!, rows: rows!, columns: columns! };
}

/** latents [B,C,T,H,W] -> tokens [B,N,D]. */
export function patchEmbedding(p: Parameters, config: TransformerConfig, latents: Node): Node {
  const [pt, ph, pw] = config.patchSize;
  const [batch, channels] = latents.shape as [number, number];
  const grid = tokenGrid(config, latents.shape);
  const { frames, rows, columns } = grid;
  const patchLength = channels * pt * ph * pw;
  const boxes = reshape(latents, [batch, channels, frames, pt, rows, ph, columns, pw]);
  const ordered = transpose(boxes, [0, 2, 4, 6, 1, 3, 5, 7]); // [B,F,R,K,C,pt,ph,pw]
  const patches = reshape(ordered, [batch, tokenCount(grid), patchLength]); // [B,N,C*pt*ph*pw]
  const kernel = p('weight', [width(config), channels, pt, ph, pw], xavier(patchLength, width(config)));
  return linear(patches, reshape(kernel, [width(config), patchLength]), p('bias', [width(config)], zeros));
}

/** tokens [B,N,pt*ph*pw*C], channels fastest -> latents [B,C,T,H,W]. */
export function unpatchify(config: TransformerConfig, tokens: Node, grid: TokenGrid): Node {
  const [pt, ph, pw] = config.patchSize;
  const { frames, rows, columns } = grid;
  const [batch, channels] = [tokens.shape[0]!, config.outChannels];
  const boxes = reshape(tokens, [batch, frames, rows, columns, pt, ph, pw, channels]);
  const ordered = transpose(boxes, [0, 7, 1, 4, 2, 5, 3, 6]); // [B,C,F,pt,R,ph,K,pw]
  return reshape(ordered, [batch, channels, frames * pt, rows * ph, columns * pw]);
}

/** Values per sample [B], per token frame [B,F] or per token [B,N] -> per latent cell, broadcasting to [B,C,T,H,W]. */
export function cellsOfTokens(config: TransformerConfig, values: Node, grid: TokenGrid): Node {
  const [batch, groups = 1] = values.shape as [number, number?];
  const { frames, rows, columns } = grid;
  const extents =
    groups === 1
      ? [1, 1, 1]
      : groups === frames
        ? [frames, 1, 1]
        : groups === tokenCount(grid)
          ? [frames, rows, columns]
          : [];
  if (extents.length === 0)
    throw new ShapeError(`[${values.shape.join(',')}] has neither a value per sample, frame nor token.`);
  const repeats = extents.map((extent, i) => (extent === 1 ? 1 : config.patchSize[i]!));
  const split = extents.flatMap((extent) => [extent, 1]);
  const spread = extents.flatMap((extent, i) => [extent, repeats[i]!]);
  const boxes = expand(reshape(values, [batch, 1, ...split]), [batch, 1, ...spread]); // [B,1,F,pt,R,ph,K,pw]
  return reshape(boxes, [batch, 1, ...extents.map((extent, i) => extent * repeats[i]!)]);
}
