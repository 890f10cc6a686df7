// Names that a text tower was never taught, said in words that it knows: a LoRA that taught a transformer "my mascot" says by which
// word of the tower's own it is called. The file carries them, so that whoever loads it can be told of the name.
import { z } from 'zod';

/** A name and what the text tower is told in its place. */
export interface NewWord {
  /** Words in lower case with one space between them. */
  readonly name: string;
  /** A noun that the text tower knows, which means the new thing from then on. */
  readonly means: string;
}

const newWords = z.array(z.object({ name: z.string().min(1), means: z.string().min(1) })).readonly();

/** Where a LoRA's file keeps them. */
export const NEW_WORDS_KEY = 'tessera.words';

/** The new words in a file's metadata; none where it has none that can be read. */
export function readNewWords(metadata: Readonly<Record<string, string>>): readonly NewWord[] {
  try {
    return newWords.parse(JSON.parse(metadata[NEW_WORDS_KEY] ?? '[]'));
  } catch {
    return [];
  }
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** A name with spaces, hyphens or underscores between its words, and `a` or `an` before it. */
const saying = (name: string): RegExp =>
  new RegExp(`(?<![\\p{L}\\p{N}])(an?\\s+)?${escaped(name).replaceAll(' ', '[\\s_-]+')}(?![\\p{L}\\p{N}])`, 'giu');

/** Whether a prompt says the name, in whole words. */
export const says = (prompt: string, { name }: Pick<NewWord, 'name'>): boolean => saying(name).test(prompt);

/** The prompt with each new name said in the word that it means: "A my mascot jumps" -> "an otter jumps". */
export function inKnownWords(prompt: string, words: readonly NewWord[]): string {
  return words.reduce(
    (text, { name, means }) =>
      text.replace(saying(name), (_, article?: string) =>
        article === undefined ? means : `${/^[aeiou]/.test(means) ? 'an' : 'a'} ${means}`,
      ),
    prompt,
  );
}
