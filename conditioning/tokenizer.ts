// Words to token ids and back, by a model's own tokenizer.json (the format of Hugging Face's tokenizers).
// Reads local files only. The library downloads nothing.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Tokenizer as UntypedTokenizer } from '@huggingface/tokenizers';
import { z } from 'zod';
import { ModelFileError } from '../graph/errors.ts';
import { readModelConfig } from './model-config.ts';

/** What is used of the library. Its own types have imports without endings, which do not resolve in an ESM package. */
interface Tokenizer {
  encode(text: string, options?: { add_special_tokens: boolean }): { ids: number[] };
  decode(ids: number[], options: { skip_special_tokens: boolean }): string;
  tokenize(text: string): string[];
  token_to_id(token: string): number | undefined;
}
const Tokenizer = UntypedTokenizer as unknown as new (tokenizer: object, config: object) => Tokenizer;

export interface TokenIds {
  /** With the special tokens that the model expects, not padded. */
  readonly ids: readonly number[];
  /** Whether the text was cut to fit. */
  readonly truncated: boolean;
}

export interface TextTokenizer {
  /** Token ids of a text, at most maxLength; a longer text loses its last words, never its special tokens. */
  encode(text: string, maxLength: number): TokenIds;
  /** The text of token ids, without special tokens. */
  decode(ids: readonly number[]): string;
  /** Words that the vocabulary cannot express, each once, in order. Empty for most subword tokenizers. */
  unknownWords(text: string): readonly string[];
  /** The id that fills a batch up; 0 where the files name none. */
  readonly padId: number;
  /** Ends a text; undefined where the files name none. */
  readonly eosId: number | undefined;
}

const token = z.union([z.string(), z.object({ content: z.string() }).transform(({ content }) => content)]).nullish();
const configJson = z.looseObject({ pad_token: token, eos_token: token, unk_token: token, bos_token: token });
const tokenizerJson = z.looseObject({
  model: z.looseObject({ unk_token: z.string().nullish(), unk_id: z.number().nullish() }),
  added_tokens: z.array(z.looseObject({ id: z.number(), content: z.string() })),
});

/** Opens `tokenizer.json` and, where there is one, `tokenizer_config.json` of a folder. @throws ModelFileError */
export async function openTokenizer(folder: string): Promise<TextTokenizer> {
  const file = join(folder, 'tokenizer.json');
  const json = await readJson(file);
  if (json === undefined) {
    throw new ModelFileError(
      `${file} is missing. The model's folder is incomplete, or it is an older model that has only a sentencepiece or ` +
        `vocabulary file: convert that with transformers' save_pretrained, or download the model again.`,
    );
  }
  return createTokenizer(json, (await readJson(join(folder, 'tokenizer_config.json'))) ?? {}, file);
}

/** A tokenizer out of the parsed contents of both files. @param file names tokenizer.json in messages @throws ModelFileError */
export function createTokenizer(tokenizer: unknown, config: unknown, file = 'tokenizer.json'): TextTokenizer {
  const names = readModelConfig(configJson, config, file.replace('tokenizer.json', 'tokenizer_config.json'));
  const { model, added_tokens: added } = readModelConfig(tokenizerJson, tokenizer, file);
  const inner = construct(tokenizer as object, names, file);
  const idOf = (name: string | null | undefined) =>
    typeof name === 'string'
      ? (added.find(({ content }) => content === name)?.id ?? inner.token_to_id(name))
      : undefined;
  const unknownId = model.unk_id ?? idOf(model.unk_token ?? names.unk_token);
  const frame = templateOf(inner);
  return {
    encode: (text, maxLength) => cut(inner.encode(text).ids, maxLength, frame),
    decode: (ids) => (ids.length === 0 ? '' : inner.decode([...ids], { skip_special_tokens: true })),
    unknownWords: (text) => {
      const tokens = inner.tokenize(text);
      return [...new Set(tokens.filter((word) => [undefined, unknownId].includes(inner.token_to_id(word))))];
    },
    padId: idOf(names.pad_token) ?? 0,
    eosId: idOf(names.eos_token),
  };
}

function construct(tokenizer: object, config: z.output<typeof configJson>, file: string): Tokenizer {
  try {
    return new Tokenizer(tokenizer, config);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ModelFileError(`${file} is no tokenizer that can be read here: ${why}. Download the model again.`, {
      cause,
    });
  }
}

/** How many special tokens stand before and after a text. */
interface Template {
  readonly before: number;
  readonly after: number;
}

/** Found by trying: the template may come in several forms in the file. */
function templateOf(tokenizer: Tokenizer): Template {
  const probe = tokenizer.encode('a', { add_special_tokens: false }).ids;
  const framed = tokenizer.encode('a').ids;
  const extra = framed.length - probe.length;
  const starts = Array.from({ length: extra + 1 }, (_, start) => start);
  const before = starts.find((start) => probe.every((id, i) => framed[start + i] === id)) ?? 0;
  return { before, after: extra - before };
}

function cut(ids: readonly number[], maxLength: number, { after }: Template): TokenIds {
  if (ids.length <= maxLength) return { ids, truncated: false };
  return { ids: [...ids.slice(0, maxLength - after), ...ids.slice(ids.length - after)], truncated: true };
}

async function readJson(file: string): Promise<unknown> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new ModelFileError(`${file} cannot be read: ${error.message}.`, { cause: error });
  });
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new ModelFileError(`${file} is not valid JSON. The file is damaged; download it again.`, { cause });
  }
}
