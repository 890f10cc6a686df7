// From a sentence to clips: the whole pipeline in one screen. Everything else in jobs/ is a part of this story.
import { childEngine } from '../graph/child-engine.ts';
import { type Engine, localEngine } from '../graph/engine.ts';
import { findFfmpeg } from '../io/ffmpeg.ts';
import { writeSidecar } from '../io/sidecar.ts';
import type { WrittenVideo } from '../io/write-video.ts';
import { checkMemory } from './memory.ts';
import { loadModel } from './model.ts';
import { planOutputs } from './outputs.ts';
import { Pipeline } from './pipeline.ts';
import type { Progress } from './progress.ts';
import { renderClip } from './render-clip.ts';
import { RenderReport } from './report.ts';
import { type GenerateRequest, parseRequest } from './request.ts';
import { type Render, resolveRequest } from './resolve-request.ts';
import { readSettings, type Settings } from './settings.ts';
import { differencesFrom, type Sidecar, sidecarOf } from './sidecar.ts';
import { StageClock, type StageTimes } from './stages.ts';

export interface GenerateOptions {
  /** Called at every change: often enough for a progress bar. */
  readonly onProgress?: (progress: Progress) => void;
  /** Called with what the user should know and that is no error, such as words that the model does not know. */
  readonly onNotice?: (notice: string) => void;
  /** Aborting stops after the running step; the latents are kept and the same request goes on from there. */
  readonly signal?: AbortSignal;
  /** `child` (default) runs graphs in a child process, `local` in this one, whose event loop they block. */
  readonly engine?: 'child' | 'local' | Engine;
  /** The record that the request was taken from; differences between then and now become notices. */
  readonly from?: Sidecar;
  readonly settings?: Settings;
  /** Latents are saved when a step ends so long after the last save (1000 ms). */
  readonly saveEveryMs?: number;
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
  const { settings = readSettings(), signal, saveEveryMs, from } = options;
  const clock = new StageClock();
  const report = new RenderReport(options);
  const parsed = parseRequest(request);
  report.stage('load');
  const model = await clock.time('load', () => loadModel(parsed.model, settings));
  const renders = resolveRequest(parsed, model);
  checkMemory(model, renders[0]!);
  const outputs = await planOutputs(parsed, renders);
  const tools = await clock.time('load', () => findFfmpeg(settings));
  if (from) report.notices(differencesFrom(from, { model, tools }));
  const engine = await clock.time('load', () => startEngine(options.engine, settings));
  const pipeline = new Pipeline(model, engine.engine, settings.cacheFolder);
  try {
    report.stage('text');
    const prompts = await clock.time('text', () => pipeline.conditions(renders[0]!));
    report.notices(prompts.notices);
    const { cacheFolder } = settings;
    const overwrite = parsed.overwrite ?? false;
    const clips: GeneratedClip[] = [];
    for (const [i, render] of renders.entries()) {
      const events = report.clip(i + 1, renders.length, render);
      const context = { pipeline, prompts, tools, clock, cacheFolder, saveEveryMs, signal, events };
      const written = await renderClip(context, render, outputs[i]!, overwrite);
      const sidecar = await sidecarOf(render, written, { model, tools });
      const record = await writeSidecar(written.path, sidecar, { overwrite });
      clips.push({ ...written, sidecar: record, sha256: sidecar.output.sha256, render });
    }
    const { name, fingerprint } = model;
    return { clips, model: { name, fingerprint }, notices: report.noticed, milliseconds: clock.milliseconds };
  } finally {
    await (engine.isOwn ? engine.engine.close() : pipeline.close());
  }
}

async function startEngine(
  engine: GenerateOptions['engine'] = 'child',
  { threads }: Settings,
): Promise<{ readonly engine: Engine; readonly isOwn: boolean }> {
  if (typeof engine === 'object') return { engine, isOwn: false };
  const options = threads === undefined ? {} : { threads };
  return { engine: engine === 'local' ? localEngine(options) : await childEngine(options), isOwn: true };
}
