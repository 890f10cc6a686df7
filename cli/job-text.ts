// Jobs in words, for people.
import { basename } from 'node:path';
import { captionOutputs } from '../jobs/caption-outputs.ts';
import type { Job } from '../jobs/job-record.ts';
import { seconds } from './format.ts';

/** What a job is about, in a line. */
export function describeJob({ kind, request, caption, batch }: Job): string {
  if (caption !== undefined) return `captions of ${basename(caption.videos[0]!)}`;
  if (batch !== undefined) return `${batch.name}: ${batch.jobs.length} jobs`;
  const prompt = request?.prompt ?? kind;
  return prompt.length > 48 ? `${prompt.slice(0, 47)}…` : prompt;
}

/** How far it is: `sampling 3/20, 12 s left`; why it failed; nothing for a job that waits. */
export function describeProgress({ state, progress, error, attempts }: Job): string {
  if (state === 'failed') return error?.code ?? '';
  if (state === 'waiting' && error !== undefined)
    return `tried ${attempts.made} of ${attempts.most} times: ${error.code}`;
  if (state !== 'running' || progress === undefined) return '';
  const { stage, clip, clips, step, steps, remainingSeconds } = progress;
  const parts = [
    clips > 1 ? `clip ${clip}/${clips}` : '',
    steps > 0 ? `${stage} ${step}/${steps}` : stage,
    remainingSeconds === undefined ? '' : `${seconds(remainingSeconds)} left`,
  ];
  return parts.filter((part) => part !== '').join(', ');
}

/** Rows for `tessera jobs ls`, with their heads. */
export function jobTable(jobs: readonly Job[]): readonly (readonly string[])[] {
  const rows = jobs.map((job) => [job.id, job.state, ago(job.submittedAt), describeProgress(job), describeJob(job)]);
  return [['id', 'state', 'submitted', 'progress', 'what'], ...rows];
}

/** All that is known of a job, a line each. */
export function jobLines(job: Job): readonly string[] {
  const { id, kind, state, priority, attempts, submittedAt, startedAt, endedAt, parent, notices, error, result } = job;
  const counts = result !== undefined && 'succeeded' in result ? `${result.succeeded} succeeded, ${result.failed} failed` : ''; // prettier-ignore
  const lines: readonly (readonly [string, string])[] = [
    ['id', id],
    ['kind', kind],
    ['what', describeJob(job)],
    ['state', state],
    ['progress', describeProgress(job)],
    ['priority', String(priority)],
    ['attempts', `${attempts.made} of ${attempts.most}`],
    ['batch', parent ?? ''],
    ['submitted', time(submittedAt)],
    ['started', time(startedAt)],
    ['ended', time(endedAt)],
    ['output', filesOf(job).join(', ')],
    ['result', counts],
    ...notices.map((notice) => ['notice', notice] as const),
    ['error', error === undefined ? '' : `${error.code}: ${error.message}`],
  ];
  return lines.filter(([, text]) => text !== '').map(([name, text]) => `${name.padEnd(9)}  ${text}`);
}

/** What it wrote, or is going to write. */
export function filesOf({ request, caption, result }: Pick<Job, 'request' | 'caption' | 'result'>): readonly string[] {
  if (result !== undefined && 'clips' in result) return result.clips.map(({ path }) => path);
  if (caption !== undefined) return captionOutputs(caption.videos[0]!, caption).map(({ path }) => path);
  return request?.output === undefined ? [] : [request.output];
}

const time = (milliseconds: number | undefined): string =>
  milliseconds === undefined ? '' : new Date(milliseconds).toISOString();

const ago = (milliseconds: number): string => `${seconds(Math.max(0, Date.now() - milliseconds) / 1000)} ago`;
