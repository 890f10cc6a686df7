// The frames of a render: its takes, and the videos that they extend or join, which stream by. What is known of a take's first and last
// frames comes from pictures, from those videos, or, in a loop, from its own beginning.
import { type Frames, joinFrames } from '../io/frames.ts';
import { loadPicture } from '../io/pictures.ts';
import { readVideo } from '../io/read-video.ts';
import { InvalidRequestError } from '../graph/errors.ts';
import { firstPicture } from './first-picture.ts';
import { checkGivenVideos } from './given-videos.ts';
import { readPinned } from './prompt-files.ts';
import { Repaint } from './repaint.ts';
import { renderTake, type TakeRun } from './render-take.ts';
import { type Take, takesOf } from './take.ts';

/** All frames of the clip, one by one. @throws InvalidRequestError when a given file is no longer there, or too short */
export async function* directedFrames(run: TakeRun): AsyncGenerator<Frames> {
  const { render } = run;
  await checkGivenVideos(render);
  const takes = takesOf(render, run.pipeline.model);
  const [take] = takes;
  if (render.between !== undefined) {
    yield* joined(run, take!, render.between);
  } else if (render.extend !== undefined) {
    yield* render.loop === true ? closed(run, take!, render.extend) : extended(run, takes, render.extend);
  } else if (render.restyle !== undefined) {
    const repaint = Repaint.of(run.tools, render, run.signal);
    try {
      yield* renderTake(run, take!, { repaint, firstWindow: 0 });
    } finally {
      await repaint.close();
    }
  } else {
    const head = take!.head === 0 ? undefined : await firstPicture(render);
    yield* render.loop === true ? looped(run, take!, head) : plain(run, take!, head);
  }
}

async function* plain(run: TakeRun, take: Take, head: Frames | undefined): AsyncGenerator<Frames> {
  const { last, lastSha256, width, height, fit } = run.render;
  const size = { width, height, ...(fit && { fit }) };
  const picture = take.tail === 0 ? undefined : await loadPicture(await readPinned('last', last!, lastSha256), size);
  const tail = picture && joinFrames(new Array<Frames>(take.tail).fill(picture));
  yield* renderTake(run, take, { head, ...(tail && { tail: () => tail }), firstWindow: 0 });
}

/** Begins where its first frames end, which come at its end, where it has led to them. */
async function* looped(run: TakeRun, take: Take, head: Frames | undefined): AsyncGenerator<Frames> {
  const first: Frames[] = [];
  const sources = { head, tail: () => joinFrames(first), firstWindow: 0 };
  for await (const frame of renderTake(run, take, sources)) {
    if (first.length < take.tail) first.push(frame);
    else yield frame;
  }
}

async function* extended(run: TakeRun, takes: readonly Take[], path: string): AsyncGenerator<Frames> {
  const source = new Film(run, 'extend', path);
  try {
    const before = takes.find(({ tail }) => tail > 0);
    const after = takes.find(({ head }) => head > 0);
    if (before !== undefined) {
      const first = await source.take(before.tail);
      yield* renderTake(run, before, { tail: () => first, firstWindow: 0 });
    }
    const head = yield* source.allBut(after?.head ?? 0);
    if (after !== undefined) yield* renderTake(run, after, { head, firstWindow: before?.starts.length ?? 0 });
  } finally {
    await source.close();
  }
}

async function* joined(run: TakeRun, take: Take, [a, b]: readonly string[]): AsyncGenerator<Frames> {
  const [from, to] = [new Film(run, 'between', a!), new Film(run, 'between', b!)];
  try {
    const head = yield* from.allBut(take.head);
    const first = await to.take(take.tail);
    yield* renderTake(run, take, { head, tail: () => first, firstWindow: 0 });
    yield* to.allBut(0);
  } finally {
    await from.close();
    await to.close();
  }
}

/** A video, and a way back to its beginning; starts where its first frames end, as a loop has no beginning. */
async function* closed(run: TakeRun, take: Take, path: string): AsyncGenerator<Frames> {
  const source = new Film(run, 'extend', path);
  try {
    const first = await source.take(take.tail);
    const head = yield* source.allBut(take.head);
    yield* renderTake(run, take, { head, tail: () => first, firstWindow: 0 });
  } finally {
    await source.close();
  }
}

/** A given video at the clip's size and rate, read once from its beginning to its end. */
class Film {
  readonly #frames: AsyncGenerator<Frames>;
  readonly #name: string;
  #read = 0;

  constructor({ tools, render, signal }: TakeRun, field: string, path: string) {
    const { width, height, fps, fit } = render;
    this.#frames = readVideo(tools, path, { width, height, fps, ...(fit && { fit }), ...(signal && { signal }) });
    this.#name = `${field} (=${path})`;
  }

  /** The next `count` frames. */
  async take(count: number): Promise<Frames> {
    const frames: Frames[] = [];
    while (frames.length < count) frames.push((await this.#next()) ?? this.#tooShort(count));
    return joinFrames(frames);
  }

  /** Passes on all that is left but the last `count` frames, which it returns. */
  async *allBut(count: number): AsyncGenerator<Frames, Frames | undefined> {
    const held: Frames[] = [];
    for (let frame = await this.#next(); frame !== undefined; frame = await this.#next()) {
      held.push(frame);
      if (held.length > count) yield held.shift()!;
    }
    if (held.length < count) this.#tooShort(count);
    return count === 0 ? undefined : joinFrames(held);
  }

  async close(): Promise<void> {
    await this.#frames.return(undefined);
  }

  async #next(): Promise<Frames | undefined> {
    const next = await this.#frames.next();
    if (next.done === true) return undefined;
    this.#read++;
    return next.value;
  }

  #tooShort(count: number): never {
    throw new InvalidRequestError(
      `${this.#name} has ${this.#read} frames at the clip's rate, and the last ${count} of its end and its beginning are needed. Use a longer video, or a higher fps.`,
    );
  }
}
