// Makes a word-level tokenizer out of a word list, in the files that transformers reads (tokenizer.json and
// tokenizer_config.json): lower case, split at white space and around every punctuation mark, <bos> words <eos>.
// For models of small vocabulary, such as nano. Knows no captions.

/** Special tokens and their ids. No end of text at id 2, which CLIP's configurations take for "pool at the largest id". */
export const wordLevelSpecials = { '<pad>': 0, '<unk>': 1, '<bos>': 2, '<eos>': 3 } as const;

/**
 * Splits as the tokenizer does: lower case, white space removed, each punctuation mark a word of its own.
 * The pattern is the BERT pre-tokenizer's; \w-based ones differ between implementations outside ASCII.
 */
export function splitWords(text: string): string[] {
  return text.toLowerCase().match(/[^\s\p{P}!-/:-@[-`{-~]+|[\p{P}!-/:-@[-`{-~]/gu) ?? [];
}

/** Words with spaces between them, as people write them: sentences begin with a capital, marks stand where they belong. */
export function joinWords(words: string): string {
  const joined = words.replace(/ ([.,:;!?])/g, '$1').replace(/ ?([-']) ?/g, '$1').trim(); // prettier-ignore
  return joined.replace(/(^|[.!?] )([a-z])/g, (_, before: string, letter: string) => before + letter.toUpperCase());
}

/** The distinct words and punctuation marks of texts, sorted, so that the same texts give the same vocabulary. */
export function wordsOf(texts: Iterable<string>): string[] {
  const words = new Set<string>();
  for (const text of texts) for (const word of splitWords(text)) words.add(word);
  return [...words].sort();
}

export interface WordLevelTokenizer {
  /** The content of tokenizer.json. */
  readonly tokenizer: Record<string, unknown>;
  /** The content of tokenizer_config.json. */
  readonly config: Record<string, unknown>;
  /** Rows that an embedding table needs. */
  readonly vocabularySize: number;
}

/**
 * A tokenizer whose vocabulary is four special tokens, then the words in the order given.
 * @param words as splitWords gives them; repeated ones are taken once
 * @param maxLength tokens of the longest text, <bos> and <eos> included
 */
export function wordLevelTokenizer(words: readonly string[], maxLength: number): WordLevelTokenizer {
  const tokens = [...new Set([...Object.keys(wordLevelSpecials), ...words])];
  const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
  const tokenizer = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: Object.entries(wordLevelSpecials).map(([content, id]) => addedToken(content, id)),
    normalizer: { type: 'Lowercase' },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: bosAndEos(),
    decoder: null,
    model: { type: 'WordLevel', vocab, unk_token: '<unk>' },
  };
  const config = {
    tokenizer_class: 'PreTrainedTokenizerFast',
    pad_token: '<pad>',
    unk_token: '<unk>',
    bos_token: '<bos>',
    eos_token: '<eos>',
    model_max_length: maxLength,
    padding_side: 'right',
    clean_up_tokenization_spaces: false,
  };
  return { tokenizer, config, vocabularySize: tokens.length };
}

function addedToken(content: string, id: number) {
  return { id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
}

function bosAndEos() {
  const special = (id: string) => ({ SpecialToken: { id, type_id: 0 } });
  const text = (id: 'A' | 'B') => ({ Sequence: { id, type_id: 0 } });
  const entry = (id: '<bos>' | '<eos>') => [id, { id, ids: [wordLevelSpecials[id]], tokens: [id] }] as const;
  return {
    type: 'TemplateProcessing',
    single: [special('<bos>'), text('A'), special('<eos>')],
    pair: [special('<bos>'), text('A'), text('B'), special('<eos>')],
    special_tokens: Object.fromEntries([entry('<bos>'), entry('<eos>')]),
  };
}
