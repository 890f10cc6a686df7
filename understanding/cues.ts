// From what is said of each moment to subtitles that can be read: equal neighbours become one cue, none overlaps the next, and
// each stays for as long as it takes to read. What would flash by is left out here; the JSON of a film keeps all of it.

/** Something said of a stretch of a film. */
export interface Caption {
  readonly startSeconds: number;
  readonly endSeconds: number;
  readonly text: string;
  /** Whether it tells what is to be seen, or is what is said in the film. */
  readonly source: 'seen' | 'heard';
}

export interface Cue {
  readonly startSeconds: number;
  readonly endSeconds: number;
  /** Lines that fit a screen. */
  readonly lines: readonly string[];
}

/** Characters that people read in a second, as guides for subtitles have it. */
export const READING_SPEED = 17;
/** Less is a flash. */
export const LEAST_SECONDS = 1;
/** How long a still picture is shown. */
export const STILL_SECONDS = 5;
const LINE_LENGTH = 42;
const MOST_LINES = 3;

/** Cues of a film that ends at `endSeconds`. Where it speaks, its words go first, and what is seen stands in brackets. */
export function cuesOf(captions: readonly Caption[], endSeconds: number): readonly Cue[] {
  const heard = readable(ofSource(captions, 'heard'), endSeconds);
  const seen = ofSource(captions, 'seen');
  if (heard.length === 0) return readable(seen, endSeconds).flatMap(pagesOf);
  const bracketed = seen.map((caption) => ({ ...caption, text: `[${caption.text}]` }));
  const gaps = gapsBetween(heard, endSeconds);
  const between = gaps.flatMap(([from, to]) => {
    const inside = bracketed.filter((one) => one.startSeconds < to && one.endSeconds > from);
    const cut = inside.map((one) => ({
      ...one,
      startSeconds: Math.max(from, one.startSeconds),
      endSeconds: Math.min(to, one.endSeconds),
    }));
    return readable(cut, to).filter((one) => one.endSeconds - one.startSeconds >= LEAST_SECONDS);
  });
  return [...heard, ...between].sort((a, b) => a.startSeconds - b.startSeconds).flatMap(pagesOf);
}

const ofSource = (captions: readonly Caption[], source: Caption['source']): readonly Caption[] =>
  captions.filter((one) => one.source === source && one.text.trim() !== '');

/** Seconds that a text has to stay. */
export const readingSeconds = (text: string): number => Math.max(LEAST_SECONDS, text.length / READING_SPEED);

/** Merges equal neighbours and gives every text its time: the next one waits, and what ends meanwhile is passed over. */
function readable(captions: readonly Caption[], endSeconds: number): readonly Caption[] {
  const cues: Caption[] = [];
  for (const caption of merged(captions)) {
    const last = cues.at(-1);
    const startSeconds = Math.max(caption.startSeconds, last?.endSeconds ?? 0);
    if (last !== undefined && caption.endSeconds <= startSeconds) continue;
    if (last !== undefined && caption.text === last.text && startSeconds - last.endSeconds < LEAST_SECONDS) {
      cues[cues.length - 1] = { ...last, endSeconds: caption.endSeconds };
      continue;
    }
    const wanted = Math.max(caption.endSeconds, startSeconds + readingSeconds(caption.text));
    const cue = { ...caption, startSeconds, endSeconds: Math.min(wanted, Math.max(endSeconds, caption.endSeconds)) };
    // At the end of a film there may be no time left for another text.
    if (last !== undefined && cue.endSeconds - startSeconds < LEAST_SECONDS) {
      if (caption.startSeconds <= last.endSeconds) cues[cues.length - 1] = { ...last, endSeconds: cue.endSeconds };
    } else cues.push(cue);
  }
  return cues;
}

function merged(captions: readonly Caption[]): readonly Caption[] {
  const whole: Caption[] = [];
  for (const caption of captions) {
    const last = whole.at(-1);
    const text = caption.text.replace(/\s+/g, ' ').trim();
    if (last?.text === text && caption.startSeconds - last.endSeconds < 0.1)
      whole[whole.length - 1] = { ...last, endSeconds: caption.endSeconds };
    else whole.push({ ...caption, text });
  }
  return whole;
}

function gapsBetween(cues: readonly Caption[], endSeconds: number): readonly (readonly [from: number, to: number])[] {
  const gaps = cues.map((cue, i) => [cues[i - 1]?.endSeconds ?? 0, cue.startSeconds] as const);
  const last = [cues.at(-1)!.endSeconds, endSeconds] as const;
  return [...gaps, last].filter(([from, to]) => to - from >= LEAST_SECONDS);
}

/** A text that fills more than a screen becomes several cues, each with its share of the time. */
function pagesOf({ startSeconds, endSeconds, text }: Caption): readonly Cue[] {
  const lines = wrapped(text);
  // Pages must not flash either.
  const most = Math.max(1, Math.floor((endSeconds - startSeconds) / LEAST_SECONDS));
  const count = Math.min(most, Math.ceil(lines.length / MOST_LINES));
  const perPage = Math.ceil(lines.length / count);
  const pages: string[][] = [];
  for (let i = 0; i < lines.length; i += perPage) pages.push(lines.slice(i, i + perPage));
  const share = (endSeconds - startSeconds) / pages.length;
  return pages.map((page, i) => ({
    startSeconds: startSeconds + i * share,
    endSeconds: i === pages.length - 1 ? endSeconds : startSeconds + (i + 1) * share,
    lines: page,
  }));
}

function wrapped(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= LINE_LENGTH) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
