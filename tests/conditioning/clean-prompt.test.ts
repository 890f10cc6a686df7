// Prompt cleaning against what Wan's reference makes of the same texts (see `made_by` in the fixture), and by hand.
import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { cleanPrompt } from '../../conditioning/clean-prompt.ts';
import { isMojibake } from '../../conditioning/mojibake.ts';

const fixture = new URL('../fixtures/prompts/cleaned.json', import.meta.url);

test('gives the reference texts', async () => {
  const { cases } = JSON.parse(await readFile(fixture, 'utf8')) as { cases: [string, string][] };
  expect(cases.length).toBeGreaterThan(400);
  expect(cases.map(([text]) => cleanPrompt(text))).toEqual(cases.map(([, cleaned]) => cleaned));
});

describe('by hand', () => {
  test.each([
    ['  A penguin\n\tjumps. ', 'A penguin jumps.', 'white space'],
    ['a catâ€™s cafÃ©', "a cat's café", 'UTF-8 read as Windows-1252'],
    ['ÃƒÂ©tÃƒÂ©', 'été', 'twice'],
    ['Ð¿Ñ€Ð¸Ð²ÐµÑ‚', 'привет', 'another alphabet'],
    ['fish &amp;amp; chips', 'fish & chips', 'HTML escapes, twice'],
    ['&lt;b&gt; &#233; &eacute;', '<b> é é', 'entities by name and number'],
    ['“curly” ‘quotes’ ﬁne ＷＩＤＥ', '"curly" \'quotes\' fine WIDE', 'typography'],
    ['\x1b[31mred\x1b[0m \x00\x07\ufefftext', 'red text', 'control characters'],
    ['e\u0301', 'é', 'composition'],
    ['', '', 'nothing'],
    ['\n \t', '', 'nothing but white space'],
  ])('%j becomes %j: %s', (text, cleaned) => expect(cleanPrompt(text)).toBe(cleaned));

  test.each(['naïve café, Zürich', 'Łódź', 'Привет, мир!', '日本語の猫', '🐧 ❄️', 'señor ¿qué?', '10° ±5 €20'])(
    '%j is right and stays',
    (text) => {
      expect(isMojibake(text)).toBe(false);
      expect(cleanPrompt(text)).toBe(text);
    },
  );

  test('a cleaned text is clean', async () => {
    const { cases } = JSON.parse(await readFile(fixture, 'utf8')) as { cases: [string, string][] };
    const simple = cases.map(([, cleaned]) => cleaned).filter((text) => !/[&<]/.test(text));
    for (const text of simple) expect(cleanPrompt(text)).toBe(text);
  });
});

test('a long damaged text takes no more than a moment', () => {
  const start = performance.now();
  cleanPrompt('cafÃ© â€“ ðŸ§ '.repeat(2000));
  expect(performance.now() - start).toBeLessThan(5000);
});
