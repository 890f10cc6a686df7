// Prompts that say what a picture shows.
import { describe, expect, it } from 'vitest';
import { openFilled, promptOfLikeness } from '../../expansion/like-prompt.ts';
import { readableWords } from '../../expansion/read-picture.ts';

const words = readableWords(() => true);
const apple = { thing: 'apple', place: 'snow' };

describe('a prompt like a picture', () => {
  it.each([
    ['A dog jumps on a beach.', 'an apple jumps on a snowy field.', 'A dog jumps on a beach.'],
    ['jumps', 'an apple jumps on a snowy field', 'an apple jumps on a snowy field'],
    ['It jumps at night', 'an apple jumps on a snowy field', 'an apple jumps at night'],
    [
      'the dog spins. It rains.',
      'the apple spins on a snowy field. It rains.',
      'the dog spins on a snowy field. It rains.',
    ],
    ['a small dog, winter', 'a small apple, snow', 'a small dog, winter'],
    ['a zorp jumps', 'an apple jumps on a snowy field', 'an apple jumps on a snowy field'],
    [
      'a dog on the grass. The dog naps.',
      'an apple on a snowy field. The apple naps.',
      'a dog on the grass. The dog naps.',
    ],
  ])('"%s" says its thing and place, everywhere or where that was left open', (prompt, like, filled) => {
    expect(promptOfLikeness(prompt, apple, words)).toBe(like);
    expect(openFilled(prompt, apple, words)).toBe(filled);
  });

  it('keeps its place where the picture has none, and needs no article for many', () => {
    expect(promptOfLikeness('a dog jumps on a beach', { thing: 'cherries' }, words)).toBe('cherries jumps on a beach');
  });
});

describe('the words for pictures', () => {
  it('are those that the text tower knows', () => {
    const known = new Set('cat dog ice cream on a snowy field the beach red background'.split(' '));
    const { things, places, backgrounds } = readableWords((text) => text.split(' ').every((word) => known.has(word)));
    expect(things).toEqual(['dog', 'cat', 'ice cream']);
    expect(backgrounds).toEqual(['on a red background']);
    expect([...places]).toEqual([
      ['beach', 'on a beach'],
      ['snow', 'on a snowy field'],
    ]);
  });
});
