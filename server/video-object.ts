// A video as callers see it: the object of OpenAI's Videos API, and under `render` every choice that was made.
import { z } from 'zod';
import type { AskedDirection } from '../jobs/direction.ts';
import { withoutPaths as withoutFiles } from '../jobs/prompt-files.ts';
import { shownExpander } from '../jobs/expander-names.ts';
import type { Job } from '../jobs/job-record.ts';
import type { JobProgress } from '../jobs/progress.ts';
import type { Video, VideoEstimate } from '../jobs/videos.ts';
import { withoutPaths } from './problems.ts';

const when = z.int().nullable().describe('seconds since 1970');
export const statuses = ['queued', 'in_progress', 'completed', 'failed'] as const;

export const videoSchema = z.object({
  id: z.string(),
  object: z.literal('video'),
  model: z.string(),
  status: z.enum(statuses),
  progress: z.int().min(0).max(100),
  created_at: z.int().describe('seconds since 1970'),
  completed_at: when,
  expires_at: when,
  size: z.string(),
  seconds: z.string(),
  prompt: z.string(),
  remixed_from_video_id: z.null(),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
  remaining_seconds: z.number().nullable().describe('estimated work that is left, without waiting'),
  notices: z.array(z.string()).describe('what one should know, such as words that the model does not know'),
  render: z
    .looseObject({})
    .describe('every choice that was made: steps, sampler, guidance, shift, seed, frames, fps, …'),
});

export type VideoObject = z.output<typeof videoSchema>;

/** Videos are kept until they are deleted, so none expires. */
export function videoObject({ record, job, hasClip }: Video): VideoObject {
  const { prompt, model = 'nano', expand, output: _o, overwrite: _w, clips: _c, ...chosen } = record.request;
  const expander = expand !== undefined && { expand: shownExpander(expand) };
  const render = { ...withoutFiles(chosen), ...sourceIds(chosen), ...expander };
  const status = statusOf(job, hasClip);
  const { width = 0, height = 0, frames = 1, fps = 1 } = render;
  return {
    id: record.id,
    object: 'video',
    model,
    status,
    progress: status === 'completed' ? 100 : status === 'queued' ? 0 : percentOf(job?.progress),
    created_at: Math.floor(record.createdAt / 1000),
    completed_at: status === 'completed' ? Math.floor((job?.endedAt ?? record.createdAt) / 1000) : null,
    expires_at: null,
    size: `${width}x${height}`,
    seconds: record.seconds ?? String(Number((frames / fps).toFixed(3))),
    prompt,
    remixed_from_video_id: null,
    error: status === 'failed' ? errorOf(job) : null,
    remaining_seconds: status === 'in_progress' ? remainingOf(job) : null,
    notices: (job?.notices ?? []).map(shownNotice),
    render,
  };
}

/** Without folders and addresses, which are nobody else's business. */
const shownNotice = (notice: string): string => withoutPaths(notice.replace(/\b(openai):\S+|\b(hf:)\S*[\\/]/g, '$1$2'));

export const estimateSchema = z.object({
  object: z.literal('video.estimate'),
  completed: z.boolean().describe('the clip is there already'),
  seconds: z.number().nullable().describe('estimated work, without waiting; null until a clip of this model was made'),
  waiting_jobs: z.int().describe('jobs that wait, whoever asked for them'),
});

export function estimateObject({ isFinished, seconds, waiting }: VideoEstimate): z.output<typeof estimateSchema> {
  return { object: 'video.estimate', completed: isFinished, seconds: seconds ?? null, waiting_jobs: waiting };
}

/** In tenths of a second. */
export function remainingOf(job: Job | undefined): number | null {
  const left = job?.progress?.remainingSeconds;
  return left === undefined ? null : Math.round(left * 10) / 10;
}

/** The videos that it was made from: their clips are named by their ids. */
function sourceIds({ extend, between, restyle }: AskedDirection): AskedDirection {
  const idOf = (path: string): string => path.replace(/^.*[/\\]|\.mp4$/g, '');
  return {
    ...(extend !== undefined && { extend: idOf(extend) }),
    ...(between !== undefined && { between: between.map(idOf) }),
    ...(restyle !== undefined && { restyle: idOf(restyle) }),
  };
}

/** What the queue has forgotten is judged by whether its clip is there. */
export function statusOf(job: Job | undefined, hasClip: boolean): VideoObject['status'] {
  if (job === undefined) return hasClip ? 'completed' : 'failed';
  if (job.state === 'waiting') return 'queued';
  if (job.state === 'running') return 'in_progress';
  return job.state === 'done' ? 'completed' : 'failed';
}

/** Per cent at which a stage begins and ends. Sampling is most of a render, looking most of captions. */
const parts: Readonly<Record<JobProgress['stage'], readonly [number, number]>> = {
  ...{ load: [0, 1], text: [1, 2], steps: [2, 90], decode: [90, 98], encode: [98, 99] },
  ...{ look: [1, 95], listen: [95, 98], write: [98, 99] },
};

/** 100 is said only when all is there. */
export function percentOf(progress: JobProgress | undefined): number {
  if (progress === undefined) return 0;
  const part = progress.steps > 0 ? progress.step / progress.steps : 0;
  const [from, to] = parts[progress.stage];
  return Math.floor(from + (to - from) * Math.min(1, part));
}

export function errorOf(job: Job | undefined, what: 'video' | 'captions' = 'video'): VideoObject['error'] {
  if (job === undefined) return { code: 'forgotten', message: 'The job is no longer known, and its files are gone.' };
  if (job.state === 'cancelled')
    return { code: 'cancelled', message: `The ${what} ${what === 'video' ? 'was' : 'were'} cancelled.` };
  const { code, message } = job.error ?? { code: 'JOB_FAILED', message: 'The render failed.' };
  if (code === 'BUG' || /\n\s+at /.test(message)) {
    return { code: 'internal_error', message: 'The render failed by a bug. The log of the job tells more.' };
  }
  return { code: code.toLowerCase(), message: withoutPaths(message) };
}
