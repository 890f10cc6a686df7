// Samples the latents of one window of a take. What is known of it is given: frames as the encoder sees them at a clip's beginning,
// the latents of the window before as they are, frames at its end behind a moment of standing still, which is the encoder's past.
// Models that were taught so see them clean; for all others they are kept by blending at each step. What a window before has made is
// given only while the clip is nearly noise: then it is sampled anew with the rest, so that flaws are mended and not handed on.
import { temporalFactor } from '../compressor/config.ts';
import { cutFrames, type FrameRun, givenCells, givenRuns, type GivenLatents } from '../dit/given-latents.ts';
import { type KeptLatents, noisedStart } from '../dit/kept-latents.ts';
import { initialNoise } from '../dit/noise.ts';
import { sampleLatents, type Snapshot, type StepReport } from '../dit/sample.ts';
import { createScheduler } from '../dit/scheduler-config.ts';
import { sizeOf } from '../graph/tensor.ts';
import { type Frames, joinFrames, sliceFrames } from '../io/frames.ts';
import { pathLayout } from './path-layout.ts';
import type { TakeRun, TakeSources } from './render-take.ts';
import { schedulerOf, spacingOf } from './resolve-request.ts';
import { middleOf, type Take } from './take.ts';
import { visualKind } from './visual-kind.ts';

/** The end of the window before: its latents, and those of its frames that this one begins with. */
export interface Before {
  readonly latents: Float32Array;
  readonly frames: Frames;
}

export interface Window {
  readonly take: Take;
  readonly sources: TakeSources;
  readonly index: number;
  readonly before: Before | undefined;
  readonly tail: Frames | undefined;
}

/** Noise level from which on the picture that a window goes on from is sampled anew; docs/directing.md tells how it was chosen. */
const MENDED_FROM = 0.7;

/** Noise of a seed's windows: streams below belong to its clips. */
const WINDOW_STREAMS = 2 ** 32;

/** Latents [C*T*H*W] of a window; those that an earlier process has sampled are taken up. */
export async function sampleWindow(run: TakeRun, window: Window): Promise<Float32Array> {
  const { pipeline, prompts, clock, events, signal, render } = run;
  signal?.throwIfAborted();
  const number = window.sources.firstWindow + window.index;
  const shape = pipeline.latentShape(render);
  const seconds = middleOf(window.take, window.index, render);
  const { velocity, flops } = await clock.time('load', () =>
    pipeline.velocity(render, prompts, { eachFrame: run.eachFrame, seconds }),
  );
  if (number === 0) events.opened({ step: flops, decode: run.windows * pipeline.decodeFlops(render) });
  const scheduler = createScheduler(schedulerOf(render, pipeline.model), spacingOf(render));
  const noise = initialNoise(render.seed, sizeOf(shape), render.clip + number * WINDOW_STREAMS);
  const known = await clock.time('load', () => knownOf(run, window, noise));
  const { source, ...held } = known;
  const layout = pathLayout(pipeline.model, render, window);
  const saved = run.saved(number);
  const earlier = await saved.load();
  const done = number * render.steps;
  if (earlier !== undefined && (earlier.state.step < render.steps || run.windows === 1)) {
    events.resumed(done + earlier.state.step);
  }
  const start = source && noisedStart(source, noise, { scheduler, strength: render.strength ?? 1 });
  let since = performance.now();
  const onStep = async (report: StepReport): Promise<void> => {
    events.stepped(done + report.step, (performance.now() - since) / 1000);
    await saved.step(report, report.step === report.steps);
    if (saved.problem !== undefined) events.unsaved(saved.problem);
    since = performance.now();
  };
  const from: Float32Array | Snapshot = earlier ?? start ?? noise;
  const latents = await clock.time('steps', () =>
    sampleLatents({ velocity, scheduler, from, ...held, layout, onStep, signal }),
  );
  if (run.windows > 1) await saved.settle();
  return latents;
}

interface Known {
  /** By noise level. */
  readonly given?: (sigma: number) => GivenLatents;
  readonly kept?: KeptLatents;
  /** Latents of the video that is made anew. */
  readonly source?: Float32Array;
}

async function knownOf(run: TakeRun, window: Window, noise: Float32Array): Promise<Known> {
  const { pipeline, render } = run;
  const { repaint } = window.sources;
  const { transformer } = pipeline.model;
  const shape = pipeline.latentShape(render);
  const place = { shape, patchSize: transformer.config.patchSize };
  const first = await firstRuns(run, window);
  const last = await lastRuns(run, window.tail);
  const empty = givenCells(new Float32Array(noise.length), new Uint8Array(noise.length / shape[0]), place);
  const given = givenRuns([...first, ...last], place) ?? empty;
  const start = window.take.starts[window.index]!;
  const source = await repaint?.latents(start, render.frames, (frames) => pipeline.encode(frames));
  const outside =
    source &&
    (await repaint?.keptCells(
      start,
      [shape[1], shape[2], shape[3]],
      temporalFactor(pipeline.model.autoencoder.config),
    ));
  const kept: KeptLatents | undefined = source && outside && { values: source, cells: outside, noise };
  if (visualKind(pipeline.model) === 'timesteps') {
    const later = window.before === undefined ? given : (givenRuns(last, place) ?? empty);
    const known = (sigma: number): GivenLatents => (sigma > MENDED_FROM ? given : later);
    return { ...(run.eachFrame && { given: known }), ...(kept && { kept }), ...(source && { source }) };
  }
  const both = given === empty ? kept : bothKept({ ...given, noise }, kept);
  return { ...(both && { kept: both }), ...(source && { source }) };
}

/** Given frames come before those of the source. */
function bothKept(first: KeptLatents, second: KeptLatents | undefined): KeptLatents {
  if (second === undefined) return first;
  const { length } = first.cells;
  const values = first.values.map((value, i) => (first.cells[i % length] === 1 ? value : second.values[i]!));
  return { ...first, values, cells: first.cells.map((cell, i) => cell | second.cells[i]!) };
}

/** The window's first latent frames. */
async function firstRuns({ pipeline, render }: TakeRun, { sources, before }: Window): Promise<FrameRun[]> {
  if (before === undefined)
    return sources.head === undefined ? [] : [{ frames: await pipeline.encode(sources.head), start: 0 }];
  const [channels, total] = pipeline.latentShape(render);
  const latents = (before.frames.frames - 1) / temporalFactor(pipeline.model.autoencoder.config);
  const first = await pipeline.encode(sliceFrames(before.frames, 0, 1));
  const rest = cutFrames(before.latents, channels, [total, total - latents, total]);
  return [{ frames: first, start: 0 }, ...(latents === 0 ? [] : [{ frames: rest, start: 1 }])];
}

/** The window's last latent frames: as the encoder sees them after a picture that stands still. */
async function lastRuns({ pipeline, render }: TakeRun, tail: Frames | undefined): Promise<FrameRun[]> {
  if (tail === undefined) return [];
  const factor = temporalFactor(pipeline.model.autoencoder.config);
  const [channels, total] = pipeline.latentShape(render);
  const still = new Array<Frames>(1 + factor).fill(sliceFrames(tail, 0, 1));
  const encoded = await pipeline.encode(joinFrames([...still, tail]));
  const count = tail.frames / factor;
  return [{ frames: cutFrames(encoded, channels, [2 + count, 2, 2 + count]), start: total - count }];
}
