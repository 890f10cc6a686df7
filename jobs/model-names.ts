// From what a caller calls a model to its folder, and the list of all models that are there.
import { readdir, stat } from 'node:fs/promises';
import { basename, isAbsolute, join, resolve, sep } from 'node:path';
import { InvalidRequestError } from '../graph/errors.ts';
import { listRepositories, parseHubAddress } from '../io/hub-cache.ts';
import { requireSnapshot } from './pull-model.ts';
import type { Settings } from './settings.ts';

export interface NamedModel {
  /** A name in one of the model folders, or an absolute path. */
  readonly name: string;
  readonly folder: string;
}

/**
 * Finds a model: text with a path in it (`./wan`, `/data/wan`) is a folder; where there is no such folder, `owner/name` is a
 * model that was pulled from the hub; all else is a name in the model folders. @throws InvalidRequestError
 */
export async function findModel(nameOrFolder: string, settings: Settings): Promise<NamedModel> {
  if (isPath(nameOrFolder)) {
    const folder = resolve(nameOrFolder);
    if (await isFolder(folder)) return { name: folder, folder };
    const address = settings.hub && parseHubAddress(nameOrFolder);
    if (address) return { name: nameOrFolder, folder: await requireSnapshot(address, settings.hub.cacheFolder) };
    throw new InvalidRequestError(`model (=${nameOrFolder}): there is no such folder. Check the path.`);
  }
  for (const models of settings.modelFolders) {
    const folder = join(models, nameOrFolder);
    if (await isFolder(folder)) return { name: nameOrFolder, folder };
  }
  const known = (await listModels(settings)).map(({ name }) => name);
  throw new InvalidRequestError(
    `model (=${nameOrFolder}): there is no model of that name in ${settings.modelFolders.join(', ')}. ` +
      `${known.length > 0 ? `There is ${known.join(', ')}. ` : ''}A folder is given with a slash, as in ./${basename(nameOrFolder)}.`,
  );
}

/** Every folder with a model_index.json in the model folders, each name once. */
export async function listModels(settings: Settings): Promise<readonly NamedModel[]> {
  const found = new Map<string, NamedModel>();
  for (const models of settings.modelFolders) {
    const names = await readdir(models).catch(() => []);
    for (const name of names.sort()) {
      const folder = join(models, name);
      const isModel = await stat(join(folder, 'model_index.json')).then(() => true, () => false); // prettier-ignore
      if (isModel && !found.has(name)) found.set(name, { name, folder });
    }
  }
  return [...found.values()];
}

/** Models in the diffusers layout that were pulled from the hub, by this or another program, each at its `main`. */
export async function listPulledModels(settings: Settings): Promise<readonly NamedModel[]> {
  const repositories = settings.hub ? await listRepositories(settings.hub.cacheFolder) : [];
  const found: NamedModel[] = [];
  for (const { id, snapshots } of repositories) {
    for (const { commit, folder, refs } of snapshots) {
      const revision = refs.includes('main') ? undefined : (refs[0] ?? commit);
      const isModel = await stat(join(folder, 'model_index.json')).then(() => true, () => false); // prettier-ignore
      if (isModel) found.push({ name: revision === undefined ? id : `${id}@${revision}`, folder });
    }
  }
  return found;
}

function isPath(text: string): boolean {
  return isAbsolute(text) || text.startsWith('.') || text.includes('/') || text.includes(sep);
}

function isFolder(path: string): Promise<boolean> {
  return stat(path).then((found) => found.isDirectory(), () => false); // prettier-ignore
}
