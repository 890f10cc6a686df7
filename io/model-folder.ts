// A model on disk as diffusers writes it: model_index.json names the components, each has a folder with its
// config and, for neural networks, weights as .safetensors. Configs stay unknown JSON: the code that builds
// a component checks what it uses. Opening reads headers only, so a model of many gigabytes opens in milliseconds.

import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ModelFileError } from '../graph/errors.ts';
import { isRecord, readJsonFile } from './json.ts';
import { openSafetensors, openSafetensorsIndex, type SafetensorsFile } from './safetensors.ts';

/** One component: a network (with weights), or a scheduler, tokenizer or processor (without). */
export interface ModelComponent {
  /** Its name in model_index.json and of its folder: `transformer`, `vae`, `text_encoder`, ... */
  readonly name: string;
  readonly folder: string;
  /** The reference's class, e.g. `WanTransformer3DModel`; undefined when no index and no config names one. */
  readonly className: string | undefined;
  /** The parsed config; `{}` for a component that has none (some tokenizers). */
  readonly config: Readonly<Record<string, unknown>>;
  readonly weights: SafetensorsFile | undefined;
}

export interface ModelFolder {
  readonly path: string;
  /** The pipeline's class, e.g. `WanPipeline`, when the index names one. */
  readonly className: string | undefined;
  /** model_index.json as it is; besides components it holds settings such as `boundary_ratio`. */
  readonly index: Readonly<Record<string, unknown>>;
  readonly components: Readonly<Record<string, ModelComponent>>;
}

/** A line of model_index.json that names a component. */
export interface ComponentEntry {
  readonly name: string;
  readonly className: string;
}

const configNames = ['config.json', 'scheduler_config.json', 'preprocessor_config.json', 'tokenizer_config.json'];

/** Opens a model with all its components. @throws ModelFileError naming the file that is missing or damaged */
export async function openModelFolder(path: string): Promise<ModelFolder> {
  const index = await readModelIndex(path);
  const components: Record<string, ModelComponent> = {};
  for (const entry of componentEntries(index, path)) {
    components[entry.name] = await openComponent(join(path, entry.name), entry);
  }
  const className = index['_class_name'];
  return { path, className: typeof className === 'string' ? className : undefined, index, components };
}

/** Opens one component's folder, in a model or alone. @throws ModelFileError */
export async function openComponent(folder: string, entry: Partial<ComponentEntry> = {}): Promise<ModelComponent> {
  const files = await listFolder(folder);
  const config = await readConfig(folder, files);
  const className = entry.className ?? classOf(config);
  const weights = hasWeights(className, files) ? await openWeights(folder, files) : undefined;
  return { name: entry.name ?? basename(folder), folder, className, config, weights };
}

/** A component that the caller cannot do without. @throws ModelFileError when the model has none of that name */
export function requireComponent(model: ModelFolder, name: string): ModelComponent {
  const component = Object.hasOwn(model.components, name) ? model.components[name] : undefined;
  if (component !== undefined) return component;
  const has = Object.keys(model.components).join(', ');
  throw new ModelFileError(
    `${model.path}: the model has no component "${name}" (it has: ${has}). Use a model of the kind that is asked for.`,
  );
}

/** Reads model_index.json. @throws ModelFileError saying what the path is instead, where that can be told */
export async function readModelIndex(path: string): Promise<Record<string, unknown>> {
  const files = await listFolder(path);
  if (!files.includes('model_index.json')) {
    const alone = files.includes('config.json')
      ? ' This looks like one component of a model; give the folder above it.'
      : '';
    throw new ModelFileError(
      `${path}: there is no model_index.json, so this is no model in the diffusers layout.${alone}`,
    );
  }
  const index = await readJsonFile(join(path, 'model_index.json'));
  if (!isRecord(index)) throw new ModelFileError(`${join(path, 'model_index.json')}: it must hold a JSON object.`);
  return index;
}

/** The components that an index names: values of the form [library, class]; [null, null] marks an optional one as absent. */
export function componentEntries(index: Readonly<Record<string, unknown>>, path: string): ComponentEntry[] {
  const entries: ComponentEntry[] = [];
  for (const [name, value] of Object.entries(index)) {
    if (!Array.isArray(value) || value.length !== 2 || value.some((part) => typeof part !== 'string')) continue;
    // The name becomes a path, and a stranger wrote it.
    if (!/^[A-Za-z][\w-]*$/.test(name))
      throw new ModelFileError(`${join(path, 'model_index.json')}: "${name}" is no name for a component.`);
    entries.push({ name, className: value[1] as string });
  }
  return entries;
}

/**
 * The weights of a component: the standard names first, then their fp16 or bf16 variants, then a lone .safetensors.
 * @returns a file name in `folder`, of a .safetensors file or of an index
 * @throws ModelFileError when there are none, only pickles, or several and no telling which
 */
export function weightsFileName(folder: string, files: readonly string[]): string {
  for (const stem of ['diffusion_pytorch_model', 'model', 'pytorch_model']) {
    for (const variant of ['', '.fp16', '.bf16']) {
      const candidates = [`${stem}${variant}.safetensors`, `${stem}.safetensors.index${variant}.json`];
      const found = candidates.find((name) => files.includes(name));
      if (found !== undefined) return found;
    }
  }
  const others = files.filter((name) => name.endsWith('.safetensors'));
  if (others.length === 1) return others[0]!;
  throw new ModelFileError(`${folder}: ${whyNoWeights(files, others)}`);
}

/** Whether a component is a network: schedulers, tokenizers and processors are told by their class. */
export function hasWeights(className: string | undefined, files: readonly string[]): boolean {
  if (className !== undefined)
    return !/(Scheduler|Tokenizer(Fast)?|Processor|FeatureExtractor|ImageProcessorFast)$/.test(className);
  return files.includes('config.json');
}

/** Names in a folder. @throws ModelFileError when it is missing or no folder */
export async function listFolder(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (cause) {
    const isFile = await stat(folder).then((found) => found.isFile(), () => false); // prettier-ignore
    const why = isFile
      ? 'this is a file; a model is a folder with a model_index.json.'
      : 'there is no such folder. Check the path or download the model again.';
    throw new ModelFileError(`${folder}: ${why}`, { cause });
  }
}

/** The parsed config of a component, `{}` when it has none. @throws ModelFileError */
export async function readConfig(folder: string, files: readonly string[]): Promise<Record<string, unknown>> {
  const name = configNames.find((candidate) => files.includes(candidate));
  if (name === undefined) return {};
  const config = await readJsonFile(join(folder, name));
  if (!isRecord(config)) throw new ModelFileError(`${join(folder, name)}: it must hold a JSON object.`);
  return config;
}

async function openWeights(folder: string, files: readonly string[]): Promise<SafetensorsFile> {
  const name = weightsFileName(folder, files);
  return name.endsWith('.json') ? openSafetensorsIndex(join(folder, name)) : openSafetensors(join(folder, name));
}

function classOf(config: Readonly<Record<string, unknown>>): string | undefined {
  const architectures: unknown = config['architectures'];
  const name = config['_class_name'] ?? (Array.isArray(architectures) ? (architectures[0] as unknown) : undefined);
  return typeof name === 'string' ? name : undefined;
}

function whyNoWeights(files: readonly string[], found: readonly string[]): string {
  if (found.length > 1)
    return `it holds several .safetensors files (${found.slice(0, 3).join(', ')}, ...) but no index that joins them. Download the index too.`;
  if (files.some((name) => /\.(bin|pt|pth|ckpt)$/.test(name))) {
    return 'it has its weights only as PyTorch pickles, which can run code when loaded. Get the .safetensors variant of the model.';
  }
  return 'it has no weights (.safetensors). The download is incomplete; download the model again.';
}
