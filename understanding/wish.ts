// The words that a vision-language model is asked with, and that the detector does not take.
import { InvalidRequestError } from '../graph/errors.ts';
import type { Wish } from './captioner.ts';

const ASK = 'Say in one short sentence what this picture of a video shows. Name only what is to be seen.';

export function asked({ prompt = ASK, language }: Wish): string {
  return language === undefined ? prompt : `${prompt} Answer in this language: ${language}.`;
}

/** @throws InvalidRequestError for words to the detector, which names what it sees in its own */
export function refuseWishes({ prompt, prefix, language }: Wish): void {
  const wish = Object.entries({ prompt, prefix, language }).find(([, value]) => value !== undefined);
  if (wish === undefined) return;
  throw new InvalidRequestError(
    `The captioner "detector" names what it sees in its own words and takes no ${wish[0]}. Leave it out, or use a captioner that can, such as hf:<model> or openai:<address>.`,
  );
}
