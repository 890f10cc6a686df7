// The words that a vision-language model is asked with.
import type { Wish } from './captioner.ts';

const ASK = 'Say in one short sentence what this picture of a video shows. Name only what is to be seen.';

export function asked({ prompt = ASK, language }: Wish): string {
  return language === undefined ? prompt : `${prompt} Answer in this language: ${language}.`;
}
