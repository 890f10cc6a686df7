// Which pictures of a video are looked at, as a filter of ffmpeg: the first one in each cell of time, and where shots are told
// apart, also the first one of each shot (by ffmpeg's scene score). The filter tells of each picture it lets through when it is
// shown, in microseconds; a constant rate is set only behind that, so that none is dropped or doubled on the way out.

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
  const constantRate = 'setpts=N*40000';
  if (cutScore === undefined) return `settb=AVTB,select='${inNextCell}',${scale},showinfo,${constantRate},format=rgb24`;
  // Scores are taken of small pictures, which is faster and as good.
  const select = `select='${inNextCell}+gt(scene\\,${cutScore})'`;
  return `settb=AVTB,${scale},${select},metadata=print:key=lavfi.scene_score,showinfo,${constantRate},format=rgb24`;
}

/** The rate that `samplingFilter` sets. */
export const OUTPUT_RATE = '25';

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
