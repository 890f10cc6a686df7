// Expands the prompt of a request, once, when the request is accepted: what came of it stands in the render and the record beside the
// clip, so that nothing is written anew later. The same prompt, expander and seed are looked up, not asked again.
import { createHash, randomInt } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import writeFileAtomic from 'write-file-atomic';
import { z } from 'zod';
import { inKnownWords, type NewWord, says } from '../conditioning/new-words.ts';
import { firstSentence } from '../expansion/check.ts';
import { type Expansion, expandWish, nearestNotices } from '../expansion/expand-wish.ts';
import type { CaptionStyle, Expander } from '../expansion/expander.ts';
import { readFacts } from '../expansion/facts.ts';
import { InvalidRequestError, JobFailedError } from '../graph/errors.ts';
import { openComponent } from '../io/model-folder.ts';
import { hasOwnExpander, openExpander, ownExpander, parseExpanderName } from './expander-names.ts';
import { fingerprintOf } from './fingerprint.ts';
import type { Model } from './model.ts';
import type { ParsedRequest } from './request.ts';
import type { Settings } from './settings.ts';
import { type TimedPrompt, timedPrompts } from './timed-prompts.ts';

export interface Expanded {
  /** With what is shown in place of the prompt, where one is expanded. */
  readonly request: ParsedRequest;
  readonly notices: readonly string[];
}

/** How long all of an expansion may take, once its model is there. */
const EXPAND_MS = 60_000;
const asItIs = 'The prompt is not expanded, but shown as it is';

/**
 * A prompt that loses something by every attempt stays as it is, as does one whose expander does not answer in time.
 * @throws InvalidRequestError for an expander that there is not, ModelFileError, and the signal's reason
 */
export async function withExpansion(
  request: ParsedRequest,
  model: Pick<Model, 'name' | 'folder' | 'tokenizer' | 'newWords'>,
  settings: Settings,
  signal?: AbortSignal,
): Promise<Expanded> {
  const { expand, expanded, prompt } = request;
  if (expand === undefined) return { request, notices: [] };
  const taught = model.newWords?.find((word) => says(prompt, word));
  if (taught !== undefined && expanded === undefined) {
    const others = model.newWords?.filter((word) => word !== taught) ?? [];
    return expandAround(taught, request, (plain) => withExpansion(plain, { ...model, newWords: others }, settings, signal)); // prettier-ignore
  }
  const isWorld = await hasOwnExpander(model.folder);
  const notices = (text: string, problem?: string): readonly string[] => {
    if (text === prompt) return [problem === undefined ? `${asItIs}.` : `${asItIs}: ${problem}.`];
    return isWorld ? [...nearestNotices(prompt, model.name), ...unknownNotices(prompt, model)] : [];
  };
  // Why one stays as it is was said when that was settled.
  if (expanded !== undefined) return { request, notices: expanded === prompt ? [] : notices(expanded) };
  if (expand === 'nano' && !isWorld) {
    throw new InvalidRequestError(
      `expand (=nano): the model ${model.name} has no expander of its own (${ownExpander(model.folder)}). Use hf:<model> or openai:<address>, or train one by "tessera train expander".`,
    );
  }
  const seed = request.seed === 'random' ? randomInt(2 ** 32) : (request.seed ?? 0);
  const style = isWorld ? 'world' : 'free';
  const expansion = await expandPrompt(prompt, { expand, seed, style, model, settings, signal });
  return {
    request: { ...request, seed, expanded: expansion.text },
    notices: notices(expansion.text, expansion.problem),
  };
}

/** No expander knows a name that a LoRA taught: while it writes, a thing of the world that the prompt does not name stands for it. */
async function expandAround(
  taught: NewWord,
  request: ParsedRequest,
  expand: (plain: ParsedRequest) => Promise<Expanded>,
): Promise<Expanded> {
  const { prompt } = request;
  const standIn = ['robot', 'penguin', 'frog', 'panda'].find((word) => !prompt.toLowerCase().includes(word)) ?? 'cat';
  const plain = inKnownWords(prompt, [{ ...taught, means: standIn }]);
  const { request: done, notices } = await expand({ ...request, prompt: plain });
  const written = done.expanded ?? plain;
  const text = written.replace(new RegExp(`\\b${standIn}\\b`, 'gi'), taught.name);
  if (text !== written && written !== plain) return { request: { ...done, prompt, expanded: text }, notices };
  return { request: { ...done, prompt, expanded: prompt }, notices: [`${asItIs}.`] };
}

interface Job {
  readonly expand: string;
  readonly seed: number;
  readonly style: CaptionStyle;
  readonly model: Pick<Model, 'folder'>;
  readonly settings: Settings;
  readonly signal?: AbortSignal | undefined;
}

async function expandPrompt(prompt: string, job: Job): Promise<Expansion> {
  const { expand, seed, style, model, settings } = job;
  const name = parseExpanderName(expand, settings);
  const own = name.kind === 'nano' ? await fingerprintOf([await openComponent(ownExpander(model.folder))]) : '';
  const cache = cacheFile(settings, [prompt, name, own, seed, style]);
  const known = await readCache(cache);
  if (known !== undefined) return known;
  try {
    const expander = await openExpander(name, { modelFolder: model.folder, style, settings });
    try {
      const expansion = await inTime((signal) => expandParts(prompt, expander, { seed, style, signal }), job.signal);
      await writeCache(cache, expansion);
      return expansion;
    } finally {
      await expander.close();
    }
  } catch (error) {
    job.signal?.throwIfAborted();
    if (!(error instanceof JobFailedError)) throw error;
    return { text: prompt, isExpanded: false, problem: error.message.replace(/\.$/, ''), attempts: 1 };
  }
}

/** Each part of a prompt with times by itself, but where the first part was set, the others stay. */
async function expandParts(
  prompt: string,
  expander: Expander,
  options: { readonly seed: number; readonly style: CaptionStyle; readonly signal: AbortSignal },
): Promise<Expansion> {
  const [first, ...others] = timedPrompts(prompt) as [TimedPrompt, ...TimedPrompt[]];
  const opening = await expandWish(first.prompt, expander, options);
  if (others.length === 0 || !opening.isExpanded)
    return { ...opening, text: opening.isExpanded ? opening.text : prompt };
  const where = placeIn(firstSentence(opening.text));
  const parts = [{ ...first, text: opening.text }];
  for (const part of others) {
    const wish = placeIn(part.prompt) === undefined && where !== undefined ? `${part.prompt} ${where}` : part.prompt;
    const expansion = await expandWish(wish, expander, options);
    if (!expansion.isExpanded) return { ...expansion, text: prompt };
    parts.push({ ...part, text: expansion.text });
  }
  const text = parts.map((part) => `${part.from}-${part.until}: ${part.text.replaceAll(';', ',')}`).join('; ');
  return { ...opening, text };
}

const placeIn = (text: string): string | undefined => readFacts(text).facts.find(({ kind }) => kind === 'place')?.said;

/** @throws JobFailedError when it takes too long, and the signal's reason */
async function inTime<T>(work: (signal: AbortSignal) => Promise<T>, outer?: AbortSignal): Promise<T> {
  const limit = new AbortController(); // AbortSignal.timeout can be collected before its time where only AbortSignal.any knows it
  const timer = setTimeout(() => limit.abort(), EXPAND_MS);
  const signal = outer === undefined ? limit.signal : AbortSignal.any([outer, limit.signal]);
  const late = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
  try {
    return await Promise.race([work(signal), late]);
  } catch (cause) {
    if (!limit.signal.aborted) throw cause;
    throw new JobFailedError(`its expander took more than ${EXPAND_MS / 1000} seconds`, { code: 'EXPANDER_TIMEOUT', cause }); // prettier-ignore
  } finally {
    clearTimeout(timer);
  }
}

/** Words that no expander of this model and not the model itself knows. */
function unknownNotices(prompt: string, { name, tokenizer }: Pick<Model, 'name' | 'tokenizer'>): readonly string[] {
  const words = timedPrompts(prompt).flatMap((part) => readFacts(part.prompt).unknown);
  const unknown = [...new Set(words)].filter((word) => tokenizer.unknownWords(word).length > 0);
  return unknown.length === 0 ? [] : [`${name} does not know these words: ${unknown.join(', ')}.`];
}

const cached = z.object({ text: z.string(), isExpanded: z.boolean(), problem: z.string().optional(), attempts: z.number() }); // prettier-ignore

function cacheFile({ cacheFolder }: Settings, key: unknown): string {
  const name = createHash('sha256').update(JSON.stringify(['expansion 1', key])).digest('hex'); // prettier-ignore
  return join(cacheFolder, 'expansions', `${name}.json`);
}

async function readCache(file: string): Promise<Expansion | undefined> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  const parsed = text === undefined ? undefined : cached.safeParse(jsonIn(text));
  if (parsed?.success !== true) return undefined;
  const { problem, ...rest } = parsed.data;
  return { ...rest, ...(problem !== undefined && { problem }) };
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined; // half written by another program; it is written anew
  }
}

/** A cache never fails a render. */
async function writeCache(file: string, expansion: Expansion): Promise<void> {
  await mkdir(join(file, '..'), { recursive: true })
    .then(() => writeFileAtomic(file, JSON.stringify(expansion)))
    .catch(() => undefined);
}
