// Text as Wan's pipelines clean it before it is tokenised (diffusers' prompt_clean): repaired, HTML escapes undone twice,
// every stretch of white space one space.
/* eslint-disable no-control-regex -- control characters are what is looked for */
import { decodeHTML } from 'entities';
import { repairText } from './repair-text.ts';

/** The prompt as the models were trained to read it. */
export function cleanPrompt(text: string): string {
  const plain = unescapeHtml(unescapeHtml(repairText(text)));
  return plain.replace(whiteSpace, ' ').replace(/^ | $/g, '');
}

/** As Python's html.unescape, where references to control characters vanish. */
function unescapeHtml(text: string): string {
  return decodeHTML(text).replace(/[\x01-\x08\x0b\x0e-\x1f\x7f]/g, '');
}

/** Python's white space: JavaScript's without the byte order mark, with NEL. */
const whiteSpace = /(?:(?!\ufeff)[\s\x85])+/gu;
