// What the autoencoder is trained on: to give the clip back (Kingma 2014's evidence bound with a Laplace likelihood), with
// latents held near a standard normal by a small weight, and, where wanted, edges as sharp as the clip's own.
import { abs, add, exp, mean, mul, slice, square, sub } from '../graph/build.ts';
import type { Node } from '../graph/node.ts';
import type { Parameters } from '../graph/parameters.ts';
import { decode, encode, type Moments } from './autoencoder.ts';
import type { AutoencoderConfig } from './config.ts';

/** What goes into one training step. */
export interface LossInputs {
  /** Clips [B,3,T,H,W] in [-1,1]. */
  readonly video: Node;
  /** Standard normal noise of the latents' shape [B,zDim,T',H',W']. */
  readonly noise: Node;
}

/** Weights of the parts beside the mean absolute error; all parts are means over elements. */
export interface LossWeights {
  /** Of the divergence from a standard normal, per latent element; around 1e-4. */
  readonly kl: number;
  /** Of the mean squared error, which the PSNR counts. */
  readonly squared: number;
  /** Of the absolute error between neighbouring pixels' differences; around 0.5 to 1, 0 leaves it out. */
  readonly edges: number;
}

export const defaultLossWeights = { kl: 1e-4, squared: 0, edges: 0 } satisfies LossWeights;

/** The loss and what it is made of, each one element, unweighted. */
export interface AutoencoderLoss {
  readonly loss: Node;
  readonly parts: { readonly absolute: Node; readonly squared: Node; readonly kl: Node; readonly edges: Node };
  /** The clips as they came back, [B,3,T,H,W]. */
  readonly reconstruction: Node;
  readonly moments: Moments;
}

/** absolute + kl·KL(q(z|x) ‖ N(0,1)) + squared·MSE + edges·edgeLoss, for z = mean + exp(logvar/2)·noise. */
export function autoencoderLoss(
  p: Parameters,
  config: AutoencoderConfig,
  { video, noise }: LossInputs,
  weights: LossWeights = defaultLossWeights,
): AutoencoderLoss {
  const moments = encode(p, config, video);
  const latents = add(moments.mean, mul(exp(mul(moments.logvar, 0.5)), noise));
  const reconstruction = decode(p, config, latents);
  const { loss, parts } = reconstructionLoss(reconstruction, video, weights);
  const kl = divergence(moments);
  return { loss: add(loss, mul(kl, weights.kl)), parts: { ...parts, kl }, reconstruction, moments };
}

/** absolute + squared·MSE + edges·edgeLoss between two clips [B,3,T,H,W]. */
export function reconstructionLoss(
  reconstruction: Node,
  video: Node,
  weights: Pick<LossWeights, 'squared' | 'edges'>,
): Pick<AutoencoderLoss, 'loss'> & { readonly parts: Omit<AutoencoderLoss['parts'], 'kl'> } {
  const error = sub(reconstruction, video);
  const parts = { absolute: overall(abs(error)), squared: overall(square(error)), edges: edgeError(error) };
  const weighted = (['squared', 'edges'] as const)
    .filter((part) => weights[part] !== 0)
    .map((part) => mul(parts[part], weights[part]));
  return { loss: weighted.reduce((total, part) => add(total, part), parts.absolute), parts };
}

/** KL(N(mean, exp(logvar)) ‖ N(0, 1)) = (mean² + exp(logvar) - 1 - logvar) / 2, averaged over latent elements. */
function divergence({ mean: centre, logvar }: Moments): Node {
  return mul(overall(sub(add(square(centre), exp(logvar)), add(logvar, 1))), 0.5);
}

/** Mean absolute difference of neighbouring errors, along height and along width: zero where edges are as sharp as they were. */
function edgeError(error: Node): Node {
  const along = (axis: number) => overall(abs(sub(slice(error, axis, 1), slice(error, axis, 0, -1))));
  return add(along(3), along(4));
}

function overall(x: Node): Node {
  return mean(x, [0, 1, 2, 3, 4]);
}
