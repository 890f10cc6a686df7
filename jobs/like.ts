// `like`: a picture as a prompt. What it shows is read once, when a request is accepted, by the model's own towers and in the words of
// its captions; those stand beside the prompt from then on, so that nothing is read anew later.
import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import writeFileAtomic from 'write-file-atomic';
import { says } from '../conditioning/new-words.ts';
import { openFilled, promptOfLikeness } from '../expansion/like-prompt.ts';
import { type Likeness, readableWords, readPicture, type ReadableWords } from '../expansion/read-picture.ts';
import { InvalidRequestError } from '../graph/errors.ts';
import { loadPicture } from '../io/pictures.ts';
import type { Expanded } from './expand.ts';
import type { Model } from './model.ts';
import { findSpace, openSpace } from './open-space.ts';
import { readPinned } from './prompt-files.ts';
import type { ParsedRequest } from './request.ts';
import type { Render } from './resolve-request.ts';
import type { Settings } from './settings.ts';
import { timedPrompts } from './timed-prompts.ts';

export type Liking = Pick<Model, 'name' | 'folder' | 'tokenizer' | 'newWords'>;

/** A prompt, or each part of one with times, with its picture for what it leaves open; a name that a LoRA taught leaves no thing open. */
export function filled(prompt: string, { thing, place }: Likeness, { newWords = [], tokenizer }: Liking): string {
  const fill = (text: string): string => {
    const isNamed = newWords.some((word) => says(text, word));
    return openFilled(text, { ...(!isNamed && { thing }), ...(place !== undefined && { place }) }, wordsOf({ tokenizer })); // prettier-ignore
  };
  const parts = timedPrompts(prompt);
  if (parts.length === 1) return fill(prompt);
  return parts.map((part) => `${part.from}-${part.until}: ${fill(part.prompt)}`).join('; ');
}

export interface PromptsOfLikeness {
  /** With the picture for what the prompt leaves open. */
  readonly own: string;
  /** With the picture for what the prompt says too. */
  readonly like?: string;
}

/** What a render shows by a prompt, and by its picture where they differ. */
export function promptsOfLikeness(prompt: string, render: Render, model: Pick<Model, 'tokenizer'>): PromptsOfLikeness {
  if (render.likeness === undefined) return { own: prompt };
  const [seen, words] = [likenessOf(render.likeness), wordsOf(model)];
  const own = openFilled(prompt, seen, words);
  return isMixed(render) ? { own, like: promptOfLikeness(prompt, seen, words) } : { own };
}

/** Whether its picture says more than what the prompt leaves open. */
export const isMixed = (render: Render): render is Render & { readonly likeWeight: number } =>
  render.likeness !== undefined && (render.likeWeight ?? 0) > 0;

const wordsOf = ({ tokenizer }: Pick<Model, 'tokenizer'>): ReadableWords =>
  readableWords((text) => tokenizer.unknownWords(text).length === 0);

export function likenessOf(text: string): Likeness {
  const [thing = '', place] = text.split(', ');
  return { thing, ...(place !== undefined && { place }) };
}

/** The request with what its picture shows. @throws InvalidRequestError, ModelFileError */
export async function withLikeness(request: ParsedRequest, model: Liking, settings: Settings): Promise<Expanded> {
  const { like, likeness, likeWeight = 0, prompt } = request;
  if (like === undefined) return { request, notices: [] };
  const words = wordsOf(model);
  const text = likeness ?? (await read(request, model, { words, settings }));
  const seen = likenessOf(text);
  const isOpen = timedPrompts(prompt).some((part) => filled(part.prompt, seen, model) !== part.prompt);
  const notices = [
    `${model.name} sees "${promptOfLikeness('it', seen, words)}" in the picture of like.`,
    ...(likeWeight === 0 && !isOpen ? ['The prompt leaves nothing open that the picture of like could say. A weight, such as --like-weight 0.8, sets it against the prompt.'] : []), // prettier-ignore
  ];
  return { request: { ...request, likeness: text }, notices };
}

interface Reading {
  readonly words: ReadableWords;
  readonly settings: Settings;
}

/** Kept in the cache by picture, towers and words. */
async function read({ like = '', likeSha256, fit }: ParsedRequest, model: Liking, reading: Reading): Promise<string> {
  const { words, settings } = reading;
  const space = await findSpace(model.folder, settings);
  const key = JSON.stringify(['likeness 1', likeSha256, fit, space.name, { ...words, places: [...words.places] }]);
  const folder = join(settings.cacheFolder, 'likenesses');
  const cache = join(folder, createHash('sha256').update(key).digest('hex'));
  const known = await readFile(cache, 'utf8').catch(() => undefined);
  if (known !== undefined) return known;
  const bytes = await readPinned('like', like, likeSha256);
  const open = await openSpace(space, settings);
  try {
    const size = { width: open.longestSide, height: open.longestSide };
    const fitted = loadPicture(bytes, { ...size, background: WHITE, ...(fit && { fit }) });
    const { thing, place } = await readPicture(
      await fitted.catch((cause: unknown) => refuse(like, cause)),
      open,
      words,
    );
    const text = place === undefined ? thing : `${thing}, ${place}`;
    await mkdir(folder, { recursive: true });
    await writeFileAtomic(cache, text);
    return text;
  } finally {
    await open.close();
  }
}

/** Behind what is transparent. */
const WHITE = [255, 255, 255] as const;

function refuse(like: string, cause: unknown): never {
  const why = (cause as Error).message.replace(/^cannot read the picture: /, '');
  throw new InvalidRequestError(`like (=${like}) cannot be read: ${why}`, { cause });
}
