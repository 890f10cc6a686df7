// A prompt that changes with time: "0-4: a dog walks; 4-8: it jumps". Each part holds for its seconds of the clip.
// Knows no model.
import { InvalidRequestError } from '../graph/errors.ts';

export interface TimedPrompt {
  readonly from: number;
  readonly until: number;
  readonly prompt: string;
}

const PART = /^\s*(\d+(?:\.\d+)?)\s*s?\s*[-–]\s*(\d+(?:\.\d+)?)\s*s?\s*:\s*(\S[\s\S]*)$/;

/**
 * The parts of a prompt in their order; one part for all time if it names no times. A pronoun that begins a part stands for what
 * the part before began with. @throws InvalidRequestError for times that run backwards, or parts without
 */
export function timedPrompts(prompt: string): readonly TimedPrompt[] {
  if (!PART.test(prompt)) return [{ from: 0, until: Infinity, prompt }];
  const parts: TimedPrompt[] = [];
  for (const text of prompt.split(';')) {
    if (text.trim() === '') continue;
    const found = PART.exec(text);
    if (found === null) {
      throw new InvalidRequestError(`prompt (=${text.trim()}) has no times. Write all parts as in "0-4: a dog walks; 4-8: it jumps".`); // prettier-ignore
    }
    const [from, until] = [Number(found[1]), Number(found[2])];
    const before = parts.at(-1);
    if (until <= from || from < (before?.until ?? 0)) {
      throw new InvalidRequestError(`prompt (=${text.trim()}): its times must rise, and parts follow each other.`);
    }
    parts.push({ from, until, prompt: named(found[3]!.trim(), before?.prompt) });
  }
  return parts;
}

/** Where the last part ends, or undefined for a prompt without times. */
export function promptSeconds(prompt: string): number | undefined {
  const { until } = timedPrompts(prompt).at(-1)!;
  return until === Infinity ? undefined : until;
}

/** Which part holds at a time: gaps belong to the part before them. */
export function partAt(parts: readonly Pick<TimedPrompt, 'from'>[], seconds: number): number {
  const later = parts.findIndex(({ from }) => from > seconds);
  return later < 0 ? parts.length - 1 : Math.max(0, later - 1);
}

const PRONOUN = /^(it|he|she|they)\s+/i;

function named(prompt: string, before: string | undefined): string {
  const subject = before !== undefined && PRONOUN.test(prompt) ? subjectOf(before) : undefined;
  return subject === undefined ? prompt : prompt.replace(PRONOUN, `${subject} `);
}

/** "a small dog" of "a small dog walks left": from the article to the word before the first verb in -s. */
function subjectOf(sentence: string): string | undefined {
  const words = sentence.split(/\s+/);
  if (!/^(an?|the|some|one)$/i.test(words[0]!)) return undefined;
  const verb = words.findIndex((word, i) => i > 1 && /[^su]s[.,]?$/.test(word));
  return verb < 0 ? undefined : words.slice(0, verb).join(' ');
}
