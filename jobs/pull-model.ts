// From a name on the hub to a model on this machine: looks up what is needed, says how much it is, makes sure that it fits,
// fetches what is not there, and puts all of it into the cache that Python's programs use too.
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InvalidRequestError, JobFailedError } from '../graph/errors.ts';
import { freeDiskBytes } from '../io/free-disk.ts';
import { readJsonFile, isRecord } from '../io/json.ts';
import { type Hub, type HubFile, type HubListing, listRevision } from '../io/hub.ts';
import {
  findSnapshot,
  type HubAddress,
  linkBlob,
  parseHubAddress,
  repositoryFolder,
  writeRef,
} from '../io/hub-cache.ts';
import { bytesThere, downloadFile, type DownloadOptions } from '../io/hub-download.ts';
import { missingFiles, neededFiles, refuseOtherLayout } from '../io/needed-files.ts';
import type { HubSettings } from './settings.ts';

/** What will be fetched, told before it begins. */
export interface PullPlan {
  readonly id: string;
  readonly revision: string;
  readonly commit: string;
  readonly files: readonly { readonly path: string; readonly sizeBytes: number; readonly missingBytes: number }[];
  readonly sizeBytes: number;
  /** Bytes that are not on this machine yet. */
  readonly missingBytes: number;
  readonly freeBytes: number;
}

export interface PullProgress {
  readonly path: string;
  /** Of all files together. */
  readonly doneBytes: number;
  readonly totalBytes: number;
}

export interface PullOptions extends Pick<DownloadOptions, 'signal' | 'tries' | 'pauseMs' | 'stallMs'> {
  /** Only these files of the repository, such as one of a LoRA; left out, all that a model in the diffusers layout needs. */
  readonly only?: readonly string[];
  /** Tells the plan and fetches nothing but the model's index. */
  readonly dryRun?: boolean;
  readonly onPlan?: (plan: PullPlan) => void;
  readonly onProgress?: (progress: PullProgress) => void;
}

export interface PulledModel extends PullPlan {
  /** The folder of the snapshot, which `--model` and `--lora` take. */
  readonly folder: string;
}

/** Left free on the disk. */
const RESERVE_BYTES = 64 * 2 ** 20;

/** The address that a caller gave. @throws InvalidRequestError */
export function requireHubAddress(text: string): HubAddress {
  const address = parseHubAddress(text);
  if (address !== undefined) return address;
  throw new InvalidRequestError(
    `${text} is no name on the hub. It has the form owner/name or owner/name@revision, as in Wan-AI/Wan2.1-T2V-1.3B-Diffusers.`,
  );
}

/**
 * Brings a model into the hub's cache. What is there already is not fetched again, and what was broken off goes on.
 * @throws InvalidRequestError, ModelFileError, JobFailedError
 */
export async function pullModel(text: string, settings: HubSettings, options: PullOptions = {}): Promise<PulledModel> {
  const address = requireHubAddress(text);
  if (settings.offline) return offlineModel(address, settings, options);
  const { cacheFolder } = settings;
  const hub: Hub = { endpoint: settings.endpoint, token: settings.token ?? (await savedToken(settings)) };
  const listing = await listRevision(hub, address, options.signal);
  const snapshot = join(repositoryFolder(cacheFolder, address.id), 'snapshots', listing.commit);
  const fetchFile = async (file: HubFile, onBytes?: (done: number) => void): Promise<void> => {
    const download = { hub, id: address.id, commit: listing.commit, file, cacheFolder };
    const blob = await downloadFile(download, { ...options, ...(onBytes && { onBytes }) });
    await linkBlob(snapshot, file.path, blob);
  };
  const files = await chooseFiles(address, listing, snapshot, fetchFile, options.only);
  const plan = await planPull(address, listing.commit, files, cacheFolder);
  options.onPlan?.(plan);
  if (options.dryRun === true) return { ...plan, folder: snapshot };
  refuseFullDisk(plan, cacheFolder);
  let before = 0;
  for (const file of files) {
    await fetchFile(file, (done) =>
      options.onProgress?.({ path: file.path, doneBytes: before + done, totalBytes: plan.sizeBytes }),
    );
    before += file.sizeBytes;
  }
  await writeRef(cacheFolder, address, listing.commit);
  return { ...plan, folder: snapshot };
}

async function chooseFiles(
  address: HubAddress,
  { files }: HubListing,
  snapshot: string,
  fetchFile: (file: HubFile) => Promise<void>,
  only: readonly string[] | undefined,
): Promise<readonly HubFile[]> {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const find = (path: string): HubFile => {
    const file = byPath.get(path);
    if (file !== undefined) return file;
    throw new InvalidRequestError(`${address.id} has no file ${path}. It has ${shortList([...byPath.keys()])}.`);
  };
  if (only !== undefined && only.length > 0) return only.map(find);
  refuseOtherLayout(address.id, [...byPath.keys()]);
  await fetchFile(find('model_index.json'));
  const index = await readJsonFile(join(snapshot, 'model_index.json'));
  if (!isRecord(index)) throw new InvalidRequestError(`${address.id}: model_index.json holds no JSON object.`);
  return neededFiles(index, [...byPath.keys()], address.id).map(find);
}

async function planPull(
  { id, revision }: HubAddress,
  commit: string,
  files: readonly HubFile[],
  cacheFolder: string,
): Promise<PullPlan> {
  const planned = await Promise.all(
    files.map(async (file) => {
      const { path, sizeBytes } = file;
      return { path, sizeBytes, missingBytes: sizeBytes - (await bytesThere(cacheFolder, id, file)) };
    }),
  );
  const sum = (of: 'sizeBytes' | 'missingBytes'): number => planned.reduce((total, file) => total + file[of], 0);
  const [sizeBytes, missingBytes] = [sum('sizeBytes'), sum('missingBytes')];
  return { id, revision, commit, files: planned, sizeBytes, missingBytes, freeBytes: await freeDiskBytes(cacheFolder) };
}

/** @throws JobFailedError when what is missing does not fit */
function refuseFullDisk({ id, missingBytes, freeBytes: free }: PullPlan, cacheFolder: string): void {
  if (missingBytes === 0 || missingBytes + RESERVE_BYTES <= free) return;
  const size = (bytes: number): string =>
    bytes < 1e9 ? `${Math.ceil(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
  throw new JobFailedError(
    `${id}: ${size(missingBytes)} are to be fetched and ${size(RESERVE_BYTES)} left free, but the disk of ${cacheFolder} has only ${size(free)}. Free some space, or set HF_HUB_CACHE to a folder on another disk.`,
    { code: 'DISK_FULL' },
  );
}

/** What is there without asking anybody. @throws InvalidRequestError naming what is missing */
async function offlineModel(
  address: HubAddress,
  settings: HubSettings,
  { only = [] }: PullOptions,
): Promise<PulledModel> {
  const folder = await requireSnapshot(address, settings.cacheFolder, only);
  const free = await freeDiskBytes(settings.cacheFolder);
  const { id, revision } = address;
  return { id, revision, commit: folder.slice(-40), files: [], sizeBytes: 0, missingBytes: 0, freeBytes: free, folder };
}

/**
 * The folder of a model that was pulled earlier.
 * @param only the files that must be there; all that the model needs if left out
 * @throws InvalidRequestError naming what is missing and the command that brings it
 */
export async function requireSnapshot(
  address: HubAddress,
  cacheFolder: string,
  only: readonly string[] = [],
): Promise<string> {
  const name = address.revision === 'main' ? address.id : `${address.id}@${address.revision}`;
  const folder = await findSnapshot(cacheFolder, address);
  if (folder === undefined) {
    throw new InvalidRequestError(
      `${name} is not on this machine (looked in ${cacheFolder}). Get it with: tessera models pull ${name}`,
      { code: 'NOT_PULLED' },
    );
  }
  const gone = async (path: string): Promise<boolean> => access(join(folder, path)).then(() => false, () => true); // prettier-ignore
  const wanted = only.length > 0 ? only : ['model_index.json'];
  const missing: string[] = [];
  for (const path of wanted) if (await gone(path)) missing.push(path);
  if (missing.length === 0 && only.length === 0) missing.push(...(await missingFiles(folder)));
  if (missing.length === 0) return folder;
  throw new InvalidRequestError(
    `${name} is on this machine only in part. Missing in ${folder}: ${shortList(missing)}. Get the rest with: tessera models pull ${name}`,
    { code: 'NOT_PULLED' },
  );
}

async function savedToken({ tokenFile }: HubSettings): Promise<string | undefined> {
  const text = await readFile(tokenFile, 'utf8').catch(() => '');
  return text.trim() || undefined;
}

const shortList = (names: readonly string[]): string =>
  names.length <= 6 ? names.join(', ') : `${names.slice(0, 5).join(', ')} and ${names.length - 5} more`;
