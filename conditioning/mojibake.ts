// What UTF-8 looks like after it was decoded as something else: "â€™" for an apostrophe, "Ã©" for é.
// Character classes and rules are those of ftfy 6.3.1 by Robyn Speer (Apache-2.0; ftfy/badness.py, ftfy/chardata.py),
// written as ranges. Only detects; repair-text.ts repairs.

/** The few hundred characters that turn up in such text, sorted by how they are used in text that is right. */
const common = '\xa0\xad´·–—―’…';
const c1 = '\x80-\x9f';
const bad = '¤¦¨ª¬¯¸ºƒˆˇ˘˛˜†‡‰⌐◊\ufffd';
const law = '§¶';
const currency = '¢£¥₧€';
const opening = '¡©«¿΄΅‘‚“„•‹\uf8ff';
const closing = '®»˝”›™';
const numeric = '±²³µ¹¼½¾×÷⁄№∂∆∏∑√∞∩∫≈≠≡≤≥';
const kaomoji = '°Ò-ÖÙ-Üò-öø-üŌŐŪŲ';
const upperAccented = 'À-ÑØÜÝĀĂĄĆČĎĐĒĖĘĚĞĢĪİĶĹĻĽŁŃŅŇŒŘŚŞŠŢŤŮŰŸŹŻŽҐ';
const lowerAccented = 'ß-ñüāăąćčďđēėęěğģīįķĺļľłœŕśşšťźżžґﬁﬂ';
const upperCommon = 'ÞΆΈΉΊΌΎΏΑ-ΫЁ-Я';
const lowerCommon = 'ά-ωа-џ';
const box = '│┌┐┘├┤┬┼═-╬▀▄█▌▐-▓';
const accented = lowerAccented + upperAccented;
const anywhere = accented + box + opening + closing + currency + numeric + law;
const arabic = `[ØÙ][${common}${currency}${bad}${numeric}${opening}ŸŠ®°µ»]`;

/** Neighbours that are far likelier to be wrongly decoded than meant. */
const unlikely = [
  `[${c1}]`,
  `[${bad}${anywhere}][${bad}]`,
  `[a-zA-Z][${lowerCommon}${upperCommon}][${bad}]`,
  `[${bad}][${anywhere}]`,
  `[${lowerAccented}${lowerCommon}${box}${closing}${currency}${numeric}][${upperAccented}]`,
  `[${box}${closing}${currency}${numeric}][${lowerAccented}]`,
  `[${lowerAccented}${box}${closing}][${currency}]`,
  `\\s[${upperAccented}][${currency}]`,
  `[${upperAccented}${box}][${numeric}${law}]`,
  `[${accented}${box}${currency}${closing}][${opening}][${numeric}]`,
  `[${accented}${currency}${numeric}${box}${law}][${closing}][${opening}]`,
  `[${currency}${numeric}${box}][${opening}]`,
  `[a-z][${upperAccented}][${opening}${currency}]`,
  `[${box}][${kaomoji}]`,
  `[${accented}${currency}${numeric}${opening}${closing}${law}][${box}]`,
  `[${box}][${closing}]`,
  `[${accented}][${opening}${closing}][\\p{L}\\p{N}_]`,
  '[Œœ][^A-Za-z]', // the ligature œ before anything but an unaccented letter
  `[${upperAccented}]°`,
  `[ÂÃÎÐ][€œŠš¢£Ÿž\xa0\xad®©°·»${opening}${closing}–—´]`, // Windows-1252, two characters
  '×[²³]',
  arabic + arabic, // Arabic in Windows-1252; four characters, as each alone is common
  'à[²µ¹¼½¾]', // South Asian alphabets in Windows-1252
  '√[±∂†≠®™´≤≥¥µø]', // MacRoman
  '≈[°¢]',
  '‚Ä[ìîïòôúùû†°¢π]',
  '‚[âó][àä°ê]',
  'вЂ', // Windows-1251
  `[ВГРС][${c1}${bad}${opening}${closing}${currency}°µ][ВГРС]`,
  'ГўВЂВ.[A-Za-z ]', // Windows-1251 over Latin-1 over Windows-1252
  'Ã[\xa0¡]', // Windows-1252 of à, á and the no-break space
  '[a-z]\\s?[ÃÂ][ ]',
  '^[ÃÂ][ ]',
  `[a-z.,?!${closing}]Â[ ${opening}${closing}]`, // Â before a character that stands for itself
  'β€[™\xa0Ά\xad®°]', // Windows-1253
  `[ΒΓΞΟ][${c1}${bad}${opening}${closing}${currency}°][ΒΓΞΟ]`,
  'ā€', // Windows-1257
];
const unlikelyNeighbours = new RegExp(unlikely.join('|'), 'u');

/** Whether a text seems to hold wrongly decoded characters. */
export function isMojibake(text: string): boolean {
  return unlikelyNeighbours.test(text);
}

/** Characters that bytes of UTF-8 turn into in the encodings that are mixed up with it. */
const firstOf2 = 'Â-ßĀĂĆČĎĐĒĖĘĚĞĢĪİĶĹĻŁŃŅŇŌŐŘŚŞŠŢŪŮŰŲŹŻŽΒ-ΡΣ-ίВ-Я';
const firstOf3 = 'à-ïāăąćčďēėęěģīįķĺļŕźΰ-οа-п';
const firstOf4 = 'ðóđğšπσру';
const laterStrict = '\x80-¿ÆØæøĄąĽľŁłŒœŖŗŚśŞ-šŤťŸ-žƒˆˇ˘˛˜˝΄΅ΆΈΉΊΌΎΏЁ-ЌЎЏё-ќўџҐґ†‡‰‹›€№™';
/** A space may have been a no-break space. */
const later = `${laterStrict} –—―‘’‚“”„•…`;

/** Stretches that would be UTF-8 if they were encoded again, within text that is otherwise right. */
export const embeddedUtf8 = new RegExp(
  `(?<![${laterStrict}])(?:[${firstOf2}][${later}]|[${firstOf3}][${later}]{2}|[${firstOf4}][${later}]{3})+`,
  'gu',
);
