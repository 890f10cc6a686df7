// @huggingface/transformers as we use it: a model from a local folder, else from what was downloaded before, else from the hub.
// The only file that imports it. Its errors become words.
import type * as Transformers from '@huggingface/transformers';
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { InvalidRequestError, JobFailedError, ModelFileError } from '../graph/errors.ts';

export type { Transformers };

/** Where models come from. */
export interface ModelSource {
  /** For what is downloaded. */
  readonly cacheFolder: string;
  /** Folders that hold models by name. */
  readonly modelFolders: readonly string[];
  /** Called as a download goes on. */
  readonly onDownload?: ((download: Download) => void) | undefined;
}

export interface Download {
  readonly model: string;
  readonly file: string;
  readonly loadedBytes: number;
  readonly totalBytes: number;
}

/** Options of every from_pretrained. */
export interface LoadOptions {
  readonly cache_dir: string;
  readonly local_files_only: boolean;
  readonly dtype?: Transformers.DataType;
  readonly progress_callback?: Transformers.ProgressCallback;
}

export const dtypes = ['fp32', 'fp16', 'q8', 'int8', 'uint8', 'q4', 'bnb4', 'q4f16'] as const;

/**
 * Loads a model by `load`, which is called with where it is and how.
 * @param name a folder, a name of the hub (owner/name), either with #q4 or another precision behind it
 * @throws InvalidRequestError when there is no such model, ModelFileError when it is damaged, JobFailedError when offline
 */
export async function loadFromHub<T>(
  name: string,
  source: ModelSource,
  load: (library: typeof Transformers, where: string, options: LoadOptions) => Promise<T>,
): Promise<T> {
  const [id = '', precision] = name.split('#');
  const dtype = dtypes.find((one) => one === precision);
  if (precision !== undefined && dtype === undefined)
    throw new InvalidRequestError(`The precision ${precision} of ${name} must be one of ${dtypes.join(', ')}.`);
  const library = await import('@huggingface/transformers');
  library.env.logLevel = library.LogLevel.ERROR;
  const options = { cache_dir: join(source.cacheFolder, 'transformers'), ...(dtype && { dtype }) };
  const folder = await folderOf(id, source);
  try {
    return await load(library, folder ?? id, { ...options, local_files_only: true });
  } catch (error) {
    if (folder !== undefined) throw folderError(id, folder, error);
    if (!isMissing(error)) throw modelError(id, error);
  }
  try {
    const progress_callback = (info: Transformers.ProgressInfo): void => {
      if (info.status !== 'progress') return;
      source.onDownload?.({ model: id, file: info.file, loadedBytes: info.loaded, totalBytes: info.total });
    };
    return await load(library, id, { ...options, local_files_only: false, progress_callback });
  } catch (error) {
    throw hubError(id, error);
  }
}

/** The folder that a name means, or undefined for a name of the hub. @throws InvalidRequestError */
async function folderOf(name: string, { modelFolders }: ModelSource): Promise<string | undefined> {
  for (const path of [resolve(name), ...modelFolders.map((folder) => join(folder, name))]) {
    if ((await stat(path).catch(() => undefined))?.isDirectory() === true) return path;
  }
  if (/^[\w.-]+\/[\w.-]+$/.test(name) && !name.startsWith('.')) return undefined;
  throw new InvalidRequestError(
    `There is no model ${name}: no such folder, and no name of the hub, which is owner/name. Use hf:<folder> or, for example, hf:HuggingFaceTB/SmolVLM-256M-Instruct.`,
  );
}

const words = (error: unknown): string => (error instanceof Error ? error.message : String(error)).split('\n')[0]!;

/** A file that is not there, as opposed to one that cannot be used. */
const isMissing = (error: unknown): boolean => /local_files_only|not found locally|Could not locate|Unable to (load|get)/i.test(words(error)); // prettier-ignore

function folderError(name: string, folder: string, error: unknown): ModelFileError {
  const advice = 'A folder for transformers.js holds config.json, a tokenizer, a preprocessor and onnx/*.onnx';
  return new ModelFileError(`The model hf:${name} in ${folder} cannot be used: ${words(error)} ${advice}.`, {
    cause: error,
  });
}

const modelError = (name: string, cause: unknown): ModelFileError =>
  new ModelFileError(`The model hf:${name} cannot be used: ${words(cause)}`, { cause });

function hubError(name: string, error: unknown): Error {
  if (/fetch failed|ENOTFOUND|ECONNREFUSED|EAI_AGAIN|network/i.test(words(error))) {
    return new JobFailedError(
      `The model hf:${name} is not on this machine, and the hub cannot be reached. Connect to the network once, or give a folder with the model: hf:./folder.`,
      { code: 'HUB_UNREACHABLE', cause: error },
    );
  }
  if (/Unauthorized|Forbidden|Could not locate|404|401/i.test(words(error)))
    return new InvalidRequestError(`The hub does not give hf:${name}: ${words(error)} Check the name.`, {
      cause: error,
    });
  return modelError(name, error);
}
