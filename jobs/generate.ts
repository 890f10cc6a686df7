// From a sentence to clips: the whole pipeline in one screen. Everything else in jobs/ is a part of this story.
import { rm } from 'node:fs/promises';
import { InvalidRequestError, JobFailedError } from '../graph/errors.ts';
import { type FfmpegTools, findFfmpeg } from '../io/ffmpeg.ts';
import { writeSidecar } from '../io/sidecar.ts';
import { removeLeftovers } from '../io/temporary.ts';
import type { WrittenVideo } from '../io/write-video.ts';
import { loadRequestedModel } from './adapted-model.ts';
import { withPinnedVideos } from './given-videos.ts';
import { maskNotices } from './mask.ts';
import { checkMemory } from './memory.ts';
import type { Model } from './model.ts';
import { type ClipOutput, type KeepFinished, planOutputs } from './outputs.ts';
import type { Progress } from './progress.ts';
import { renderClip } from './render-clip.ts';
import { renderNotices } from './render-notices.ts';
import { RenderReport } from './report.ts';
import { type GenerateRequest, parseRequest, type ParsedRequest } from './request.ts';
import { type Render, resolveRequest } from './resolve-request.ts';
import type { Settings } from './settings.ts';
import { withShownPrompt } from './shown-prompt.ts';
import { differencesFrom, type Sidecar, sidecarOf } from './sidecar.ts';
import { StageClock, type StageTimes } from './stages.ts';
import { type EngineChoice, Studio } from './studio.ts';
import { workOf } from './take.ts';

export interface GenerateOptions {
  /** Called at every change: often enough for a progress bar. */
  readonly onProgress?: (progress: Progress) => void;
  /** Called with what the user should know and that is no error, such as words that the model does not know. */
  readonly onNotice?: (notice: string) => void;
  /** Called with what an expanded prompt became, before it is rendered. */
  readonly onExpanded?: (text: string) => void;
  /** Aborting stops after the running step; the latents are kept and the same request goes on from there. */
  readonly signal?: AbortSignal;
  /** `child` (default) runs graphs in a child process, `local` in this one, whose event loop they block. */
  readonly engine?: EngineChoice;
  /** Keeps the model open for the next call, and brings engine and settings. Left out, all is closed at the end. */
  readonly studio?: Studio;
  /** The record that the request was taken from; differences between then and now become notices. */
  readonly from?: Sidecar;
  readonly settings?: Settings;
  /** Latents are saved when a step ends so long after the last save (1000 ms). */
  readonly saveEveryMs?: number;
  /** Clips that are there already, beside a record of this very render, are kept as they are; `begun` (default), where others are missing, as after a stop. */
  readonly keepFinished?: KeepFinished;
}

export interface GeneratedClip extends WrittenVideo {
  readonly sidecar: string;
  readonly sha256?: string | undefined;
  /** Every choice that was made. */
  readonly render: Render;
}

export interface GenerateResult {
  readonly clips: readonly GeneratedClip[];
  readonly model: { readonly name: string; readonly fingerprint: string };
  readonly notices: readonly string[];
  readonly milliseconds: StageTimes;
}

/**
 * Renders the clips that a request asks for and writes them with their records.
 * The same request gives the same bytes on the same machine, whatever ran before and however often it was interrupted.
 * @throws InvalidRequestError, ModelFileError, JobFailedError (code CANCELLED after an abort)
 */
export async function generate(request: GenerateRequest, options: GenerateOptions = {}): Promise<GenerateResult> {
  const { studio = new Studio(options.settings, options.engine) } = options;
  const report = new RenderReport(options);
  const run = async (): Promise<GenerateResult> => generateIn(studio, parseRequest(request), { ...options, report });
  try {
    return await run().catch(async (error: unknown) => {
      if (await studio.leaveDevice(error)) return run();
      throw error;
    });
  } catch (error) {
    if (!isHarmless(error)) await studio.close();
    throw error;
  } finally {
    if (options.studio === undefined) await studio.close();
  }
}

interface Run extends GenerateOptions {
  readonly report: RenderReport;
}

async function generateIn(studio: Studio, asked: ParsedRequest, options: Run): Promise<GenerateResult> {
  const { signal, saveEveryMs, from, keepFinished = 'begun', report } = options;
  const { settings } = studio;
  const { cacheFolder } = settings;
  const clock = new StageClock();
  report.stage('load');
  const model = await clock.time('load', () => loadRequestedModel(asked, settings));
  report.notices(model.notices ?? []);
  const pinned = await withPinnedVideos(asked, model, settings);
  const wished = resolveRequest(pinned, model);
  checkMemory(model, wished[0]!);
  await planOutputs(pinned, wished, model, { keepFinished }); // nobody is asked for what cannot be rendered or written
  const { request, notices } = await clock.time('text', () => withShownPrompt(pinned, model, settings, signal));
  report.notices(notices);
  if (request.expanded !== undefined) options.onExpanded?.(request.expanded);
  const renders = resolveRequest(request, model);
  const outputs = await planOutputs(request, renders, model, { keepFinished });
  const result = (clips: readonly GeneratedClip[]): GenerateResult => {
    const { name, fingerprint } = model;
    return { clips, model: { name, fingerprint }, notices: report.noticed, milliseconds: clock.milliseconds };
  };
  for (const { path } of outputs) await removeLeftovers(path);
  const finished = outputs.flatMap((output) => output.finished ?? []);
  if (finished.length === outputs.length) return result(finished);
  const looking = findFfmpeg(settings); // while the engine starts
  looking.catch(() => undefined); // awaited below
  const pipeline = await clock.time('load', () => studio.open(model));
  if (studio.notice !== undefined) report.notices([studio.notice]);
  const tools = await clock.time('load', () => looking);
  if (from) report.notices(differencesFrom(from, { model, tools }));
  report.stage('text');
  const prompts = await clock.time('text', () => pipeline.conditions(renders[0]!));
  const ofMask = await maskNotices(tools, renders[0]!, workOf(renders[0]!, model).frames);
  report.notices([...prompts.notices, ...renderNotices(renders[0]!, model), ...ofMask]);
  const overwrite = request.overwrite ?? false;
  const make = async (render: Render, output: ClipOutput, number: number): Promise<GeneratedClip> => {
    const { windows, frames } = workOf(render, model);
    const events = report.clip(number, renders.length, { ...render, steps: windows * render.steps, frames });
    const context = { pipeline, prompts, tools, clock, cacheFolder, saveEveryMs, signal, events };
    const mayReplace = overwrite || output.isRecorded;
    const recording = recordOf(render, output, { model, tools, mayReplace });
    const written = await renderClip(context, render, {
      path: output.path,
      overwrite: mayReplace,
      beforeAppearing: recording.write,
    }).catch((error: unknown) => recording.takeBack(error));
    return { ...written, sidecar: output.sidecar, sha256: recording.sha256, render };
  };
  const clips: GeneratedClip[] = [];
  for (const [i, output] of outputs.entries()) clips.push(output.finished ?? (await make(renders[i]!, output, i + 1)));
  return result(clips);
}

/**
 * A clip's record is written before the clip appears: a process that is killed in between leaves a record without a clip,
 * which the same request knows for its own, and never a clip without a record, which would be anybody's.
 */
function recordOf(
  render: Render,
  { sidecar }: ClipOutput,
  { mayReplace, ...made }: { readonly model: Model; readonly tools: FfmpegTools; readonly mayReplace: boolean },
) {
  let record: Sidecar | undefined;
  return {
    write: async (written: WrittenVideo, file: string): Promise<void> => {
      const whole = await sidecarOf(render, written, { ...made, file });
      await writeSidecar(written.path, whole, { overwrite: mayReplace });
      record = whole;
    },
    /** For a clip that could not appear after all. */
    takeBack: async (error: unknown): Promise<never> => {
      if (record !== undefined && !mayReplace) await rm(sidecar, { force: true });
      throw error;
    },
    get sha256(): string | undefined {
      return record?.output.sha256;
    },
  };
}

/** After a stop between two steps, or a request that was refused, the model is as open as before. */
function isHarmless(error: unknown): boolean {
  return error instanceof InvalidRequestError || (error instanceof JobFailedError && error.code === 'CANCELLED');
}
