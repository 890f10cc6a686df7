// One clip, from noise to a file: sample, decode, write. Saves latents on the way and takes up what an earlier process left.
import { initialNoise } from '../dit/noise.ts';
import { sampleLatents, type StepReport } from '../dit/sample.ts';
import { createScheduler } from '../dit/scheduler-config.ts';
import { JobFailedError } from '../graph/errors.ts';
import { sizeOf } from '../graph/tensor.ts';
import type { FfmpegTools } from '../io/ffmpeg.ts';
import type { Frames } from '../io/frames.ts';
import { type WriteOptions, type WrittenVideo, writeVideo } from '../io/write-video.ts';
import type { Pipeline, PromptConditions } from './pipeline.ts';
import { latentsKey, type Render, schedulerOf, spacingOf } from './resolve-request.ts';
import { SavedLatents } from './saved-latents.ts';
import { clipMetadata } from './sidecar.ts';
import type { StageClock } from './stages.ts';

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
  /** So many frames are decoded; none when decoding begins. */
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
  const key = latentsKey(render, pipeline.model, pipeline.device);
  const saved = new SavedLatents(cacheFolder, key, pipeline.latentShape(render), saveEveryMs);
  try {
    const latents = await sample(context, render, saved);
    const written = await write(context, render, latents, target);
    context.events.written();
    await saved.remove();
    return written;
  } catch (error) {
    const step = await saved.flush();
    throw signal?.aborted === true ? cancelled(signal, step, render.steps) : error;
  }
}

async function sample(context: RenderContext, render: Render, saved: SavedLatents): Promise<Float32Array> {
  const { pipeline, prompts, tools, clock, events, signal } = context;
  signal?.throwIfAborted();
  const shown = await clock.time('load', () => pipeline.withVisuals(render, prompts, tools));
  const { velocity, flops } = await clock.time('load', () => pipeline.velocity(render, shown));
  events.opened({ step: flops, decode: pipeline.decodeFlops(render) });
  const given = await clock.time('load', () => pipeline.given(render));
  const earlier = await saved.load();
  if (earlier !== undefined) events.resumed(earlier.state.step);
  let since = performance.now();
  const onStep = async (report: StepReport): Promise<void> => {
    events.stepped(report.step, (performance.now() - since) / 1000);
    await saved.step(report, report.step === report.steps);
    if (saved.problem !== undefined) events.unsaved(saved.problem);
    since = performance.now();
  };
  return clock.time('steps', () =>
    sampleLatents({
      velocity,
      scheduler: createScheduler(schedulerOf(render, pipeline.model), spacingOf(render)),
      from: earlier ?? initialNoise(render.seed, sizeOf(pipeline.latentShape(render)), render.clip),
      given,
      onStep,
      signal,
    }),
  );
}

/** Frames are decoded as the encoder takes them, so what is not decoding is encoding. */
async function write(
  { pipeline, tools, clock, events, signal }: RenderContext,
  render: Render,
  latents: Float32Array,
  { path, ...target }: ClipTarget,
): Promise<WrittenVideo> {
  const start = performance.now();
  const decodedBefore = clock.exact('decode');
  const frames = counted(clock.timeEach('decode', pipeline.frames(render, latents)), events);
  const metadata = clipMetadata(render, pipeline.model);
  const options = { ...target, fps: render.fps, metadata, ...(signal && { signal }) };
  try {
    return await writeVideo(tools, path, frames, options);
  } finally {
    clock.add('encode', performance.now() - start - (clock.exact('decode') - decodedBefore));
  }
}

async function* counted(frames: AsyncIterable<Frames>, events: ClipEvents): AsyncGenerator<Frames> {
  let count = 0;
  events.decoded(count);
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
