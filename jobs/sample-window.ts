// Samples the latents of one window of a take. What is known of it is given: frames as the encoder sees them at a clip's beginning,
// the latents of the window before as they are, frames at its end behind a moment of standing still, which is the encoder's past.
// Models that were taught so see them clean; for all others they are kept by blending at each step. Clean frames are given while noise
// is above a level and then sampled with the rest: flaws of a window before are mended and not handed on, and a film goes over
// into what follows without a seam. The film's own frames are cross-faded over it.
import { temporalFactor } from '../compressor/config.ts';
import {
  cutFrames,
  type FrameRun,
  givenFrames,
  givenRuns,
  type GivenLatents,
  type Place,
} from '../dit/given-latents.ts';
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

/** Noise levels below which frames are not given any more; docs/directing.md tells how they were chosen. */
const GIVEN_ABOVE = { window: 0.7, film: 0.45, picture: 0 } as const;

interface KnownRun extends FrameRun {
  readonly above: number;
}

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
  const runs = [...(await firstRuns(run, window)), ...(await lastRuns(run, window.tail))];
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
    return {
      ...(run.eachFrame && { given: givenByLevel(runs, place) }),
      ...(kept && { kept }),
      ...(source && { source }),
    };
  }
  const given = givenRuns(runs, place);
  const both = given === undefined ? kept : bothKept({ ...given, noise }, kept);
  return { ...(both && { kept: both }), ...(source && { source }) };
}

/** What is given at each noise level; the same object where it is the same. */
function givenByLevel(runs: readonly KnownRun[], place: Place): (sigma: number) => GivenLatents {
  const byCount = new Map<number, GivenLatents>();
  return (sigma) => {
    const still = runs.filter(({ above }) => sigma >= above);
    const given = byCount.get(still.length) ?? givenRuns(still, place) ?? givenFrames(new Float32Array(), 0, place);
    byCount.set(still.length, given);
    return given;
  };
}

/** Given frames come before those of the source. */
function bothKept(first: KeptLatents, second: KeptLatents | undefined): KeptLatents {
  if (second === undefined) return first;
  const { length } = first.cells;
  const values = first.values.map((value, i) => (first.cells[i % length] === 1 ? value : second.values[i]!));
  return { ...first, values, cells: first.cells.map((cell, i) => cell | second.cells[i]!) };
}

/** The window's first latent frames. */
async function firstRuns({ pipeline, render }: TakeRun, { sources, before }: Window): Promise<KnownRun[]> {
  const { extend, between } = render;
  if (before === undefined) {
    const above = extend === undefined && between === undefined ? GIVEN_ABOVE.picture : GIVEN_ABOVE.film;
    return sources.head === undefined ? [] : [{ frames: await pipeline.encode(sources.head), start: 0, above }];
  }
  const [channels, total] = pipeline.latentShape(render);
  const latents = (before.frames.frames - 1) / temporalFactor(pipeline.model.autoencoder.config);
  const first = await pipeline.encode(sliceFrames(before.frames, 0, 1));
  const rest = cutFrames(before.latents, channels, [total, total - latents, total]);
  const above = GIVEN_ABOVE.window;
  return [{ frames: first, start: 0, above }, ...(latents === 0 ? [] : [{ frames: rest, start: 1, above }])];
}

/** The window's last latent frames: as the encoder sees them after a picture that stands still. */
async function lastRuns({ pipeline, render }: TakeRun, tail: Frames | undefined): Promise<KnownRun[]> {
  if (tail === undefined) return [];
  const factor = temporalFactor(pipeline.model.autoencoder.config);
  const [channels, total] = pipeline.latentShape(render);
  const still = new Array<Frames>(1 + factor).fill(sliceFrames(tail, 0, 1));
  const encoded = await pipeline.encode(joinFrames([...still, tail]));
  const count = tail.frames / factor;
  const above = render.last === undefined ? GIVEN_ABOVE.film : GIVEN_ABOVE.picture;
  return [{ frames: cutFrames(encoded, channels, [2 + count, 2, 2 + count]), start: total - count, above }];
}
