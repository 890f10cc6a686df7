// What this machine brings: folders and programs. The only file that reads the environment. Everything else is asked for
// in a request; nothing here changes what a clip looks like.
import { homedir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { InvalidRequestError } from '../graph/errors.ts';
import { packageFolder } from './package-folder.ts';

export const deviceChoices = ['auto', 'cpu', 'webgpu', 'cuda'] as const;
export type DeviceChoice = (typeof deviceChoices)[number];

export interface Settings {
  /** Folders that hold models by name, the first that has one wins. The package's own models/ comes last. */
  readonly modelFolders: readonly string[];
  /** Text states and the latents of unfinished renders. May be removed at any time. */
  readonly cacheFolder: string;
  /** What must not be lost: the embedded queue, the videos of a server. */
  readonly dataFolder: string;
  /** Address of the store that holds the queue, redis:// or postgres://; left out, it is embedded, in the data folder. */
  readonly queue?: string;
  /** Paths of programs; left out, they are looked for on the PATH, then in the npm packages that carry them. */
  readonly ffmpeg?: string;
  readonly ffprobe?: string;
  /** Threads of one product; left out, one for each core. */
  readonly threads?: number;
  /** Where graphs run; left out, on the CPU. */
  readonly device?: DeviceChoice;
  /** What callers of the server must show; left out, it serves only this machine. */
  readonly token?: string;
  /** The hub that models are pulled from, and its cache on this machine; left out, models are only named and folders. */
  readonly hub?: HubSettings;
  /** An OpenAI-compatible endpoint that looks at pictures, and its key; for captions. */
  readonly vision?: { readonly url?: string; readonly key?: string };
  /** An OpenAI-compatible endpoint that writes, and its key; for expanding prompts. */
  readonly language?: { readonly url?: string; readonly key?: string };
  /** Where traces of jobs are sent, by OTLP over HTTP; left out, none are made. */
  readonly traces?: { readonly url: string; readonly serviceName: string };
}

/** What all programs of the Hugging Face hub take from the environment. */
export interface HubSettings {
  readonly endpoint: string;
  readonly cacheFolder: string;
  readonly token?: string;
  /** Where `hf auth login` keeps a token; asked when there is no other. */
  readonly tokenFile: string;
  /** Nothing is asked of the hub. */
  readonly offline: boolean;
}

/** Variables whose values are nobody's business. */
export const secretVariables: readonly string[] = [
  'TESSERA_TOKEN',
  'HF_TOKEN',
  'TESSERA_VISION_KEY',
  'TESSERA_LANGUAGE_KEY',
];

/** Every variable that is read, for `tessera doctor` and the documentation. */
export const settingVariables = {
  TESSERA_MODELS: 'folders with models, separated as in PATH',
  TESSERA_CACHE: 'folder for text states and unfinished renders',
  TESSERA_DATA: 'folder for the embedded queue and the videos of a server',
  TESSERA_QUEUE: 'redis:// or postgres:// address of a queue for several machines',
  TESSERA_FFMPEG: 'path of ffmpeg',
  TESSERA_FFPROBE: 'path of ffprobe',
  TESSERA_THREADS: 'threads of one product',
  TESSERA_DEVICE: 'where graphs run: cpu (default), webgpu, cuda, or auto for the fastest that works',
  TESSERA_TOKEN: 'bearer token that callers of the server must show',
  HF_HUB_CACHE: 'folder of models that were pulled from the hub, shared with Python',
  HF_HOME: 'folder of all that programs of the hub keep; the cache is hub/ in it',
  HF_ENDPOINT: 'http:// or https:// address of the hub or of a mirror',
  HF_TOKEN: 'token for models that the hub does not show to everyone',
  HF_HUB_OFFLINE: '1 asks nothing of the hub and uses what is there',
  TESSERA_VISION_URL: 'address of an OpenAI-compatible endpoint that captions pictures',
  TESSERA_VISION_KEY: 'key that this endpoint, or the one of --captioner openai:…, wants',
  TESSERA_LANGUAGE_URL: 'address of an OpenAI-compatible endpoint that expands prompts',
  TESSERA_LANGUAGE_KEY: 'key that this endpoint, or the one of --expand openai:…, wants',
  OTEL_EXPORTER_OTLP_ENDPOINT: 'http:// address of an OpenTelemetry collector that takes traces of jobs',
  OTEL_SERVICE_NAME: 'what this program is called in traces (tessera)',
} as const;

export type Environment = Readonly<Record<string, string | undefined>>;

export const environmentNow = (): Environment => process.env;

/**
 * Of the engine's process. glibc would take blocks of up to 32 MB out of its heap, where one that stays keeps the memory of all that
 * were freed below it: 0.6 GB of a clip of 256x256. The setting is the user's where there is one, and nothing to other libraries.
 */
export const engineEnvironment = (): Environment => ({ MALLOC_MMAP_THRESHOLD_: String(2 ** 20), ...process.env });

/** Reads the settings. An empty variable counts as unset. @throws InvalidRequestError naming a variable that makes no sense */
export function readSettings(environment: Environment = environmentNow()): Settings {
  const read: Read = (name) => environment[name]?.trim() || undefined;
  const threads = read('TESSERA_THREADS');
  if (threads !== undefined && !/^[1-9]\d{0,2}$/.test(threads)) {
    throw new InvalidRequestError(`TESSERA_THREADS (=${threads}) must be a whole number above 0. Correct or unset it.`);
  }
  const device = deviceSetting(read('TESSERA_DEVICE'));
  const token = read('TESSERA_TOKEN');
  if (token !== undefined && !/^[\x21-\x7e]{16,}$/.test(token)) {
    throw new InvalidRequestError(
      'TESSERA_TOKEN must have at least 16 characters of ASCII and no spaces. Make one with "openssl rand -hex 24".',
    );
  }
  const [ffmpeg, ffprobe] = [read('TESSERA_FFMPEG'), read('TESSERA_FFPROBE')];
  const queue = read('TESSERA_QUEUE');
  if (queue !== undefined && !/^(rediss?|postgres(ql)?):\/\//.test(queue)) {
    throw new InvalidRequestError(
      `TESSERA_QUEUE (=${queue}) must be an address that begins with redis:// or postgres://. Correct it, or unset it for a queue in a folder.`,
    );
  }
  const collector = read('OTEL_EXPORTER_OTLP_ENDPOINT')?.replace(/\/+$/, '');
  if (collector !== undefined && !(/^https?:\/\//.test(collector) && URL.canParse(collector))) {
    throw new InvalidRequestError(
      `OTEL_EXPORTER_OTLP_ENDPOINT (=${collector}) must be an address such as http://127.0.0.1:4318. Correct or unset it.`,
    );
  }
  const vision = endpointSettings(read, 'TESSERA_VISION_URL', 'TESSERA_VISION_KEY');
  const language = endpointSettings(read, 'TESSERA_LANGUAGE_URL', 'TESSERA_LANGUAGE_KEY');
  const serviceName = read('OTEL_SERVICE_NAME') ?? 'tessera';
  const named = (read('TESSERA_MODELS') ?? '').split(delimiter).filter((folder) => folder !== '');
  return {
    modelFolders: [...named.map((folder) => resolve(folder)), join(packageFolder, 'models')],
    cacheFolder: resolve(read('TESSERA_CACHE') ?? join(userCache(environment), 'tessera')),
    dataFolder: resolve(read('TESSERA_DATA') ?? join(userData(environment), 'tessera')),
    ...(queue === undefined ? {} : { queue }),
    ...(ffmpeg === undefined ? {} : { ffmpeg }),
    ...(ffprobe === undefined ? {} : { ffprobe }),
    ...(threads === undefined ? {} : { threads: Number(threads) }),
    ...(device === undefined ? {} : { device }),
    ...(token === undefined ? {} : { token }),
    hub: hubSettings(environment, read),
    ...(Object.keys(vision).length === 0 ? {} : { vision }),
    ...(Object.keys(language).length === 0 ? {} : { language }),
    ...(collector === undefined ? {} : { traces: { url: `${collector}/v1/traces`, serviceName } }),
  };
}

/** @throws InvalidRequestError for what is no device */
export function deviceSetting(text: string | undefined, name = 'TESSERA_DEVICE'): DeviceChoice | undefined {
  if (text === undefined) return undefined;
  const found = deviceChoices.find((one) => one === text.toLowerCase());
  if (found !== undefined) return found;
  throw new InvalidRequestError(`${name} (=${text}) must be one of ${deviceChoices.join(', ')}.`);
}

type Read = (name: keyof typeof settingVariables) => string | undefined;

/** An endpoint's address and key, each where it is set. */
function endpointSettings(read: Read, urlName: keyof typeof settingVariables, keyName: keyof typeof settingVariables) {
  const [url, key] = [read(urlName), read(keyName)];
  if (url !== undefined && !(/^https?:\/\//.test(url) && URL.canParse(url))) {
    throw new InvalidRequestError(
      `${urlName} (=${url}) must be an address such as http://127.0.0.1:11434/v1. Correct or unset it.`,
    );
  }
  return { ...(url && { url }), ...(key && { key }) };
}

/** As huggingface_hub reads them, so that both find the same files. */
function hubSettings(environment: Environment, read: Read): HubSettings {
  const endpoint = (read('HF_ENDPOINT') ?? 'https://huggingface.co').replace(/\/+$/, '');
  if (!(/^https?:\/\//.test(endpoint) && URL.canParse(endpoint))) {
    throw new InvalidRequestError(
      `HF_ENDPOINT (=${endpoint}) must be an address such as https://hub.example. Correct or unset it.`,
    );
  }
  const home = resolve(
    read('HF_HOME') ?? join(environment['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'huggingface'),
  );
  const token = read('HF_TOKEN');
  return {
    endpoint,
    cacheFolder: resolve(read('HF_HUB_CACHE') ?? join(home, 'hub')),
    ...(token === undefined ? {} : { token }),
    tokenFile: join(home, 'token'),
    offline: /^(1|on|yes|true)$/i.test(read('HF_HUB_OFFLINE') ?? ''),
  };
}

/** Where programs of a user keep what they can make again, by the platform's custom. */
function userCache(environment: Environment): string {
  if (process.platform === 'win32') return environment['LOCALAPPDATA'] ?? join(homedir(), 'AppData', 'Local');
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches');
  return environment['XDG_CACHE_HOME'] || join(homedir(), '.cache');
}

/** Where programs of a user keep what they cannot make again. */
function userData(environment: Environment): string {
  if (process.platform === 'win32') return environment['LOCALAPPDATA'] ?? join(homedir(), 'AppData', 'Local');
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Application Support');
  return environment['XDG_DATA_HOME'] || join(homedir(), '.local', 'share');
}
