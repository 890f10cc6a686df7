// Finds the file of a tiny decoder: the one that is named, or the one that lies beside the model or in a folder of models.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { temporalFactor, spatialFactor } from '../compressor/config.ts';
import type { TinyDecoderNetwork } from '../compressor/open-tiny-decoder.ts';
import { framesPerLatent, tinyDecoderConfig } from '../compressor/tiny-decoder.ts';
import { InvalidRequestError, ModelFileError } from '../graph/errors.ts';
import { openSafetensors } from '../io/safetensors.ts';
import type { Model } from './model.ts';
import type { Settings } from './settings.ts';

export interface TinyDecoderFile extends TinyDecoderNetwork {
  readonly path: string;
  readonly sha256: string;
}

/** What stands for each autoencoder, by the channels of its latents. */
const usualNames: Readonly<Record<number, string>> = { 16: 'taew2_1.safetensors', 48: 'taew2_2.safetensors' };

/**
 * Opens what `--decoder tiny` or `tiny:<file or folder>` means for a model.
 * @throws InvalidRequestError when there is none, ModelFileError when it does not fit the model's latents
 */
export async function openTinyDecoderFile(decoder: string, model: Model, settings: Settings): Promise<TinyDecoderFile> {
  const named = decoder === 'tiny' ? undefined : resolve(decoder.slice('tiny:'.length));
  const path = await findFile(named, model, settings);
  const file = await openSafetensors(path);
  const config = tinyDecoderConfig((name) => file.tensors.get(name)?.shape, path);
  const { config: full } = model.autoencoder;
  const [time, space] = [framesPerLatent(config), 8 * config.patchSize];
  if (config.latentChannels !== full.zDim || time !== temporalFactor(full) || space !== spatialFactor(full)) {
    throw new ModelFileError(
      `${path} decodes latents of ${config.latentChannels} channels to ${time} frames of ${space}x${space} pixels; ${model.name} has ${full.zDim} channels, ${temporalFactor(full)} frames and ${spatialFactor(full)}x${spatialFactor(full)}. Use ${usualNames[full.zDim] ?? 'another one'}.`,
    );
  }
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return { config, weights: file.weights, path, sha256: hash.digest('hex') };
}

async function findFile(named: string | undefined, model: Model, { modelFolders }: Settings): Promise<string> {
  const usual = usualNames[model.autoencoder.config.zDim];
  const places = named === undefined ? [join(model.folder, 'tiny_decoder'), model.folder, ...modelFolders] : [named];
  for (const place of places) {
    const isFile = await stat(place).then((found) => found.isFile(), () => false); // prettier-ignore
    if (isFile) return place;
    const names = (await readdir(place).catch(() => [])).filter((name) => name.endsWith('.safetensors'));
    const found = names.find((name) => name === usual) ?? (isOwn(place) && names.length === 1 ? names[0] : undefined);
    if (found !== undefined) return join(place, found);
  }
  const where = named ?? [join(model.folder, 'tiny_decoder'), ...modelFolders].join(', ');
  throw new InvalidRequestError(
    `decoder (=tiny): there is no ${usual ?? 'tiny decoder'} in ${where}. Get it from the repository madebyollin/taehv (folder safetensors) and name it: tiny:<file>.`,
  );

  function isOwn(place: string): boolean {
    return place === named || place.endsWith('tiny_decoder');
  }
}
