// The latents of a stage's scenes, through the autoencoder of a model, kept in the folder of a run.
import { join } from 'node:path';
import { parseAutoencoderConfig } from '../compressor/config.ts';
import { component } from './component.ts';
import { latentSource } from './latent-source.ts';
import { openLatentStore } from './latent-store.ts';
import type { TransformerRecipe } from './transformer.ts';
import { loadAtlas } from './world/atlas.ts';

export interface StageLatentsOptions {
  /** Model folder whose autoencoder encodes. */
  readonly model: string;
  /** Folder of the run. */
  readonly run: string;
  /** Clips that are remembered. */
  readonly keep: number;
  /** Of the encoder; all cores if left out. */
  readonly threads?: number;
}

/** @throws ModelFileError when the model has no autoencoder */
export async function openStageLatents(
  { world }: TransformerRecipe,
  { model, run, keep, threads }: StageLatentsOptions,
) {
  const atlas = await loadAtlas(world.styles, world.nouns);
  const vae = await component(model, 'vae');
  const autoencoder = parseAutoencoderConfig(vae.config);
  const store = await openLatentStore(join(run, 'latents'), vae.file.path);
  const options = { atlas, keep, store, ...(threads !== undefined && { threads }) };
  return { vae, autoencoder, latents: latentSource(autoencoder, vae.weights, options) };
}
