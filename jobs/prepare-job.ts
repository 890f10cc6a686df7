// From a request to a job that can be queued: checked as far as it can be without rendering, with every choice made, and
// named by all that its clips follow from, so that what is asked for twice is one job.
import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';
import { withPinnedVideos } from './given-videos.ts';
import type { CaptionJob, RenderJob } from './job-record.ts';
import { checkMemory } from './memory.ts';
import { loadRequestedModel } from './adapted-model.ts';
import type { Model } from './model.ts';
import { withoutPaths } from './prompt-files.ts';
import { defaultName, planOutputs } from './outputs.ts';
import { renderNotices } from './render-notices.ts';
import { type GenerateRequest, type ParsedRequest, parseRequest } from './request.ts';
import { type Render, resolveRequest } from './resolve-request.ts';
import type { Settings } from './settings.ts';
import { withShownPrompt } from './shown-prompt.ts';
import { workOf } from './take.ts';

/** What can be queued. */
export interface ReadyJob {
  readonly id: string;
  readonly job: RenderJob | CaptionJob;
  /** All of its files are there already; a worker has nothing to do. */
  readonly isFinished: boolean;
}

export interface PreparedJob extends ReadyJob {
  readonly job: RenderJob;
  /** The clips that are asked for. */
  readonly renders: readonly Render[];
  /** That are made for each clip: of a long one in several windows. */
  readonly frames: number;
}

export interface PrepareOptions {
  /** Clips without an output go into this folder, named by the job's id; else the output is named by the prompt. */
  readonly folder?: string;
  /** False leaves a prompt as it is, where only the cost of a job is asked for. */
  readonly expands?: boolean;
}

/**
 * Makes jobs of requests. A model is read once, however many requests name it: use one for requests that come together.
 * The function throws InvalidRequestError for what cannot be rendered, and ModelFileError.
 */
export function jobPreparer(
  settings: Settings,
): (request: GenerateRequest, options?: PrepareOptions) => Promise<PreparedJob> {
  const models = new Map<string, Promise<Model>>();
  const modelOf = (request: ParsedRequest): Promise<Model> => {
    const key = JSON.stringify([
      request.model,
      request.lora,
      request.loraLenient,
      request.decoder,
      request.weights,
      request.textWeights,
    ]);
    const known = models.get(key) ?? loadRequestedModel(request, settings);
    models.set(key, known);
    return known;
  };
  return async (request, { folder, expands = true } = {}) => {
    const asked = parseRequest(request);
    const model = await modelOf(asked);
    const parsed = await withPinnedVideos(asked, model, settings);
    const wished = resolveRequest(parsed, model);
    checkMemory(model, wished[0]!);
    const placeless = jobId(wished, model);
    const output = resolve(parsed.output ?? (folder ? join(folder, `${placeless}.mp4`) : defaultName(parsed.prompt)));
    await planOutputs({ ...parsed, output }, wished, model); // nobody is asked for what cannot be written
    const { seed } = wished[0]!;
    const seeded = { ...parsed, seed };
    const shown = expands ? await withShownPrompt(seeded, model, settings) : { request: seeded, notices: [] };
    const renders = resolveRequest(shown.request, model);
    const notices = [...(model.notices ?? []), ...shown.notices, ...renderNotices(renders[0]!, model)];
    const complete: ParsedRequest = {
      ...renders[0]!,
      clips: renders.length,
      output,
      overwrite: parsed.overwrite ?? false,
    };
    const outputs = await planOutputs(complete, renders, model);
    const isFinished = outputs.every(({ finished }) => finished !== undefined);
    const { fingerprint } = model;
    const id = parsed.output === undefined && folder ? placeless : jobId(wished, model, output);
    const { frames } = workOf(renders[0]!, model);
    return { id, job: { kind: 'generate', request: complete, fingerprint, notices }, renders, frames, isFinished };
  };
}

/** The same for the same wish of the same weights in the same place, whatever the model is called, and an expander writes. */
function jobId(renders: readonly Render[], { fingerprint }: Model, output?: string): string {
  const { model: _name, ...render } = withoutPaths(renders[0]!);
  return `clip-${digest(['job 1', fingerprint, render, renders.length, output])}`;
}

/** The same for the same jobs in the same order. */
export const batchId = (jobs: readonly string[]): string => `batch-${digest(['batch 1', jobs])}`;

/** Names a job by all that its files follow from. */
export function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16);
}
