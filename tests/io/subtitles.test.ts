// Read back by a third-party parser that knows the formats' grammars.
import * as mediaCaptions from 'media-captions';
import { expect, test } from 'vitest';
import { clock, subtitleText, type TimedText } from '../../io/subtitles.ts';

/** The package's types do not resolve under NodeNext. */
const { parseText } = mediaCaptions as unknown as { readonly parseText: ParseText };
type ParseText = (
  text: string,
  options: { readonly type: string; readonly strict: boolean },
) => Promise<{ cues: { startTime: number; endTime: number; text: string }[]; errors: unknown[] }>;

const cues: readonly TimedText[] = [
  { startSeconds: 0, endSeconds: 1.0004, lines: ['A <b>tag</b> & "quotes" --> arrows'] },
  { startSeconds: 1.0004, endSeconds: 3599.9999, lines: ['Zwei Zeilen, ganz schön lang,', '日本語もある 🐧'] },
  { startSeconds: 3600, endSeconds: 100_000, lines: ['Late.'] },
];

test.each(['vtt', 'srt'] as const)('%s is read back as it was written', async (type) => {
  const text = subtitleText(cues, type);
  const { cues: read, errors } = await parseText(text, { type, strict: true });
  expect(errors).toEqual([]);
  expect(read.map(({ startTime, endTime }) => [startTime, endTime])).toEqual([
    [0, 1],
    [1, 3600],
    [3600, 100_000],
  ]);
  expect(read[1]!.text).toBe('Zwei Zeilen, ganz schön lang,\n日本語もある 🐧');
  if (type === 'vtt') expect(read[0]!.text).toBe('A &lt;b&gt;tag&lt;/b&gt; &amp; "quotes" --&gt; arrows');
  else expect(read[0]!.text).toContain('& "quotes" → arrows');
});

test('no cues are a file without cues', async () => {
  expect(await parseText(subtitleText([], 'vtt'), { type: 'vtt', strict: true })).toMatchObject({
    cues: [],
    errors: [],
  });
  expect(subtitleText([], 'srt').trim()).toBe('');
});

test('plain text has a line for each, with its time', () => {
  expect(subtitleText(cues.slice(1), 'txt')).toBe(
    '0:01  Zwei Zeilen, ganz schön lang, 日本語もある 🐧\n1:00:00  Late.\n',
  );
  expect([0, 61.9, 3723].map(clock)).toEqual(['0:00', '1:01', '1:02:03']);
});
