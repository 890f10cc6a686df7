// Makes a take, window by window: samples a window's latents, decodes them, and passes its frames on as they come. Where one picture
// of a moment follows another (a given frame and what the autoencoder makes of it, the end of one window and the beginning of
// the next), they cross-fade: given frames stay nearer to themselves than the autoencoder keeps them, and no seam shows. Only the
// frames that the next window is shown are held.
import { type Frames, framesOf, joinFrames, sliceFrames } from '../io/frames.ts';
import type { RenderContext } from './render-clip.ts';
import type { Repaint } from './repaint.ts';
import type { Render } from './resolve-request.ts';
import { type Before, sampleWindow } from './sample-window.ts';
import type { SavedLatents } from './saved-latents.ts';
import type { Take } from './take.ts';

/** What a take is made from. */
export interface TakeSources {
  /** Its first frames, as many as the take's head. */
  readonly head?: Frames | undefined;
  /** Its last frames, as many as the take's tail; asked for when the last window comes. */
  readonly tail?: (() => Frames) | undefined;
  /** The video that is made anew. */
  readonly repaint?: Repaint | undefined;
  /** Number of the take's first window in the render. */
  readonly firstWindow: number;
}

/** A render under way. */
export interface TakeRun extends RenderContext {
  readonly render: Render;
  /** Whether frames have timesteps of their own, because some are given. */
  readonly eachFrame: boolean;
  readonly windows: number;
  /** Where the latents of a window are saved. */
  readonly saved: (window: number) => SavedLatents;
}

/** The frames of a take, one by one. */
export async function* renderTake(run: TakeRun, take: Take, sources: TakeSources): AsyncGenerator<Frames> {
  let before: Before | undefined;
  for (const [index, start] of take.starts.entries()) {
    const next = take.starts[index + 1];
    const head = before?.frames ?? sources.head;
    const tail = next === undefined ? sources.tail?.() : undefined;
    const latents = await sampleWindow(run, { take, sources, index, before, tail });
    if (run.windows === 1) run.events.decoded(0);
    const held: Frames[] = [];
    let at = 0;
    for await (const decoded of eachFrame(run.clock.timeEach('decode', run.pipeline.frames(run.render, latents)))) {
      const made = (await sources.repaint?.composite(decoded, start + at)) ?? decoded;
      const frame = fadedOut(fadedIn(made, at, head), at - run.render.frames, tail);
      if (next !== undefined && start + at >= next) held.push(frame);
      else yield frame;
      at++;
    }
    before = held.length === 0 ? undefined : { latents, frames: joinFrames(held) };
  }
}

function fadedIn(frame: Frames, at: number, head: Frames | undefined): Frames {
  return head === undefined || at >= head.frames
    ? frame
    : mix(sliceFrames(head, at, at + 1), frame, (at + 1) / head.frames);
}

/** @param fromEnd -1 for the last frame of the window, -2 for the one before */
function fadedOut(frame: Frames, fromEnd: number, tail: Frames | undefined): Frames {
  const at = tail === undefined ? -1 : tail.frames + fromEnd;
  return at < 0 ? frame : mix(sliceFrames(tail!, at, at + 1), frame, (tail!.frames - at) / tail!.frames);
}

/** From one picture to another, to which it gives way by a weight of 0 to 1. */
function mix(from: Frames, to: Frames, weight: number): Frames {
  const data = to.data.map((value, i) => from.data[i]! + (value - from.data[i]!) * weight + 0.5);
  return framesOf(data, 1, to.height, to.width);
}

/** Pieces of any length, frame by frame. */
export async function* eachFrame(pieces: AsyncIterable<Frames>): AsyncGenerator<Frames> {
  for await (const piece of pieces) {
    for (let i = 0; i < piece.frames; i++) yield sliceFrames(piece, i, i + 1);
  }
}
