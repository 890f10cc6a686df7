// Opens a text-to-video model: a folder as diffusers writes it, with Wan's transformer and autoencoder, a UMT5 or CLIP text
// tower and a flow scheduler. Reads configs and headers only; weights stay in their files until an engine maps them.
import { join } from 'node:path';
import { type AutoencoderConfig, parseAutoencoderConfig, spatialFactor } from '../compressor/config.ts';
import { isOriginalVae, originalVaeName } from '../compressor/original-names.ts';
import { checkClipSize, type ClipSize } from '../compressor/sizes.ts';
import { parsePixelStatistics, type PixelStatistics } from '../conditioning/clip-pixels.ts';
import { type ClipVisionConfig, parseClipVisionConfig } from '../conditioning/clip-vision.ts';
import type { NewWord } from '../conditioning/new-words.ts';
import { parseTextEncoderConfig, type TextEncoderModel } from '../conditioning/text-states.ts';
import { openTokenizer, type TextTokenizer } from '../conditioning/tokenizer.ts';
import { parseTransformerConfig, type TransformerConfig } from '../dit/config.ts';
import { fitsLatents } from '../dit/layout-channels.ts';
import { originalName, originalPrefix } from '../dit/original-names.ts';
import { parseSchedulerConfig, predictionOf, type SchedulerConfig } from '../dit/scheduler-config.ts';
import { ModelFileError } from '../graph/errors.ts';
import type { Weights } from '../graph/weights.ts';
import { type ModelComponent, type ModelFolder, openModelFolder, requireComponent } from '../io/model-folder.ts';
import { fingerprintOf } from './fingerprint.ts';
import { type ModelDefaults, readModelCard } from './model-defaults.ts';
import type { TinyDecoderFile } from './tiny-decoder-file.ts';
import { findModel } from './model-names.ts';
import { readSettings, type Settings } from './settings.ts';

export type { NewWord };

/** A network's configuration and where its weights lie. */
export interface Network<Config> {
  readonly config: Config;
  readonly weights: Weights;
  /** When 16-bit weights become float32; as their size suggests if left out. */
  readonly widen?: 'once' | 'late';
}

/** Wan 2.2 A14B has two transformers: `low` takes over where the noise falls below the boundary. */
export interface Experts {
  readonly low: Network<TransformerConfig>;
  /** Timestep 0..1000. */
  readonly boundary: number;
}

export interface Model {
  /** As it was asked for: a name such as `nano`, or an absolute path. */
  readonly name: string;
  readonly folder: string;
  /** Hash of all that a clip follows from; see fingerprint.ts. */
  readonly fingerprint: string;
  readonly transformer: Network<TransformerConfig>;
  readonly experts?: Experts;
  readonly autoencoder: Network<AutoencoderConfig>;
  readonly textEncoder: TextEncoderModel & Omit<Network<unknown>, 'config'> & { readonly modelId: string };
  readonly tokenizer: TextTokenizer;
  /** Names that LoRA files taught the transformer, and the words of the text tower that stand for them. */
  readonly newWords?: readonly NewWord[];
  /** CLIP's picture tower, of models that attend to pictures. */
  readonly imageEncoder?: Network<ClipVisionConfig> & { readonly statistics: PixelStatistics };
  readonly scheduler: SchedulerConfig;
  /** Text positions L that the transformer attends to. */
  readonly textLength: number;
  readonly masksPadding: boolean;
  /** Whether its text tower has a picture tower beside it whose vectors lie in the same space, as those of a CLIP. */
  readonly hasTowerPair: boolean;
  /** Whether it was taught with a clean first frame, by timesteps for each token, as Wan 2.2 TI2V. */
  readonly startsFromPicture: boolean;
  readonly defaults: ModelDefaults;
  /** Decodes in place of the autoencoder, where a request asks for it. */
  readonly tinyDecoder?: TinyDecoderFile;
  /** What the user should know of how a request has it opened. */
  readonly notices?: readonly string[];
  /** Memory that weights take where a request says how they are held; else they stay in their files, or are small. */
  readonly weightBytes?: { readonly steps: number; readonly text: number };
}

/**
 * Loads a model by name (`nano`, or a folder's name in TESSERA_MODELS) or by its folder.
 * @throws InvalidRequestError when there is no such model, ModelFileError when one of its files is missing or damaged
 */
export async function loadModel(nameOrFolder = 'nano', settings: Settings = readSettings()): Promise<Model> {
  const { name, folder } = await findModel(nameOrFolder, settings);
  const files = await openModelFolder(folder);
  const part = (component: string): ModelComponent => requireComponent(files, component);
  const [transformer, vae, text, tokens, schedule] = [
    part('transformer'),
    part('vae'),
    part('text_encoder'),
    part('tokenizer'),
    part('scheduler'),
  ];
  const scheduler = parseSchedulerConfig(schedule.config, join(schedule.folder, 'scheduler_config.json'));
  const predicting = predictionOf(schedule.config);
  const transformerOf = (component: ModelComponent) =>
    networkOf(component, (json, source) => parseTransformerConfig(json, source, predicting));
  const experts = expertsOf(files, transformerOf);
  const autoencoder = networkOf(vae, parseAutoencoderConfig);
  const { textLength, masksPadding, defaults } = await readModelCard(folder, {
    zDim: autoencoder.config.zDim,
    hasExperts: experts !== undefined,
  });
  const model: Model = {
    name,
    folder,
    fingerprint: await fingerprintOf(Object.values(files.components), { textLength, masksPadding }),
    transformer: transformerOf(transformer),
    ...(experts && { experts }),
    autoencoder,
    textEncoder: {
      ...parseTextEncoderConfig(text.config, join(text.folder, 'config.json')),
      weights: weightsOf(text),
      modelId: await fingerprintOf([text, tokens]),
    },
    tokenizer: await openTokenizer(tokens.folder),
    ...imageEncoderOf(files, transformer),
    scheduler,
    textLength,
    masksPadding,
    hasTowerPair: isTowerPair(files),
    startsFromPicture: files.index['expand_timesteps'] === true,
    defaults,
  };
  checkFit(model);
  return model;
}

/** Pixels that width and height must be a multiple of: the autoencoder's compression times the transformer's patch. */
export function edgeMultiple({ autoencoder, transformer }: Model): number {
  return spatialFactor(autoencoder.config) * Math.max(transformer.config.patchSize[1], transformer.config.patchSize[2]);
}

/** @throws InvalidRequestError naming the nearest sizes that the model takes */
export function checkModelSize(model: Model, size: ClipSize): void {
  checkClipSize(model.autoencoder.config, size, edgeMultiple(model));
}

type Parse<Config> = (json: unknown, source: string) => Config;

function networkOf<Config>(component: ModelComponent, parse: Parse<Config>): Network<Config> {
  const config = parse(component.config, join(component.folder, 'config.json'));
  return { config, weights: spelled(component, weightsOf(component)) };
}

/** Files in Wan's own spelling are read by the names of diffusers. */
function spelled({ weights: file }: ModelComponent, weights: Weights): Weights {
  const has = (name: string): boolean => file!.tensors.has(name) || file!.unsupported.has(name);
  const prefix = originalPrefix(has);
  if (prefix !== undefined) return (name) => weights(prefix + originalName(name));
  return isOriginalVae(has) ? (name) => weights(originalVaeName(name)) : weights;
}

function weightsOf({ folder, weights }: ModelComponent): Weights {
  if (weights === undefined) throw new ModelFileError(`${folder}: it has no weights. Download the model again.`);
  return weights.weights;
}

/** Other models may hold a picture tower too, which nothing here looks through. */
function imageEncoderOf(files: ModelFolder, transformer: ModelComponent): Pick<Model, 'imageEncoder'> {
  if (typeof transformer.config['image_dim'] !== 'number' && !isOriginalPictureModel(transformer)) return {};
  const tower = requireComponent(files, 'image_encoder');
  const json = tower.config['vision_config'] ?? tower.config;
  const config = parseClipVisionConfig(json, join(tower.folder, 'config.json'));
  const processor = files.components['image_processor'];
  const statistics = parsePixelStatistics(processor?.config ?? {}, processor?.folder);
  return { imageEncoder: { config, weights: weightsOf(tower), statistics } };
}

/** Both project into one space of equal width; a picture tower of Wan's has no projection. */
function isTowerPair({ components: { text_encoder: text, image_encoder: picture } }: ModelFolder): boolean {
  const widths = [text, picture].map((tower) => tower?.config['projection_dim']);
  const projects = [
    text?.weights?.tensors.has('text_projection.weight'),
    picture?.weights?.tensors.has('visual_projection.weight'),
  ];
  return typeof widths[0] === 'number' && widths[0] === widths[1] && !projects.includes(false);
}

const isOriginalPictureModel = ({ config }: ModelComponent): boolean =>
  config['model_type'] === 'i2v' || config['model_type'] === 'flf2v';

function expertsOf(
  files: ModelFolder,
  transformerOf: (component: ModelComponent) => Model['transformer'],
): Experts | undefined {
  const low = files.components['transformer_2'];
  if (low === undefined) return undefined;
  const ratio = files.index['boundary_ratio'];
  if (typeof ratio !== 'number' || !(ratio > 0 && ratio < 1)) {
    throw new ModelFileError(
      `${join(files.path, 'model_index.json')}: boundary_ratio must say at which noise level, between 0 and 1, transformer_2 takes over.`,
    );
  }
  return { low: transformerOf(low), boundary: ratio * 1000 };
}

/** Parts of different models can each be sound and yet not fit. */
function checkFit({ folder, transformer, autoencoder, textEncoder }: Model): void {
  const { outChannels, textDim } = transformer.config;
  const { zDim } = autoencoder.config;
  const refuse = (problem: string): never => {
    throw new ModelFileError(`${folder}: ${problem} They are of different models; download the model again.`);
  };
  if (!fitsLatents(transformer.config, zDim)) {
    refuse(`the transformer makes latents of ${outChannels} channels, the autoencoder takes ${zDim}.`);
  }
  if (textDim !== textEncoder.config.hiddenSize) {
    refuse(
      `the transformer takes text states ${textDim} wide, the text encoder makes ${textEncoder.config.hiddenSize}.`,
    );
  }
}
