// Text as Wan's pipelines clean it before it is tokenised (diffusers' prompt_clean): repair what was decoded wrongly,
// undo HTML escapes twice, make every stretch of white space one space.
import { decodeHTML } from 'entities';

/** The prompt as the models were trained to read it. */
export function cleanPrompt(text: string): string {
  const unescaped = decodeHTML(decodeHTML(text));
  return unescaped.replace(/\s+/gu, ' ').trim();
}
