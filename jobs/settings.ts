// What this machine brings: folders and programs. The only file that reads the environment. Everything else is asked for
// in a request; nothing here changes what a clip looks like.
import { homedir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { InvalidRequestError } from '../graph/errors.ts';
import { packageFolder } from './package-folder.ts';

export interface Settings {
  /** Folders that hold models by name, the first that has one wins. The package's own models/ comes last. */
  readonly modelFolders: readonly string[];
  /** Text states and the latents of unfinished renders. May be removed at any time. */
  readonly cacheFolder: string;
  /** Paths of programs; left out, they are looked for on the PATH, then in the npm packages that carry them. */
  readonly ffmpeg?: string;
  readonly ffprobe?: string;
  /** Threads of one product; left out, one for each core. */
  readonly threads?: number;
}

/** Every variable that is read, for `tessera doctor` and the documentation. */
export const settingVariables = {
  TESSERA_MODELS: 'folders with models, separated as in PATH',
  TESSERA_CACHE: 'folder for text states and unfinished renders',
  TESSERA_FFMPEG: 'path of ffmpeg',
  TESSERA_FFPROBE: 'path of ffprobe',
  TESSERA_THREADS: 'threads of one product',
} as const;

export type Environment = Readonly<Record<string, string | undefined>>;

export const environmentNow = (): Environment => process.env;

/** Reads the settings. An empty variable counts as unset. @throws InvalidRequestError naming a variable that makes no sense */
export function readSettings(environment: Environment = environmentNow()): Settings {
  const read = (name: keyof typeof settingVariables): string | undefined => environment[name]?.trim() || undefined;
  const threads = read('TESSERA_THREADS');
  if (threads !== undefined && !/^[1-9]\d{0,2}$/.test(threads)) {
    throw new InvalidRequestError(`TESSERA_THREADS (=${threads}) must be a whole number above 0. Correct or unset it.`);
  }
  const [ffmpeg, ffprobe] = [read('TESSERA_FFMPEG'), read('TESSERA_FFPROBE')];
  const named = (read('TESSERA_MODELS') ?? '').split(delimiter).filter((folder) => folder !== '');
  return {
    modelFolders: [...named.map((folder) => resolve(folder)), join(packageFolder, 'models')],
    cacheFolder: resolve(read('TESSERA_CACHE') ?? join(userCache(environment), 'tessera')),
    ...(ffmpeg === undefined ? {} : { ffmpeg }),
    ...(ffprobe === undefined ? {} : { ffprobe }),
    ...(threads === undefined ? {} : { threads: Number(threads) }),
  };
}

/** Where programs of a user keep what they can make again, by the platform's custom. */
function userCache(environment: Environment): string {
  if (process.platform === 'win32') return environment['LOCALAPPDATA'] ?? join(homedir(), 'AppData', 'Local');
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches');
  return environment['XDG_CACHE_HOME'] || join(homedir(), '.cache');
}
