// Puts the pictures of a video together into the moments that are described at once: a picture each, a few seconds, or a shot.
// However long a shot is, only a few of its pictures are kept.
import type { Moment, Sample } from './captioner.ts';

export interface MomentOptions {
  /** Cells of time that make a moment; 0 for none. */
  readonly momentSeconds: number;
  /** A shot is one moment (or several, where `momentSeconds` cuts it); else every picture is, or every cell. */
  readonly byShot: boolean;
  /** Where the last moment ends. */
  readonly endSeconds: number;
}

/** A moment and where to go on after it. */
export interface MomentInFilm extends Moment {
  readonly nextShot: number;
}

/** Pictures kept of a moment; beyond, every other one is given up. */
const MOST_PICTURES = 16;

export async function* momentsOf(
  samples: AsyncIterable<Sample>,
  options: MomentOptions,
): AsyncGenerator<MomentInFilm, void> {
  let kept = new Thinned();
  for await (const sample of samples) {
    const { first } = kept;
    if (first !== undefined && isApart(first, sample, options)) {
      yield momentOf(kept.samples, sample.seconds, sample.shot);
      kept = new Thinned();
    }
    kept.add(sample);
  }
  const last = kept.samples.at(-1);
  if (last === undefined) return;
  // A file may state a length that is short of its last picture.
  yield momentOf(kept.samples, Math.max(options.endSeconds, last.seconds + 0.04), last.shot);
}

function momentOf(samples: readonly Sample[], endSeconds: number, nextShot: number): MomentInFilm {
  const { seconds: startSeconds, shot } = samples[0]!;
  return { startSeconds, endSeconds, shot, samples, nextShot };
}

function isApart(first: Sample, sample: Sample, { momentSeconds, byShot }: MomentOptions): boolean {
  if (sample.shot !== first.shot) return true;
  if (momentSeconds === 0) return !byShot;
  const cell = ({ seconds }: Sample): number => Math.floor(seconds / momentSeconds + 1e-5);
  return cell(sample) !== cell(first);
}

/** Pictures of a stretch of any length, evenly spread. */
class Thinned {
  samples: Sample[] = [];
  #stride = 1;
  #seen = 0;

  get first(): Sample | undefined {
    return this.samples[0];
  }

  add(sample: Sample): void {
    if (this.#seen++ % this.#stride !== 0) return;
    if (this.samples.length === MOST_PICTURES) {
      this.samples = this.samples.filter((_, i) => i % 2 === 0);
      this.#stride *= 2;
    }
    this.samples.push(sample);
  }
}
