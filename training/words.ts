// Nano's tokenizer, made of every word that the world's captions can contain, and batches of its token ids.
import { createTokenizer } from '../conditioning/tokenizer.ts';
import type { TextTokenizer } from '../conditioning/tokenizer.ts';
import { wordLevelTokenizer, wordsOf } from '../conditioning/word-level.ts';
import type { WordLevelTokenizer } from '../conditioning/word-level.ts';
import { int32Tensor } from '../graph/tensor.ts';
import type { Tensor } from '../graph/tensor.ts';
import { vocabularyWords } from './world/captions.ts';

/** Tokens of the longest caption, special ones included. */
export const maxTextLength = 56;

/** The files of nano's tokenizer. */
export function worldTokenizerFiles(): WordLevelTokenizer {
  return wordLevelTokenizer(wordsOf([...vocabularyWords(), ". , ' - : ; ! ?"]), maxTextLength);
}

export function worldTokenizer(): TextTokenizer {
  const { tokenizer, config } = worldTokenizerFiles();
  return createTokenizer(tokenizer, config);
}

export interface TokenBatch {
  /** [B,length] int32, padded. */
  readonly ids: Tensor;
  readonly lengths: readonly number[];
}

export function tokenBatch(tokenizer: TextTokenizer, texts: readonly string[], length: number): TokenBatch {
  const rows = texts.map((text) => tokenizer.encode(text, length).ids);
  const padded = rows.flatMap((ids) => [...ids, ...new Array<number>(length - ids.length).fill(tokenizer.padId)]);
  return { ids: int32Tensor(padded, [texts.length, length]), lengths: rows.map((ids) => ids.length) };
}
