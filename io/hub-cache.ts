// The cache that all programs of the Hugging Face hub share on a machine, in the layout of huggingface_hub:
//   models--owner--name/refs/main             the commit that a branch or tag stood at when it was last looked up
//   models--owner--name/snapshots/<commit>/   the repository's tree, made of links into
//   models--owner--name/blobs/<checksum>      the files, each once, named by its checksum
// What a Python program has downloaded is found here, and the other way round. Knows no network.
import { link, lstat, mkdir, readdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { InvalidRequestError, ModelFileError } from '../graph/errors.ts';
import { outputError, writeBeside } from './atomic.ts';

/** A repository of models at a branch, tag or commit. */
export interface HubAddress {
  /** owner/name. */
  readonly id: string;
  /** `main` unless one was given. */
  readonly revision: string;
}

/** A repository as far as it is on this machine. */
export interface CachedRepository {
  readonly id: string;
  readonly folder: string;
  /** Bytes of its blobs, finished or not. */
  readonly sizeBytes: number;
  /** Commits that are there, with the branches and tags that stand at them. */
  readonly snapshots: readonly { readonly commit: string; readonly folder: string; readonly refs: readonly string[] }[];
}

const part = '[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?';
const addressPattern = new RegExp(`^(${part}/${part})(?:@([\\w][\\w./-]*))?$`);

/** Reads `owner/name` or `owner/name@revision`; undefined when the text is something else, such as a path. */
export function parseHubAddress(text: string): HubAddress | undefined {
  const [, id, revision = 'main'] = addressPattern.exec(text) ?? [];
  if (id === undefined || id.includes('--') || `${id}/${revision}`.includes('..')) return undefined;
  return { id, revision };
}

export const isCommit = (revision: string): boolean => /^[0-9a-f]{40}$/.test(revision);

export function repositoryFolder(cacheFolder: string, id: string): string {
  return join(cacheFolder, `models--${id.replace('/', '--')}`);
}

/** The folder of a revision's files; undefined when nothing of it is there. Files may be missing in it. */
export async function findSnapshot(cacheFolder: string, { id, revision }: HubAddress): Promise<string | undefined> {
  const repository = repositoryFolder(cacheFolder, id);
  const commit = isCommit(revision) ? revision : await readRef(repository, revision);
  if (commit === undefined) return undefined;
  const folder = join(repository, 'snapshots', commit);
  return (await isFolder(folder)) ? folder : undefined;
}

/** Remembers where a branch or tag stands. */
export async function writeRef(cacheFolder: string, { id, revision }: HubAddress, commit: string): Promise<void> {
  if (isCommit(revision)) return;
  const path = join(repositoryFolder(cacheFolder, id), 'refs', revision);
  await makeFolderOf(path);
  await writeBeside(path, { overwrite: true }, (temporary) => writeFile(temporary, commit));
}

/** Puts a blob into a snapshot under its name in the repository; what stood there is replaced. */
export async function linkBlob(snapshot: string, name: string, blob: string): Promise<void> {
  const path = join(snapshot, name);
  await makeFolderOf(path);
  const target = relative(dirname(path), blob);
  if ((await readlink(path).catch(() => undefined)) === target) return;
  await rm(path, { force: true });
  // File systems without symbolic links get hard ones, which take no space either.
  await symlink(target, path).catch(() => link(blob, path)).catch(refuse(path)); // prettier-ignore
}

async function makeFolderOf(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true }).catch(refuse(path));
}

const refuse = (path: string) => (error: unknown): never => {
  throw outputError(error, path);
}; // prettier-ignore

/** All repositories of models that are there, by name. */
export async function listRepositories(cacheFolder: string): Promise<readonly CachedRepository[]> {
  const names = await readdir(cacheFolder).catch(() => []);
  const models = names.filter((name) => /^models--[^-].*--[^-]/.test(name)).sort();
  return Promise.all(models.map((name) => describe(join(cacheFolder, name), name.slice('models--'.length))));
}

/** A repository that is there; undefined when it is not. */
export async function findRepository(cacheFolder: string, id: string): Promise<CachedRepository | undefined> {
  return (await listRepositories(cacheFolder)).find((repository) => repository.id === id);
}

/**
 * Removes one revision, or, without one, the whole repository. Blobs that another revision needs stay.
 * @returns bytes that were freed
 * @throws InvalidRequestError when it is not there
 */
export async function removeCached(cacheFolder: string, id: string, revision?: string): Promise<number> {
  const repository = await findRepository(cacheFolder, id);
  if (repository === undefined) throw new InvalidRequestError(`${id} is not in ${cacheFolder}.`);
  if (revision !== undefined) await removeRevision(repository, revision);
  else await rm(repository.folder, { recursive: true, force: true });
  const left = await describe(repository.folder, id.replace('/', '--'));
  return repository.sizeBytes - left.sizeBytes;
}

async function removeRevision(repository: CachedRepository, revision: string): Promise<void> {
  const { id, folder, snapshots } = repository;
  const found = snapshots.find(({ commit, refs }) => commit === revision || refs.includes(revision));
  if (found === undefined) {
    const there = snapshots.flatMap(({ commit, refs }) => [...refs, commit]).join(', ');
    throw new InvalidRequestError(`${id} is not there at revision ${revision}; there is ${there || 'none'}.`);
  }
  if (snapshots.length === 1) return rm(folder, { recursive: true, force: true });
  const others = snapshots.filter((snapshot) => snapshot !== found);
  const used = new Set((await Promise.all(others.map((other) => blobsOf(other.folder)))).flat());
  const unused = (await blobsOf(found.folder)).filter((blob) => !used.has(blob));
  for (const ref of found.refs) await rm(join(folder, 'refs', ref), { force: true });
  await rm(found.folder, { recursive: true, force: true });
  for (const blob of unused) await rm(blob, { force: true });
}

async function describe(folder: string, name: string): Promise<CachedRepository> {
  const refs = await readRefs(join(folder, 'refs'));
  const commits = await readdir(join(folder, 'snapshots')).catch(() => []);
  const blobs = await readdir(join(folder, 'blobs')).catch(() => []);
  const sizes = await Promise.all(blobs.map((blob) => sizeOfFile(join(folder, 'blobs', blob))));
  return {
    id: name.replace('--', '/'),
    folder,
    sizeBytes: sizes.reduce((sum, size) => sum + size, 0),
    snapshots: commits.filter(isCommit).map((commit) => ({
      commit,
      folder: join(folder, 'snapshots', commit),
      refs: [...refs].flatMap(([ref, at]) => (at === commit ? [ref] : [])),
    })),
  };
}

/** Where the links of a snapshot lead. */
async function blobsOf(snapshot: string): Promise<string[]> {
  const files = await readdir(snapshot, { recursive: true, withFileTypes: true });
  const links = files.filter((file) => file.isSymbolicLink()).map((file) => join(file.parentPath, file.name));
  return Promise.all(links.map(async (path) => resolve(dirname(path), await readlink(path))));
}

async function readRefs(folder: string): Promise<Map<string, string>> {
  const files = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const refs = new Map<string, string>();
  for (const file of files) {
    if (!file.isFile()) continue;
    const path = join(file.parentPath, file.name);
    refs.set(relative(folder, path).replaceAll('\\', '/'), (await readFile(path, 'utf8')).trim());
  }
  return refs;
}

async function readRef(repository: string, revision: string): Promise<string | undefined> {
  const path = join(repository, 'refs', revision);
  const commit = await readFile(path, 'utf8').then((text) => text.trim(), () => undefined); // prettier-ignore
  if (commit !== undefined && !isCommit(commit))
    throw new ModelFileError(`${path}: it must hold the 40 digits of a commit. Remove it and pull the model again.`);
  return commit;
}

const isFolder = (path: string): Promise<boolean> => stat(path).then((found) => found.isDirectory(), () => false); // prettier-ignore
const sizeOfFile = (path: string): Promise<number> => lstat(path).then((found) => found.size, () => 0); // prettier-ignore
