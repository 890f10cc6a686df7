// What moves where, as channels that are diffused together with the latents: where each latent cell lies on the actor. A large
// model learns from pixels alone how things move; a small one, in hours on a CPU, does not. Told to make the layout as well, it
// settles who is where first, as the layout shows through more noise than any pixel, and then paints what the layout says.
// After VideoJAM (Chefer et al. 2025, appearance and motion denoised jointly) and NOCS (Wang et al. 2019, coordinates on the
// object). Published checkpoints have none. Knows nothing of what an actor is.
import type { TransformerConfig } from './config.ts';

/** Coordinates (u, v) on the actor at the first and at the last frame that a latent frame stands for. */
export const LAYOUT_CHANNELS = 4;

/** Coordinates are cut here, in lengths of the actor from its middle, so that a cell far away just says on which side it is. */
export const LAYOUT_LIMIT = 1;

/**
 * Scales coordinates, so that the layout shows through more noise than latents of variance 1 do: smaller cells are more in number,
 * and together show as much through the noise with less each.
 * @param space pixels to the side of a latent cell
 */
export const layoutGain = (space: number): number => space / 8;

/** Channels that a transformer makes beyond the latents of its autoencoder. */
export const layoutChannels = ({ outChannels }: TransformerConfig, latentChannels: number): number =>
  outChannels - latentChannels;

/** Whether a transformer fits an autoencoder of so many channels. */
export const fitsLatents = (config: TransformerConfig, latentChannels: number): boolean =>
  [0, LAYOUT_CHANNELS].includes(layoutChannels(config, latentChannels));

/** Latents [outChannels,T,H,W] with this layout in place of theirs. */
export function withLayout(latents: Float32Array, layout: Float32Array): Float32Array {
  const given = latents.slice();
  given.set(layout, latents.length - layout.length);
  return given;
}

/** Latents [zDim,T,H,W] with an empty layout behind them, of `length` values in all. */
export function withEmptyLayout(latents: Float32Array, length: number): Float32Array {
  const wide = new Float32Array(length);
  wide.set(latents);
  return wide;
}
