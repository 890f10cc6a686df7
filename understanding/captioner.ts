// What every captioner is to the rest: it is shown moments of a video, pictures with their times, and says what is to be seen.
// A captioner knows neither files nor subtitles. To add one: a file that makes a Captioner, and its name in jobs/open-captioner.ts.
import type { Frames } from '../io/frames.ts';

/** One picture of a video and when it is shown. */
export interface Sample {
  /** Presentation time in seconds; the first picture of most videos is at 0. */
  readonly seconds: number;
  /** Number of the shot that it belongs to, from 0; always 0 where shots are not told apart. */
  readonly shot: number;
  /** [1,H,W,3], upright, within the size that the captioner asked for. */
  readonly picture: Frames;
}

/** A stretch of a video that is put into words at once. */
export interface Moment {
  readonly startSeconds: number;
  /** Where the next moment begins, or the video ends. */
  readonly endSeconds: number;
  readonly shot: number;
  /** At least one, in the order of time. */
  readonly samples: readonly Sample[];
}

/** Where something is: parts of the picture's width and height, from its upper left corner. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** One thing through one moment. */
export interface SeenObject {
  readonly label: string;
  /** How sure the detector is, 0 to 1. */
  readonly confidence: number;
  /** The same thing has the same number in all moments of a video. */
  readonly track: number;
  /** Its place at each sample where it was found. */
  readonly boxes: readonly (Box & { readonly seconds: number })[];
}

/** What is said of a moment. */
export interface Description {
  readonly text: string;
  /** 0 to 1, or absent where a captioner does not know. */
  readonly confidence?: number;
  readonly objects?: readonly SeenObject[];
  /** Of captioners that are billed by it. */
  readonly tokens?: TokenBill;
  /** Where the moment lies in a joint space, of captioners that know (placing-captioner.ts). */
  readonly place?: readonly number[];
  /** What the captioner remembers for the next moment, as plain JSON. */
  readonly memory?: unknown;
}

export interface TokenBill {
  readonly input: number;
  readonly output: number;
}

export interface Captioner {
  /** What `--captioner` calls it, e.g. `detector` or `hf:HuggingFaceTB/SmolVLM-256M-Instruct`. */
  readonly name: string;
  /** How it runs, for people: a backend, a device, an address. */
  readonly how: string;
  /** Pictures are scaled down to fit into a square of so many pixels. */
  readonly longestSide: number;
  /** Samples within so many seconds make one moment; 0 for a moment each. */
  readonly momentSeconds: number;
  /** How often it looks where nobody says; a second if left out. */
  readonly everySeconds?: number;
  /** How many moments it takes at a time. More than 1 only where it remembers nothing. */
  readonly concurrency: number;
  /**
   * Says what is to be seen. Called in the order of time, with what it returned as `memory` the last time.
   * @throws InvalidRequestError, ModelFileError, JobFailedError, the signal's reason
   */
  describe(moment: Moment, memory: unknown, signal?: AbortSignal): Promise<Description>;
  close(): Promise<void>;
}

/** Words said to a captioner that takes them. */
export interface Wish {
  /** What to look for, e.g. "Describe the clothes." */
  readonly prompt?: string | undefined;
  /** How each caption is to begin. */
  readonly prefix?: string | undefined;
  /** The language of the captions, in English or as a code: "German", "de". */
  readonly language?: string | undefined;
}

/** The picture in the middle, for captioners that look at one. */
export function middleOf({ samples }: Moment): Sample {
  return samples[samples.length >> 1]!;
}
