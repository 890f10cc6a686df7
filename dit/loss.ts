// The flow-matching loss (Lipman et al. 2023; Liu et al. 2023) as a graph: noises clips to given levels, asks the transformer
// for the velocity noise - clip, and compares. Differentiable in the parameters; the host draws levels and noise.
import { add, concat, div, greater, maximum, mean, mul, square, sub, sum } from '../graph/build.ts';
import type { Node } from '../graph/node.ts';
import type { Parameters } from '../graph/parameters.ts';
import type { TransformerConfig } from './config.ts';
import { cellsOfTokens, tokenGrid } from './patchify.ts';
import { TRAIN_TIMESTEPS, velocity } from './transformer.ts';
import type { VelocityInputs } from './transformer.ts';

/**
 * A predicted clip's error counts as the velocity's, which is it over sigma, but no more than at this level: where there is less noise the
 * few finest details would outweigh all else, and an untrained model would learn nothing but them.
 */
const STEEP_SIGMA = 0.3;

export interface LossInputs extends Pick<VelocityInputs, 'text' | 'textMask' | 'image'> {
  /** Normalised latents of real clips [B,outChannels,T,H,W]. */
  readonly clips: Node;
  /** Standard normal [B,outChannels,T,H,W]. */
  readonly noise: Node;
  /** Noise levels in [0,1]: [B], or per token frame [B,F], or per token [B,N]. Where it is 0 the clip is given, not learned. */
  readonly sigma: Node;
  /** Weight of each latent cell in its sample's mean [B,1,T,H,W]. */
  readonly weights: Node;
  /** Weight of each channel in a cell's mean [1,outChannels,1,1,1]; 1 each if left out. */
  readonly channelWeights?: Node | undefined;
  /** Channels behind the noisy latents of image-to-video models [B,inChannels-outChannels,T,H,W]. */
  readonly channels?: Node | undefined;
}

export interface FlowMatchingLoss {
  /** Mean over samples, []. */
  readonly loss: Node;
  /** Weighted mean squared error of each sample [B], for logs by noise level. */
  readonly perSample: Node;
  /** The velocity [B,outChannels,T,H,W]. */
  readonly velocity: Node;
}

/**
 * x_sigma = (1 - sigma) clip + sigma noise;
 * loss_b = sum_cells w mean_channels (v(x_sigma, 1000 sigma) - (noise - clip))^2 / sum_cells w, w = 0 where sigma = 0;
 * where the clip is predicted, its error over max(sigma, 0.3) takes the velocity's place.
 */
export function flowMatchingLoss(p: Parameters, config: TransformerConfig, inputs: LossInputs): FlowMatchingLoss {
  const { clips, noise, sigma, text, textMask, image, channels } = inputs;
  const levels = cellsOfTokens(config, sigma, tokenGrid(config, clips.shape)); // broadcasts over [B,C,T,H,W]
  const target = sub(noise, clips);
  const noisy = add(clips, mul(levels, target));
  const predicted = velocity(p, config, {
    latents: channels ? concat([noisy, channels], 1) : noisy,
    timestep: mul(sigma, TRAIN_TIMESTEPS),
    text,
    textMask,
    image,
  });
  const weights = mul(inputs.weights, greater(levels, 0)); // [B,1,T,H,W]
  const errors = sub(predicted, target);
  const squares = square(
    config.prediction === 'sample' ? mul(errors, div(levels, maximum(levels, STEEP_SIGMA))) : errors,
  );
  const cellErrors = mean(inputs.channelWeights ? mul(squares, inputs.channelWeights) : squares, [1], {
    keepDims: true,
  }); // [B,1,T,H,W]
  const cells = [1, 2, 3, 4];
  const perSample = div(sum(mul(cellErrors, weights), cells), maximum(sum(weights, cells), 1e-6)); // [B]
  return { loss: mean(perSample, [0]), perSample, velocity: predicted };
}
