// Repairs text that went through the wrong decoder or keyboard: mojibake, HTML escapes, curly quotes, wide letters,
// control characters. A port of ftfy 6.3.1's fix_text with its default settings, by Robyn Speer (Apache-2.0), because
// Wan's reference cleans prompts with it. Text that is right stays as it is, but for quotes, ligatures and widths.
/* eslint-disable no-control-regex -- control characters are what is looked for */
import { decodeHTML, decodeHTMLStrict } from 'entities';
import { fixControls, fixEncoding } from './repair-encoding.ts';

/** Repairs a text line by line. */
export function repairText(text: string): string {
  const lines = text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
  const firstTag = lines.findIndex((line) => line.includes('<')); // from here on it may be HTML, whose escapes are meant
  return lines.map((line, i) => repairLine(line, firstTag < 0 || i < firstTag)).join('');
}

/** One repair may uncover another, so all are done until nothing changes. */
function repairLine(line: string, unescape: boolean): string {
  const repaired = characterRepairs.reduce(
    (text, repair) => repair(text),
    fixEncoding(unescape ? unescapeEntities(line) : line),
  );
  return repaired === line ? line : repairLine(repaired, unescape);
}

const ligatures: Readonly<Record<string, string>> = {
  Ĳ: 'IJ', ĳ: 'ij', ŉ: 'ʼn', Ǳ: 'DZ', ǲ: 'Dz', ǳ: 'dz', Ǆ: 'DŽ', ǅ: 'Dž', ǆ: 'dž', Ǉ: 'LJ', ǈ: 'Lj', ǉ: 'lj',
  Ǌ: 'NJ', ǋ: 'Nj', ǌ: 'nj', ﬀ: 'ff', ﬁ: 'fi', ﬂ: 'fl', ﬃ: 'ffi', ﬄ: 'ffl', ﬅ: 'ſt', ﬆ: 'st',
}; // prettier-ignore

/** ftfy's fixers after the encoding, in its order. */
const characterRepairs: readonly ((text: string) => string)[] = [
  fixControls,
  (text) => text.replace(/[Ĳĳŉ\u01f1-\u01f3\u01c4-\u01cc\ufb00-\ufb06]/g, (ligature) => ligatures[ligature]!),
  (text) => text.replace(/[\uff01-\uffef]/g, (wide) => wide.normalize('NFKC')).replaceAll('\u3000', ' '),
  (text) => text.replace(/[\u201c-\u201f]/g, '"').replace(/[\u02bc\u2018-\u201b]/g, "'"),
  (text) => text.replace(/\r\n|[\r\u2028\u2029\x85]/g, '\n'),
  (text) => text.replace(/\p{Surrogate}/gu, '\ufffd'),
  (text) => text.replace(/\x1b\[[\d;]*[a-zA-Z]/g, ''), // colours of a terminal
  (text) => text.replace(/[\0-\x08\x0b\x0e-\x1f\x7f\u206a-\u206f\ufeff\ufff9-\ufffc]/g, ''),
  (text) => text.normalize('NFC'),
];

/** Entities that end in a semicolon; also a lower-case one that was put in capitals with its word: P&EACUTE;REZ. */
function unescapeEntities(text: string): string {
  return text.replace(/&#?[0-9A-Za-z]{1,24};/g, (entity) => {
    const plain = decodeHTMLStrict(entity);
    if (plain !== entity || entity !== entity.toUpperCase() || entity.startsWith('&#')) return plain;
    const small = decodeHTMLStrict(entity.toLowerCase());
    return small === entity.toLowerCase() || decodeHTML(entity) !== entity ? entity : small.toUpperCase();
  });
}
