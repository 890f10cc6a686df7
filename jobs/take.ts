// The takes of a render and their windows. A take is a stretch of the clip that is made: some of its first and last frames may be
// given, and what is longer than a model makes at once is made in windows, each of which goes on from the one before.
// Frames come as causal autoencoders have them: the first by itself, then one group for each latent frame. Pure arithmetic.
import { temporalFactor } from '../compressor/config.ts';
import { InvalidRequestError } from '../graph/errors.ts';
import type { Model } from './model.ts';
import type { Render } from './resolve-request.ts';
import { partAt, type TimedPrompt, timedPrompts } from './timed-prompts.ts';
import { visualKind } from './visual-kind.ts';

export interface Take {
  /** In all, given ones included: 4k+1. */
  readonly frames: number;
  /** Of its first frames, so many are given: 0, 1 for a picture, 4k+1 of a video. */
  readonly head: number;
  /** Of its last frames, so many are given: 0 or 4k. */
  readonly tail: number;
  /** Where each window begins; all are as long as the model makes at once. */
  readonly starts: readonly number[];
}

/** What says how long a render's takes are of a render. */
type Asked = Pick<Render, 'prompt' | 'expanded' | 'frames' | 'fps' | 'seconds' | 'image' | 'last' | 'extend' | 'side' | 'between' | 'loop' | 'restyle'>; // prettier-ignore

/** Frames that a window is shown of a video before it, and of one after it: about an eighth of its length. */
export function overlapOf(window: number, factor: number): { readonly head: number; readonly tail: number } {
  const latents = 1 + (window - 1) / factor;
  const groups = latents <= 2 ? 0 : Math.max(1, Math.round(latents / 8));
  return { head: 1 + factor * groups, tail: factor * Math.max(1, groups) };
}

/**
 * The takes of a render, in the order in which they are made. A model that starts from a picture starts each window from the last one of
 * the window before, as it was taught; others keep several frames, so that a motion goes on.
 * @throws InvalidRequestError when a window is too short
 */
export function takesOf(render: Asked, model: Model): readonly Take[] {
  const { autoencoder } = model;
  const isGiven = visualKind(model) === 'timesteps';
  const factor = temporalFactor(autoencoder.config);
  const { head, tail } = overlapOf(render.frames, factor);
  const overlap = isGiven ? 1 : head;
  const asked = render.seconds === undefined ? undefined : Math.round(render.seconds * render.fps);
  const take = (given: { head: number; tail: number }, anew?: number): Take => {
    const room = render.frames - given.head - given.tail;
    const isLong = (anew ?? room) > room;
    if ((room < 1 && given.head + given.tail > 1) || (isLong && render.frames - overlap - given.tail < 1))
      throw tooShort(render, factor);
    const all = given.head + (isLong ? anew! : room) + given.tail;
    const frames = 1 + factor * Math.round((all - 1) / factor);
    const cuts = render.extend === undefined && render.between === undefined ? cutsOf(render, factor) : [];
    return { frames, ...given, starts: windowsBetween(frames, cuts, { window: render.frames, overlap }) };
  };
  if (render.between !== undefined || (render.extend !== undefined && render.loop === true)) return [take({ head, tail }, asked)]; // prettier-ignore
  if (render.extend !== undefined) {
    return [
      ...(render.side === 'end' ? [] : [take({ head: 0, tail }, asked)]),
      ...(render.side === 'start' ? [] : [take({ head, tail: 0 }, asked)]),
    ];
  }
  const first = render.image === undefined || !isGiven ? 0 : 1;
  if (render.loop === true) return [loop(render, { first, overlap, tail, asked, factor })];
  const last = render.last === undefined || !isGiven ? 0 : factor;
  return [take({ head: first, tail: last }, asked === undefined ? undefined : asked - first - last)];
}

interface LoopLengths {
  readonly first: number;
  readonly overlap: number;
  readonly tail: number;
  readonly asked: number | undefined;
  readonly factor: number;
}

/** A loop is made in two windows at least: its end is shown its beginning, which must be there by then. */
function loop(render: Asked, { first, overlap, tail, asked, factor }: LoopLengths): Take {
  const window = render.frames;
  if (window - overlap - tail < 1) throw tooShort(render, factor);
  const least = 2 * window - overlap;
  const frames = Math.max(least, asked === undefined ? 0 : 1 + factor * Math.round((asked + tail - 1) / factor));
  return { frames, head: first, tail, starts: windowStarts(frames, { window, overlap }) };
}

/** The length nearest to so many seconds that a model makes. */
export function framesOfSeconds(seconds: number, fps: number, { autoencoder }: Pick<Model, 'autoencoder'>): number {
  const factor = temporalFactor(autoencoder.config);
  return 1 + factor * Math.max(0, Math.round((seconds * fps - 1) / factor));
}

/** Frames where a prompt with times changes. */
function cutsOf({ prompt, expanded, fps }: Asked, factor: number): readonly number[] {
  const parts = timedPrompts(expanded ?? prompt).slice(1);
  return parts.map(({ from }) => factor * Math.round((from * fps) / factor));
}

interface WindowSize {
  readonly window: number;
  readonly overlap: number;
}

/**
 * Windows begin anew at each cut, shown only the frame that was reached: a motion that is asked for then starts from it, and is not
 * begun in its middle. Where a window is longer than from cut to cut, they run on as if there were none.
 */
function windowsBetween(frames: number, cuts: readonly number[], size: WindowSize): readonly number[] {
  const ends = [...cuts, frames - 1];
  const pieces = ends.map((end, i) => ({ from: cuts[i - 1] ?? 0, length: end - (cuts[i - 1] ?? 0) + 1 }));
  if (pieces.some(({ length }) => length < size.window)) return windowStarts(frames, size);
  return pieces.flatMap(({ from, length }) => windowStarts(length, size).map((start) => from + start));
}

/** Windows of one length over a take, each overlapping the one before by `overlap` frames, the last one by more if need be. */
export function windowStarts(frames: number, { window, overlap }: WindowSize): readonly number[] {
  if (frames <= window) return [0];
  const count = 1 + Math.ceil(Math.max(0, frames - window) / (window - overlap));
  return Array.from({ length: count }, (_, i) => Math.min(i * (window - overlap), frames - window));
}

/** The middle of what a window makes anew, in seconds from the first frame that is made: the part of a prompt there is its prompt. */
export function middleOf(
  { starts, head, tail }: Take,
  index: number,
  { frames, fps }: Pick<Asked, 'frames' | 'fps'>,
): number {
  const start = starts[index]!;
  const from = index === 0 ? head : starts[index - 1]! + frames - start;
  const to = frames - (index === starts.length - 1 ? tail : 0);
  return (start + (from + to) / 2 - head) / fps;
}

/** Parts of a prompt with times that are in the middle of no window, so that nothing is made by them. */
export function unseenParts(render: Asked, model: Model): readonly TimedPrompt[] {
  const parts = timedPrompts(render.expanded ?? render.prompt);
  const seen = takesOf(render, model).flatMap((take) => take.starts.map((_, i) => partAt(parts, middleOf(take, i, render)))); // prettier-ignore
  return parts.filter((_, i) => !seen.includes(i));
}

/** Sampling runs of a render, and the frames that are made in them. */
export function workOf(render: Asked, model: Model): { readonly windows: number; readonly frames: number } {
  const takes = takesOf(render, model);
  const sum = (of: (take: Take) => number): number => takes.reduce((total, take) => total + of(take), 0);
  return { windows: sum(({ starts }) => starts.length), frames: sum(({ frames }) => frames) };
}

function tooShort({ frames }: Asked, factor: number): InvalidRequestError {
  return new InvalidRequestError(
    `frames (=${frames}) leave nothing to make beside what is given of the clip. Use ${3 * factor + 1} or more.`,
  );
}
