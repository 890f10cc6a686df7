// Looks for keys that stand twice in a JSON text, which JSON.parse hides: it keeps the last one silently,
// so that two programs may read the same file differently. Hand-written, as a regular expression over
// a hostile megabyte-long string exhausts its stack.

const QUOTE = 0x22;
const COLON = 0x3a;
const BACKSLASH = 0x5c;

/** The first key that stands twice within one object of a valid JSON text, or undefined. */
export function duplicateKey(json: string): string | undefined {
  const keysOfOpenObjects: (Set<string> | undefined)[] = [];
  for (let at = 0; at < json.length; at++) {
    const char = json.charCodeAt(at);
    if (char === QUOTE) {
      const start = at;
      at = closingQuote(json, start);
      if (json.charCodeAt(skipSpace(json, at + 1)) !== COLON) continue;
      const key = JSON.parse(json.slice(start, at + 1)) as string;
      const keys = keysOfOpenObjects.at(-1);
      if (keys?.has(key)) return key;
      keys?.add(key);
    } else if (char === 0x7b || char === 0x5b) {
      keysOfOpenObjects.push(char === 0x7b ? new Set() : undefined); // '{' or '['
    } else if (char === 0x7d || char === 0x5d) {
      keysOfOpenObjects.pop(); // '}' or ']'
    }
  }
  return undefined;
}

function closingQuote(json: string, open: number): number {
  let at = open + 1;
  while (at < json.length && json.charCodeAt(at) !== QUOTE) at += json.charCodeAt(at) === BACKSLASH ? 2 : 1;
  return at;
}

function skipSpace(json: string, from: number): number {
  let at = from;
  while (at < json.length && json.charCodeAt(at) <= 0x20) at++;
  return at;
}
