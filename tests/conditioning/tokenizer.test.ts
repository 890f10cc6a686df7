// Tokenizer files made and read: word-level ones of our own, and the template, truncation and errors of any other.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createTokenizer, openTokenizer } from '../../conditioning/tokenizer.ts';
import { splitWords, wordLevelSpecials, wordLevelTokenizer, wordsOf } from '../../conditioning/word-level.ts';

const captions = ['A penguin jumps on a snowy field.', 'Two cats, one light-blue dog.', 'café au lait'];
const words = wordsOf(captions);

describe('word-level tokenizer', () => {
  const { tokenizer, config, vocabularySize } = wordLevelTokenizer(words, 48);
  const tokens = createTokenizer(tokenizer, config);
  const { '<bos>': bos, '<eos>': eos, '<unk>': unk } = wordLevelSpecials;

  test('every caption comes back as its words, framed by <bos> and <eos>', () => {
    for (const caption of captions) {
      const { ids, truncated } = tokens.encode(caption, 48);
      expect(truncated).toBe(false);
      expect(ids[0]).toBe(bos);
      expect(ids.at(-1)).toBe(eos);
      expect(tokens.decode(ids)).toBe(splitWords(caption).join(' '));
      expect(tokens.unknownWords(caption)).toEqual([]);
    }
  });

  test('ids are the places in the list, after the special tokens', () => {
    const { ids } = tokens.encode('penguin', 48);
    expect(ids).toEqual([bos, words.indexOf('penguin') + 4, eos]);
    expect(vocabularySize).toBe(words.length + 4);
    expect(tokens.padId).toBe(wordLevelSpecials['<pad>']);
    expect(tokens.eosId).toBe(eos);
  });

  test('words outside of the vocabulary become <unk> and are reported once, in order', () => {
    const prompt = 'A zeppelin jumps over a zeppelin, gracefully!';
    expect(tokens.unknownWords(prompt)).toEqual(['zeppelin', 'over', 'gracefully', '!']);
    expect(tokens.encode('zeppelin', 48).ids).toEqual([bos, unk, eos]);
  });

  test('a text that is too long loses its last words and keeps <eos>', () => {
    const whole = tokens.encode(captions[0]!, 48).ids;
    expect(tokens.encode(captions[0]!, 5)).toEqual({ ids: [...whole.slice(0, 4), eos], truncated: true });
    expect(tokens.encode(captions[0]!, whole.length).truncated).toBe(false);
  });

  test('an empty text is <bos> <eos>', () => {
    expect(tokens.encode('', 48)).toEqual({ ids: [bos, eos], truncated: false });
    expect(tokens.decode([])).toBe('');
  });

  test('splitWords splits as the tokenizer does', () => {
    const hard = 'Don’t—stop "3D" (light-blue)\tÉTÉ, $5 & 1/2…  naïve_x 日本。';
    const all = wordLevelTokenizer(splitWords(hard), 48);
    const { ids } = createTokenizer(all.tokenizer, all.config).encode(hard, 1000);
    const { vocab } = all.tokenizer['model'] as { vocab: Record<string, number> };
    expect(ids.slice(1, -1)).toEqual(splitWords(hard).map((word) => vocab[word]));
  });

  test('the same captions give the same files, words that look like object keys included', () => {
    const odd = ['constructor', '__proto__', 'cat'];
    const made = wordLevelTokenizer(odd, 48);
    const reread = JSON.parse(JSON.stringify(made.tokenizer)) as object;
    expect(createTokenizer(reread, made.config).encode('constructor cat', 9).ids).toEqual([bos, 4, 6, eos]);
    expect(wordsOf([...captions].reverse())).toEqual(words);
  });
});

describe('a subword tokenizer with an ending token only, as T5 has', () => {
  const vocab = [['<pad>', 0], ['</s>', 0], ['<unk>', 0], ['▁a', -1], ['▁cat', -2], ['s', -3], ['▁', -4]]; // prettier-ignore
  const special = (id: number, content: string) => ({ id, content, special: true, normalized: false });
  const t5 = {
    added_tokens: [special(0, '<pad>'), special(1, '</s>'), special(2, '<unk>')],
    normalizer: null,
    pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [{ Sequence: { id: 'A', type_id: 0 } }, { SpecialToken: { id: '</s>', type_id: 0 } }],
      pair: [],
      special_tokens: {},
    },
    decoder: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always' },
    model: { type: 'Unigram', unk_id: 2, vocab },
  };
  const tokens = createTokenizer(t5, { pad_token: '<pad>', eos_token: { content: '</s>' }, unk_token: '<unk>' });

  test('encodes, cuts before the ending token, and decodes', () => {
    expect(tokens.encode('a cats', 9)).toEqual({ ids: [3, 4, 5, 1], truncated: false });
    expect(tokens.encode('a cats', 3)).toEqual({ ids: [3, 4, 1], truncated: true });
    expect(tokens.encode('', 9).ids.at(-1)).toBe(1);
    expect(tokens.decode([3, 4, 5, 1])).toBe('a cats');
    expect([tokens.padId, tokens.eosId]).toEqual([0, 1]);
  });
});

describe('files', () => {
  let folder: string;
  beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'tessera-tokenizer-'))));
  afterEach(() => rm(folder, { recursive: true }));
  const put = (name: string, content: string) => writeFile(join(folder, name), content);

  test('a folder as transformers writes it', async () => {
    const { tokenizer, config } = wordLevelTokenizer(words, 48);
    await put('tokenizer.json', JSON.stringify(tokenizer));
    await put('tokenizer_config.json', JSON.stringify(config));
    const tokens = await openTokenizer(folder);
    expect(tokens.decode(tokens.encode('A penguin jumps', 48).ids)).toBe('a penguin jumps');
  });

  test('missing, damaged and foreign files are told apart', async () => {
    await expect(openTokenizer(folder)).rejects.toThrow(/tokenizer\.json is missing/);
    await put('tokenizer.json', '{"model":');
    await expect(openTokenizer(folder)).rejects.toThrow(/tokenizer\.json is not valid JSON/);
    await put('tokenizer.json', '{"model": {}}');
    await expect(openTokenizer(folder)).rejects.toThrow(/tokenizer\.json .*added_tokens/);
    await put('tokenizer.json', '{"model": {"type": "Quantum"}, "added_tokens": []}');
    await expect(openTokenizer(folder)).rejects.toThrow(/tokenizer\.json is no tokenizer that can be read/);
  });
});
