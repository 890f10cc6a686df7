// Undoes the wrong decoding of UTF-8: finds the one-byte encoding that turns a text back into valid UTF-8.
// A port of ftfy 6.3.1's fix_encoding by Robyn Speer (Apache-2.0). Bytes are kept as strings of the characters 0 to 255,
// so that regular expressions can look for byte sequences. Does not touch text that looks right.
/* eslint-disable no-control-regex -- control characters are what is looked for */
import { embeddedUtf8, isMojibake } from './mojibake.ts';

interface OneByteEncoding {
  readonly name: string;
  /** Sloppy ones pass unassigned bytes through and may have lost bytes to U+FFFD, which byte 1A stands for. */
  readonly sloppy: boolean;
  readonly byteOf: ReadonlyMap<string, string>;
}

/** The upper half of IBM's code page 437, which TextDecoder lacks. */
const codePage437 =
  'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀' +
  'αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\xa0';

/** Bytes 80 to 9F of Windows-1252. Written out, as Node 20's TextDecoder reads that encoding as Latin-1. */
const windows1252Controls = '€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ';

/** C1 control characters, which nobody means, as the characters that Windows has in their place. */
export function fixControls(text: string): string {
  return text.replace(/[\x80-\x9f]/g, (control) => windows1252Controls[control.charCodeAt(0) - 0x80]!);
}

const allBytes = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte));

function oneByteEncoding(name: string, decode: (byte: string) => string): OneByteEncoding {
  const sloppy = name.startsWith('windows');
  const characterOf = (byte: string) => (sloppy && byte === '\x1a' ? '\ufffd' : decode(byte));
  return { name, sloppy, byteOf: new Map(allBytes.map((byte) => [characterOf(byte), byte])) };
}

/** By the platform's own table; a byte that it does not assign stays itself. */
function platformEncoding(name: string): OneByteEncoding {
  const decoder = new TextDecoder(name);
  return oneByteEncoding(name, (byte) => {
    const character = decoder.decode(Uint8Array.of(byte.charCodeAt(0)));
    return character === '\ufffd' ? byte : character;
  });
}

const latin1 = oneByteEncoding('latin-1', (byte) => byte);
/** In the order in which they are tried. */
const encodings: readonly OneByteEncoding[] = [
  latin1,
  oneByteEncoding('windows-1252', fixControls),
  ...['windows-1251', 'windows-1250', 'windows-1253', 'windows-1254', 'windows-1257'].map(platformEncoding),
  platformEncoding('iso-8859-2'),
  platformEncoding('macintosh'),
  oneByteEncoding('cp437', (byte) => (byte < '\x80' ? byte : codePage437[byte.charCodeAt(0) - 128]!)),
];

/** The text with its wrongly decoded parts decoded again, layer by layer. */
export function fixEncoding(text: string): string {
  const fixed = fixOneLayer(text);
  return fixed === text ? text : fixEncoding(fixed);
}

function fixOneLayer(text: string): string {
  if (!isMojibake(text)) return text;
  for (const encoding of encodings) {
    const bytes = encode(text, encoding);
    const decoded = bytes === undefined ? undefined : decodeUtf8(mend(bytes, encoding));
    if (decoded !== undefined) return decoded;
  }
  return fixEmbedded(text) ?? fixControls(text);
}

function encode(text: string, { byteOf }: OneByteEncoding): string | undefined {
  let bytes = '';
  for (const character of text) {
    const byte = byteOf.get(character);
    if (byte === undefined) return undefined;
    bytes += byte;
  }
  return bytes;
}

/** Bytes that would be UTF-8 if an A0 had not become a space. */
const spaceForA0 =
  /[\xc2\xc3\xc5\xce\xd0\xd9] |[\xe2\xe3] [\x80-\x84\x86-\x9f\xa1-\xbf]|[\xe0-\xe3][\x80-\x84\x86-\x9f\xa1-\xbf] |\xf0 [\x80-\xbf][\x80-\xbf]|\xf0[\x80-\xbf] [\x80-\xbf]|\xf0[\x80-\xbf][\x80-\xbf] /g;
/** Bytes that would be UTF-8 if one had not been lost; 1A marks the loss. */
const lostBytes =
  /[\xc2-\xdf]\x1a|[\xc2-\xc3]\?|\xed[\xa0-\xaf][\x1a?]\xed[\xb0-\xbf][\x1a?\x80-\xbf]|\xed[\xa0-\xaf][\x1a?\x80-\xbf]\xed[\xb0-\xbf][\x1a?]|[\xe0-\xef][\x1a?][\x1a\x80-\xbf]|[\xe0-\xef][\x1a\x80-\xbf][\x1a?]|[\xf0-\xf4][\x1a?][\x1a\x80-\xbf][\x1a\x80-\xbf]|[\xf0-\xf4][\x1a\x80-\xbf][\x1a?][\x1a\x80-\xbf]|[\xf0-\xf4][\x1a\x80-\xbf][\x1a\x80-\xbf][\x1a?]|\x1a/g;
const replacementBytes = '\xef\xbf\xbd';

function mend(bytes: string, { name, sloppy }: OneByteEncoding): string {
  // In MacRoman an A0 would match a dash before a space. "à" before a space is mostly a word of its own.
  const spaced = name === 'macintosh' ? bytes : restoreA0(bytes);
  return sloppy ? spaced.replace(lostBytes, replacementBytes) : spaced;
}

function restoreA0(bytes: string): string {
  if (bytes.search(spaceForA0) < 0) return bytes;
  const words = bytes.replace(/\xc3 (?! |quele|quela|quilo|s )/g, '\xc3\xa0 ');
  return words.replace(spaceForA0, (sequence) => sequence.replaceAll(' ', '\xa0'));
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Strict UTF-8, but for two variants that Java and old databases write: C0 80 as zero, and encoded surrogate pairs. */
function decodeUtf8(bytes: string): string | undefined {
  const plain = bytes
    .replace(/\xed([\xa0-\xaf])([\x80-\xbf])\xed([\xb0-\xbf])([\x80-\xbf])/g, (pair) => surrogatePair(pair))
    .replaceAll('\xc0\x80', '\0');
  try {
    return utf8.decode(Buffer.from(plain, 'latin1'));
  } catch {
    return undefined;
  }
}

/** Six bytes 11101101 1010abcd 10efghij 11101101 1011klmn 10opqrst as the UTF-8 of one character. */
function surrogatePair(bytes: string): string {
  const bits = (at: number, mask: number) => bytes.charCodeAt(at) & mask;
  const codePoint = 0x10000 + (bits(1, 0x0f) << 16) + (bits(2, 0x3f) << 10) + (bits(4, 0x0f) << 6) + bits(5, 0x3f);
  return Buffer.from(String.fromCodePoint(codePoint)).toString('latin1');
}

/** Stretches of wrongly decoded characters amid right ones. */
function fixEmbedded(text: string): string | undefined {
  const fixed = text.replace(embeddedUtf8, (part) =>
    part.length < text.length && isMojibake(part) ? fixEncoding(part) : part,
  );
  return fixed === text ? undefined : fixed;
}
