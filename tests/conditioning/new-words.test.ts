import { describe, expect, it } from 'vitest';
import { inKnownWords, NEW_WORDS_KEY, readNewWords, says } from '../../conditioning/new-words.ts';

const mascot = { name: 'my mascot', means: 'otter' };

describe('names that a LoRA taught', () => {
  it.each([
    ['a my-mascot jumps on a snowy field', 'an otter jumps on a snowy field'],
    ['My Mascot jumps', 'otter jumps'],
    ['the my_mascot and a dog', 'the otter and a dog'],
    ['a small my mascot', 'a small otter'],
    ['my mascots jump', 'my mascots jump'],
    ['a dog jumps', 'a dog jumps'],
  ])('%s -> %s', (prompt, told) => {
    expect(inKnownWords(prompt, [mascot])).toBe(told);
    expect(says(prompt, mascot)).toBe(prompt !== told);
  });

  it('are read from a file, and none from a file without or with other words', () => {
    expect(readNewWords({ [NEW_WORDS_KEY]: JSON.stringify([mascot]) })).toEqual([mascot]);
    expect(readNewWords({})).toEqual([]);
    expect(readNewWords({ [NEW_WORDS_KEY]: '{' })).toEqual([]);
  });
});
