// What a model is, for `tessera models info`: its parts, how large they are, what they are stored in. Reads headers only.
import type { TransformerConfig } from '../dit/config.ts';
import { width } from '../dit/config.ts';
import { verifyModelFolder } from '../io/model-health.ts';
import { edgeMultiple, loadModel, type Model } from './model.ts';
import type { ModelDefaults } from './model-defaults.ts';
import type { Settings } from './settings.ts';

export interface PartInfo {
  readonly name: string;
  readonly className: string;
  readonly parameters: number;
  readonly sizeBytes: number;
  /** Types that occur in its files, e.g. ['bfloat16']. */
  readonly dtypes: readonly string[];
}

export interface ModelInfo {
  readonly name: string;
  readonly folder: string;
  readonly pipeline: string | undefined;
  /** In words, e.g. `Wan 2.1: 30 layers, 1536 wide, 12 heads`. */
  readonly architecture: string;
  readonly parameters: number;
  readonly sizeBytes: number;
  readonly parts: readonly PartInfo[];
  readonly sizesAreMultiplesOf: number;
  readonly defaults: ModelDefaults;
}

/** @throws InvalidRequestError when there is no such model, ModelFileError when it cannot be opened */
export async function modelInfo(nameOrFolder: string, settings: Settings): Promise<ModelInfo> {
  const model = await loadModel(nameOrFolder, settings);
  const { className, parameters, sizeBytes, components } = await verifyModelFolder(model.folder);
  const parts = components
    .filter(({ files }) => files.length > 0)
    .map(({ name, className: kind, files }) => ({
      name,
      className: kind,
      parameters: files.reduce((sum, file) => sum + file.parameters, 0),
      sizeBytes: files.reduce((sum, file) => sum + file.sizeBytes, 0),
      dtypes: [...new Set(files.flatMap(({ dtypes }) => dtypes))].sort(),
    }));
  return {
    name: model.name,
    folder: model.folder,
    pipeline: className,
    architecture: architectureOf(model),
    parameters,
    sizeBytes,
    parts,
    sizesAreMultiplesOf: edgeMultiple(model),
    defaults: model.defaults,
  };
}

function architectureOf({ transformer, experts, autoencoder, textEncoder }: Model): string {
  const { config } = transformer;
  const family = autoencoder.config.isResidual ? 'Wan 2.2' : 'Wan 2.1';
  const both = experts === undefined ? '' : `, two experts that change at noise ${experts.boundary / 1000}`;
  const text = textEncoder.kind === 'umt5' ? 'UMT5' : 'CLIP';
  return `${family}, ${kindOf(config)}: ${config.layers} layers, ${width(config)} wide, ${config.heads} heads${both}; text by ${text}`;
}

function kindOf({ posEmbedLength, imageDim, inChannels, outChannels }: TransformerConfig): string {
  if (posEmbedLength !== null) return 'first and last frame to video';
  if (imageDim !== null) return 'picture to video';
  return inChannels > 2 * outChannels ? 'picture to video without image tokens' : 'text to video';
}
