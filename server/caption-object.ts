// Captions as callers see them: how far they are, of which film, by which captioner.
import { z } from 'zod';
import type { CaptionJobResult, JobResult } from '../jobs/job-record.ts';
import type { CaptionedFilm } from '../jobs/captions.ts';
import { errorOf, percentOf, remainingOf, statuses, statusOf } from './video-object.ts';

export const captionsSchema = z.object({
  id: z.string(),
  object: z.literal('captions'),
  status: z.enum(statuses),
  progress: z.int().min(0).max(100),
  created_at: z.int().describe('seconds since 1970'),
  completed_at: z.int().nullable().describe('seconds since 1970'),
  name: z.string().describe('what its sender calls the film'),
  video: z.string().nullable().describe('the id of the video, if it was made here'),
  size: z.string(),
  seconds: z.number().describe('how long the film is'),
  captioner: z.string(),
  cues: z.int().nullable().describe('how many subtitles there are'),
  notices: z.array(z.string()).describe('what one should know, such as that the film is cut short'),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
  remaining_seconds: z.number().nullable().describe('estimated work that is left, without waiting'),
});

export type CaptionsObject = z.output<typeof captionsSchema>;

export function captionsObject({ record, job, hasCaptions }: CaptionedFilm): CaptionsObject {
  const { id, createdAt, name, video, film, request } = record;
  const status = statusOf(job, hasCaptions);
  const result = resultOf(job?.result);
  return {
    id,
    object: 'captions',
    status,
    progress: status === 'completed' ? 100 : status === 'queued' ? 0 : percentOf(job?.progress),
    created_at: Math.floor(createdAt / 1000),
    completed_at: status === 'completed' ? Math.floor((job?.endedAt ?? createdAt) / 1000) : null,
    name,
    video: video ?? null,
    size: `${film.width}x${film.height}`,
    seconds: Number(film.durationSeconds.toFixed(3)),
    captioner: (request.captioner ?? 'auto').replace(/^openai:.*/s, 'openai').replace(/^nano:.*[/\\]/s, 'nano:'), // prettier-ignore
    cues: result?.cues ?? null,
    notices: [...(result?.notices ?? [])],
    error: status === 'failed' ? errorOf(job, 'captions') : null,
    remaining_seconds: status === 'in_progress' ? remainingOf(job) : null,
  };
}

const resultOf = (result: JobResult | undefined): CaptionJobResult | undefined =>
  result !== undefined && 'cues' in result ? result : undefined;
