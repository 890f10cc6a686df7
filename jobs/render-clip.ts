// One clip, from noise to a file: its frames are made as the encoder takes them. Latents are saved on the way, those of each
// window by themselves, and what an earlier process left is taken up.
import { JobFailedError } from '../graph/errors.ts';
import type { FfmpegTools } from '../io/ffmpeg.ts';
import type { Frames } from '../io/frames.ts';
import { type WriteOptions, type WrittenVideo, writeVideo } from '../io/write-video.ts';
import { directedFrames } from './direct-clip.ts';
import type { Pipeline, PromptConditions } from './pipeline.ts';
import type { TakeRun } from './render-take.ts';
import { latentsKey, type Render } from './resolve-request.ts';
import { SavedLatents } from './saved-latents.ts';
import { clipMetadata } from './sidecar.ts';
import type { StageClock } from './stages.ts';
import { workOf } from './take.ts';
import { visualKind } from './visual-kind.ts';

/** What happens to a clip, for whoever reports it. */
export interface ClipEvents {
  /** The transformer is open; one step and the decoding need so many operations. */
  opened(flops: { readonly step: number; readonly decode: number }): void;
  /** Sampling goes on from this step, which an earlier process had reached. */
  resumed(step: number): void;
  /** The latents could not be saved. */
  unsaved(problem: unknown): void;
  /** A step was done. */
  stepped(step: number, seconds: number): void;
  /** So many frames are there; none when decoding begins, where all sampling is done by then. */
  decoded(frames: number): void;
  /** All frames are decoded and the file is being finished. */
  encoding(): void;
  /** The file is there. */
  written(): void;
}

export interface ClipTarget extends Pick<WriteOptions, 'overwrite' | 'beforeAppearing'> {
  readonly path: string;
}

export interface RenderContext {
  readonly pipeline: Pipeline;
  readonly prompts: PromptConditions;
  readonly tools: FfmpegTools;
  readonly clock: StageClock;
  readonly cacheFolder: string;
  readonly saveEveryMs: number | undefined;
  readonly signal: AbortSignal | undefined;
  readonly events: ClipEvents;
}

/**
 * @param target where the clip goes, and what is to be done before it appears there
 * @throws JobFailedError (CANCELLED) when the signal aborts; it says at which step the render will go on
 */
export async function renderClip(context: RenderContext, render: Render, target: ClipTarget): Promise<WrittenVideo> {
  const { pipeline, cacheFolder, saveEveryMs, signal } = context;
  const { windows } = workOf(render, pipeline.model);
  const key = latentsKey(render, pipeline.model, pipeline.device);
  const saves: SavedLatents[] = [];
  const saved = (window: number): SavedLatents => {
    const name = window === 0 ? key : `${key}-${window}`;
    return (saves[window] = new SavedLatents(cacheFolder, name, pipeline.latentShape(render), saveEveryMs));
  };
  const eachFrame = visualKind(pipeline.model) === 'timesteps' && (windows > 1 || isGivenFrames(render));
  try {
    signal?.throwIfAborted();
    const prompts = await context.clock.time('load', () =>
      pipeline.withVisuals(render, context.prompts, context.tools),
    );
    const written = await write({ ...context, prompts, render, windows, eachFrame, saved }, target);
    context.events.written();
    for (const one of saves) await one.remove();
    return written;
  } catch (error) {
    const step = await saves.at(-1)?.flush();
    const done = (saves.length - 1) * render.steps;
    const reached = step === undefined ? (done > 0 ? done : undefined) : done + step;
    throw signal?.aborted === true ? cancelled(signal, reached, windows * render.steps) : error;
  }
}

const isGivenFrames = ({ image, last, extend, between }: Render): boolean =>
  [image, last, extend, between].some((field) => field !== undefined);

/** Frames are made as the encoder takes them, so what is neither sampling nor decoding is encoding. */
async function write(run: TakeRun, { path, ...target }: ClipTarget): Promise<WrittenVideo> {
  const { pipeline, tools, clock, events, signal, render } = run;
  const start = performance.now();
  const others = (): number => clock.exact('decode') + clock.exact('steps') + clock.exact('load');
  const before = others();
  const frames = counted(directedFrames(run), events);
  const metadata = clipMetadata(render, pipeline.model);
  const options = { ...target, fps: render.fps, metadata, ...(signal && { signal }) };
  try {
    return await writeVideo(tools, path, frames, options);
  } finally {
    clock.add('encode', Math.max(0, performance.now() - start - (others() - before)));
  }
}

async function* counted(frames: AsyncIterable<Frames>, events: ClipEvents): AsyncGenerator<Frames> {
  let count = 0;
  for await (const piece of frames) {
    events.decoded((count += piece.frames));
    yield piece;
  }
  events.encoding();
}

function cancelled(signal: AbortSignal, step: number | undefined, steps: number): JobFailedError {
  const where = step === undefined ? '' : ` after step ${step} of ${steps}. The same request goes on from there`;
  return new JobFailedError(`The render was stopped${where}.`, { code: 'CANCELLED', cause: signal.reason });
}
