// Which files of a repository a model needs. Repositories hold much else: pictures, pickles of the same weights, other
// precisions, files of other programs. Works on names alone, so that the same rule chooses what to download and tells what
// a folder is missing.
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { InvalidRequestError, ModelFileError } from '../graph/errors.ts';
import { readJsonFile, isRecord } from './json.ts';
import { componentEntries, hasWeights, readModelIndex, weightsFileName } from './model-folder.ts';

/** Small files at the top that are taken along where they are there. */
const beside = ['model_index.json', 'tessera.json', 'LICENSE', 'LICENSE.txt', 'LICENSE.md'];

/** Says why a repository without model_index.json cannot be pulled whole. @throws InvalidRequestError */
export function refuseOtherLayout(source: string, names: readonly string[]): void {
  if (names.includes('model_index.json')) return;
  const weights = names.filter((name) => name.endsWith('.safetensors'));
  const pickles = names.some((name) => /\.(pth|pt|bin|ckpt)$/.test(name));
  const single =
    weights.length === 0
      ? ''
      : ` Single files of it can be had with --file, such as ${weights.slice(0, 3).join(' or ')}.`;
  const diffusers = pickles
    ? ' Some of its parts are PyTorch pickles, which are never opened: look for its "-Diffusers" repository.'
    : '';
  throw new InvalidRequestError(
    `${source} has no model_index.json, so it is no model in the diffusers layout.${diffusers}${single}`,
  );
}

/**
 * The files that make a model, out of all names in a repository.
 * @param index the parsed model_index.json
 * @param source the repository or folder, for messages
 * @throws ModelFileError when a component has no weights that can be opened
 */
export function neededFiles(
  index: Readonly<Record<string, unknown>>,
  names: readonly string[],
  source: string,
): string[] {
  const needed = new Set(beside.filter((name) => names.includes(name)));
  for (const { name, className } of componentEntries(index, source)) {
    const files = names.filter((path) => path.startsWith(`${name}/`)).map((path) => path.slice(name.length + 1));
    if (files.length === 0)
      throw new ModelFileError(`${source}: model_index.json names ${name}, but there is no such folder.`);
    for (const file of componentFiles(`${source}/${name}`, className, files)) needed.add(`${name}/${file}`);
  }
  return [...needed].sort();
}

function componentFiles(folder: string, className: string, files: readonly string[]): readonly string[] {
  const texts = files.filter(
    (file) => !file.includes('/') && /^(.*config|tokenizer|special_tokens_map|added_tokens)\.json$/.test(file),
  );
  if (!hasWeights(className, files)) return texts;
  const weights = weightsFileName(folder, files);
  return [...texts, weights, ...(weights.endsWith('.json') ? shardsOf(weights, files) : [])];
}

/** `x.safetensors.index.json` joins x-00001-of-00002.safetensors and so on; a variant stands before the number or behind it. */
function shardsOf(index: string, files: readonly string[]): readonly string[] {
  const [, stem = '', variant = ''] = /^(.*)\.safetensors\.index(\.\w+)?\.json$/.exec(index) ?? [];
  const shard = /^(.*?)-\d+-of-\d+(\.\w+)?\.safetensors$/;
  return files.filter((file) => {
    const [, start, behind = ''] = shard.exec(file) ?? [];
    return start === `${stem}${variant}` || (start === stem && behind === variant);
  });
}

/** What a model's folder is missing, by name; empty when it is whole. Looks at names only. @throws ModelFileError */
export async function missingFiles(folder: string): Promise<readonly string[]> {
  const index = await readModelIndex(folder);
  const names = await filesIn(folder);
  const missing: string[] = [];
  for (const { name, className } of componentEntries(index, folder)) {
    const files = names.filter((path) => path.startsWith(`${name}/`)).map((path) => path.slice(name.length + 1));
    if (!hasWeights(className, files)) {
      if (files.length === 0) missing.push(`${name}/`);
      continue;
    }
    if (!files.includes('config.json')) missing.push(`${name}/config.json`);
    missing.push(...(await missingWeights(folder, name, files)));
  }
  return missing;
}

async function missingWeights(folder: string, name: string, files: readonly string[]): Promise<readonly string[]> {
  let weights: string;
  try {
    weights = weightsFileName(join(folder, name), files);
  } catch {
    return [`${name}/*.safetensors`];
  }
  if (!weights.endsWith('.json')) return [];
  const index = await readJsonFile(join(folder, name, weights));
  const map = isRecord(index) && isRecord(index['weight_map']) ? index['weight_map'] : {};
  const shards = [...new Set(Object.values(map).map(String))].sort();
  return shards.filter((shard) => !files.includes(shard)).map((shard) => `${name}/${shard}`);
}

/** Names of all files of a folder, with slashes between folders. Links that lead nowhere count as missing. */
async function filesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true });
  const kept = await Promise.all(
    names.map((name) => stat(join(folder, name)).then((found) => found.isFile(), () => false)), // prettier-ignore
  );
  return names.filter((_, i) => kept[i]).map((name) => name.replaceAll('\\', '/'));
}
