// Which pictures of a video are looked at, as a filter of ffmpeg: the first one in each cell of time, and where shots are told
// apart, also the first one of each shot (by ffmpeg's scene score). The filter tells of each picture it lets through when it is
// shown, in microseconds; behind that times only count them, and ffmpeg is told neither to drop nor to double any on the way out.

/** How densely to look. */
export interface Sampling {
  /** Length of a cell: of each, the first picture is taken. */
  readonly everySeconds: number;
  /** Pictures after which a cut is seen, by a scene score from 0 to 1; undefined to tell no shots apart. */
  readonly cutScore: number | undefined;
}

/** What ffmpeg says of one picture. */
export interface PictureTime {
  readonly microseconds: number;
  /** How much it differs from the one before, 0 to 1; 0 where no shots are told apart. */
  readonly sceneScore: number;
}

/** ffmpeg's own example value; hard cuts score above it, camera movements below. */
export const CUT_SCORE = 0.3;

/** The chain of filters; pictures come out as RGB of the given size. Times are those of the file, wherever reading begins. */
export function samplingFilter(sampling: Sampling, [width, height]: readonly number[]): string {
  const { everySeconds, cutScore } = sampling;
  // The small number is for times that binary fractions make a little too early.
  const cell = (time: string): string => `floor(${time}/${everySeconds}+0.00001)`;
  const inNextCell = `isnan(prev_selected_t)+gt(${cell('t')}\\,${cell('prev_selected_t')})`;
  const scale = `scale=${width}:${height}:flags=bilinear`;
  const counted = 'setpts=N*40000';
  if (cutScore === undefined) return `settb=AVTB,select='${inNextCell}',${scale},showinfo,${counted},format=rgb24`;
  // Scores are taken of small pictures, which is faster and as good.
  const select = `select='${inNextCell}+gt(scene\\,${cutScore})'`;
  return `settb=AVTB,${scale},${select},metadata=print:key=lavfi.scene_score,showinfo,${counted},format=rgb24`;
}

/**
 * Writes each picture that `samplingFilter` lets through once. Left to itself, ffmpeg fills gaps that it believes in: the first picture of a
 * GIF came five times. @param version of ffmpeg; what is newer than 5.1 has another name for it
 */
export function onceEach(version: string): readonly string[] {
  const [, major = '', minor = ''] = /^n?(\d{1,2})\.(\d+)/.exec(version) ?? [];
  const [, commits = ''] = /^N-(\d+)-/.exec(version) ?? [];
  const isNew = Number(major) + Number(minor) / 100 >= 5.01 || Number(commits) > 110_000 || /^20(2[3-9]|[3-9]\d)-/.test(version); // prettier-ignore
  return [isNew ? '-fps_mode' : '-vsync', 'passthrough', '-enc_time_base', '1/25'];
}

/** Puts together what ffmpeg's lines say of the pictures, in their order. */
export class TimeReader {
  #score = 0;

  /** @returns the picture that this line completes, if it does */
  read(line: string): PictureTime | undefined {
    const score = /lavfi\.scene_score=([\d.]+)/.exec(line)?.[1];
    if (score !== undefined) this.#score = Number(score);
    const time = /showinfo.*\bn:\s*\d+\s+pts:\s*(-?\d+)/.exec(line)?.[1];
    if (time === undefined) return undefined;
    const sceneScore = this.#score;
    this.#score = 0;
    return { microseconds: Number(time), sceneScore };
  }
}
