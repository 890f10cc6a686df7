// Subtitles as files: WebVTT, SubRip and plain text. Written by the library `subsrt-ts`; what it leaves to its callers is done here:
// characters that mean something in WebVTT, and arrows, which no cue may hold.
import { build } from 'subsrt-ts';

/** A text and when it is shown. */
export interface TimedText {
  readonly startSeconds: number;
  readonly endSeconds: number;
  readonly lines: readonly string[];
}

export const subtitleFormats = ['vtt', 'srt', 'txt'] as const;
export type SubtitleFormat = (typeof subtitleFormats)[number];

/** The content of a file. Plain text has a line for each cue, with its time before it. */
export function subtitleText(cues: readonly TimedText[], format: SubtitleFormat): string {
  if (format === 'txt') {
    return cues.map(({ startSeconds, lines }) => `${clock(startSeconds)}  ${lines.join(' ')}\n`).join('');
  }
  const captions = cues.map(({ startSeconds, endSeconds, lines }, i) => {
    const text = lines.map((line) => (format === 'vtt' ? escaped(line) : line.replaceAll('-->', '→'))).join('\n');
    // Whole milliseconds, so that rounding makes no cue overlap the next.
    const [start, end] = [Math.round(startSeconds * 1000), Math.round(endSeconds * 1000)];
    return { type: 'caption' as const, index: i + 1, start, end, duration: end - start, content: text, text };
  });
  return build(captions, { format, eol: '\n' });
}

const escaped = (line: string): string => line.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** 0:07, 12:40, 1:02:03. */
export function clock(seconds: number): string {
  const whole = Math.floor(seconds);
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (value: number): string => String(value).padStart(2, '0');
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}
