// The transformer works on latents of mean 0 and deviation 1 in each channel; the autoencoder's own are as its config says.
import { ShapeError } from '../graph/errors.ts';
import { floats, type Tensor, tensor } from '../graph/tensor.ts';
import type { AutoencoderConfig } from './config.ts';

/** (z - latents_mean) / latents_std per channel; z [B,zDim,T,H,W] as the encoder gives it. */
export function normalizeLatents(config: AutoencoderConfig, latents: Tensor): Tensor {
  return perChannel(config, latents, (z, mean, std) => (z - mean) / std);
}

/** z * latents_std + latents_mean per channel: what the decoder takes. */
export function denormalizeLatents(config: AutoencoderConfig, latents: Tensor): Tensor {
  return perChannel(config, latents, (z, mean, std) => z * std + mean);
}

type Scaling = (z: number, mean: number, std: number) => number;

function perChannel({ zDim, latentsMean, latentsStd }: AutoencoderConfig, latents: Tensor, scaling: Scaling): Tensor {
  const [batch, channels, ...positions] = latents.shape;
  if (channels !== zDim) throw new ShapeError(`Latents of shape [${latents.shape.join(',')}] need ${zDim} channels.`);
  const stride = positions.reduce((product, extent) => product * extent, 1);
  const scaled = Float32Array.from(floats(latents));
  for (let plane = 0; plane < batch! * zDim; plane++) {
    const [mean, std] = [latentsMean[plane % zDim]!, latentsStd[plane % zDim]!];
    for (let i = plane * stride; i < (plane + 1) * stride; i++) scaled[i] = scaling(scaled[i]!, mean, std);
  }
  return tensor(scaled, latents.shape);
}
