// What a model is, for `tessera models info`: its parts, how large they are, what they are stored in. Reads headers only.
import { width } from '../dit/config.ts';
import { verifyModelFolder } from '../io/model-health.ts';
import { edgeMultiple, loadModel, type Model } from './model.ts';
import type { ModelDefaults } from './model-defaults.ts';
import { type MemoryPlan, planMemory } from './plan.ts';
import type { Settings } from './settings.ts';
import { visualKind } from './visual-kind.ts';

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
  /** Of a clip by default. */
  readonly memory: MemoryPlan;
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
    memory: planMemory(model, model.defaults),
  };
}

function architectureOf(model: Model): string {
  const { transformer, experts, autoencoder, textEncoder } = model;
  const { config } = transformer;
  const family = autoencoder.config.isResidual ? 'Wan 2.2' : 'Wan 2.1';
  const both = experts === undefined ? '' : `, two experts that change at noise ${experts.boundary / 1000}`;
  const text = textEncoder.kind === 'umt5' ? 'UMT5' : 'CLIP';
  return `${family}, ${kindOf(model)}: ${config.layers} layers, ${width(config)} wide, ${config.heads} heads${both}; text by ${text}`;
}

function kindOf(model: Model): string {
  const { posEmbedLength, imageDim } = model.transformer.config;
  const kind = visualKind(model);
  if (kind === 'control') return 'control video and references to video (VACE)';
  if (kind === 'timesteps') return 'text or picture to video';
  if (kind === 'none') return 'text to video';
  if (posEmbedLength !== null) return 'first and last frame to video';
  return imageDim !== null ? 'picture to video' : 'picture to video without image tokens';
}
