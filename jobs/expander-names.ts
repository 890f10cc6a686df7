// What expanders are called, which of them callers from outside may name, and how one is opened.
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { CaptionStyle, Expander } from '../expansion/expander.ts';
import { childEngine } from '../graph/child-engine.ts';
import { InvalidRequestError } from '../graph/errors.ts';
import { modelsThatWrite } from './captioner-names.ts';
import type { Settings } from './settings.ts';

export interface ExpanderName {
  readonly kind: 'nano' | 'hf' | 'openai';
  /** A model's name or folder, an endpoint's address. */
  readonly what: string;
}

/** Of a name that the request schema takes. @throws InvalidRequestError for an endpoint that is not set */
export function parseExpanderName(name: string, { language }: Settings): ExpanderName {
  if (name === 'nano') return { kind: 'nano', what: '' };
  const [, kind, what = language?.url] = /^(hf|openai)(?::(.+))?$/s.exec(name) ?? [];
  if (what !== undefined) return { kind: kind as 'hf' | 'openai', what };
  throw new InvalidRequestError(
    `expand (=${name}) wants an endpoint. Set TESSERA_LANGUAGE_URL, or write openai:<address> such as openai:http://127.0.0.1:11434/v1.`,
  );
}

/** Without addresses and folders, which are nobody else's business. */
export const shownExpander = (name: string): string => name.replace(/^openai:.*/s, 'openai').replace(/^hf:.*[/\\]/s, 'hf:'); // prettier-ignore

/** What callers from outside may name. */
export async function listExpanders(settings: Settings): Promise<readonly string[]> {
  const write = await modelsThatWrite(settings);
  return ['nano', ...(settings.language?.url === undefined ? [] : ['openai']), ...write.map((one) => `hf:${one}`)];
}

/** Where a model keeps the expander that was taught its captions. */
export const ownExpander = (modelFolder: string): string => join(modelFolder, 'expander');

/** Whether a model has an expander of its own, and so shows the things of nano's world. */
export const hasOwnExpander = (modelFolder: string): Promise<boolean> =>
  stat(join(ownExpander(modelFolder), 'config.json')).then(() => true, () => false); // prettier-ignore

export interface Opening {
  readonly modelFolder: string;
  readonly style: CaptionStyle;
  readonly settings: Settings;
}

/** How long an endpoint may take for one answer. */
const ANSWER_SECONDS = 30;

/** @throws InvalidRequestError, ModelFileError, JobFailedError */
export async function openExpander(
  { kind, what }: ExpanderName,
  { modelFolder, style, settings }: Opening,
): Promise<Expander> {
  if (kind === 'nano') return openNano(ownExpander(modelFolder), settings);
  if (kind === 'openai') {
    const { openEndpointExpander } = await import('../expansion/openai-expander.ts');
    return openEndpointExpander({ url: what, key: settings.language?.key, timeoutSeconds: ANSWER_SECONDS }, style);
  }
  const { openHfExpander } = await import('../expansion/hf-expander.ts');
  const { cacheFolder, modelFolders } = settings;
  return openHfExpander(what, style, { cacheFolder, modelFolders });
}

/** The expander of a model, in a process of its own. */
async function openNano(folder: string, { threads }: Settings): Promise<Expander> {
  const { openExpanderFolder, openNanoExpander } = await import('../expansion/nano-expander.ts');
  const engine = await childEngine(threads === undefined ? {} : { threads });
  try {
    const expander = await openNanoExpander(engine, await openExpanderFolder(folder));
    return { ...expander, close: () => expander.close().finally(() => engine.close()) };
  } catch (error) {
    await engine.close();
    throw error;
  }
}
