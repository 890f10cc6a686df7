// What the queue holds of a job, and what anyone sees of it. Plain data: it goes through the store as JSON and may be read by
// another process, or by a later version of this program.
import { InvalidRequestError } from '../graph/errors.ts';
import type { TokenBill } from '../understanding/captioner.ts';
import type { ParsedCaptionRequest } from './caption-request.ts';
import type { GeneratedClip } from './generate.ts';
import type { JobProgress } from './progress.ts';
import type { ParsedRequest } from './request.ts';
import type { StageTimes } from './stages.ts';

/** A render that was accepted. */
export interface RenderJob {
  readonly kind: 'generate';
  /** Every choice made, the output an absolute path. */
  readonly request: ParsedRequest;
  /** The weights that it was accepted for. */
  readonly fingerprint: string;
  /** What was to be said when it was accepted, such as why its prompt is not expanded. */
  readonly notices?: readonly string[];
}

/** A film that is to be put into words. */
export interface CaptionJob {
  readonly kind: 'caption';
  /** Of this one film; its paths are absolute, its captioner is chosen. */
  readonly request: ParsedCaptionRequest;
  /** Of the film that it was accepted for. */
  readonly sha256: string;
}

/** Ends when all its jobs have ended, whether they succeeded or not. */
export interface BatchJob {
  readonly kind: 'batch';
  readonly name: string;
  /** Ids of its renders, in the order in which they were asked for. */
  readonly jobs: readonly string[];
}

/** In a batch, stands for a render that was there before. */
export interface FollowJob {
  readonly kind: 'follow';
  readonly of: string;
}

/** What was noted on a job after it was accepted, for whoever works at it. */
export interface Marks {
  readonly cancelledAt?: number;
  /** It was cancelled, and its files are not wanted either. */
  readonly discardedAt?: number;
  /** Since it was taken up again: where it goes back to after a cancellation, which puts it first. */
  readonly priority?: number;
  /** The same: how often it is tried at most, in place of what it was first added with. */
  readonly attempts?: number;
}

export type StoredJob = (RenderJob | CaptionJob | BatchJob | FollowJob) & Marks;

/** What a render left behind. */
export interface RenderResult {
  readonly clips: readonly Omit<GeneratedClip, 'render'>[];
  readonly notices: readonly string[];
  readonly milliseconds: StageTimes;
}

/** What captioning left behind. */
export interface CaptionJobResult {
  readonly files: readonly string[];
  /** Cues in the subtitles. */
  readonly cues: number;
  readonly captioner: string;
  readonly durationSeconds: number;
  readonly notices: readonly string[];
  readonly tokens?: TokenBill;
}

/** What became of a batch's jobs. */
export interface BatchResult {
  readonly jobs: number;
  readonly succeeded: number;
  readonly failed: number;
}

export type JobResult = RenderResult | CaptionJobResult | BatchResult;

/**
 * waiting: for a worker, for its turn after a failed attempt, or for the rest of a batch; running: a worker has it; done,
 * failed, cancelled: ended.
 */
export const jobStates = ['waiting', 'running', 'done', 'failed', 'cancelled'] as const;
export type JobState = (typeof jobStates)[number];

/** @throws InvalidRequestError for a word that names no state */
export function parseJobState(word: string): JobState {
  const state = jobStates.find((one) => one === word);
  if (state !== undefined) return state;
  throw new InvalidRequestError(`state (=${word}) must be one of ${jobStates.join(', ')}.`);
}

/** A job as its observers see it. Times are milliseconds since 1970. */
export interface Job {
  readonly id: string;
  readonly kind: StoredJob['kind'];
  readonly state: JobState;
  /** Of a render. */
  readonly request?: ParsedRequest;
  /** Of a film that is put into words. */
  readonly caption?: ParsedCaptionRequest;
  /** Of a batch: its name and the ids of its renders. */
  readonly batch?: { readonly name: string; readonly jobs: readonly string[] };
  /** The batch that it was first asked for with. */
  readonly parent?: string;
  /** 1 comes first. */
  readonly priority: number;
  /** How often it failed and was tried again, and how often at most. */
  readonly attempts: { readonly made: number; readonly most: number };
  readonly submittedAt: number;
  readonly startedAt?: number;
  readonly endedAt?: number;
  /** Of the running or last attempt. The estimate counts work, not waiting. */
  readonly progress?: JobProgress;
  readonly result?: JobResult;
  /** What one should know that is no error, since it was accepted. */
  readonly notices: readonly string[];
  /** Why it failed, or did the last time. */
  readonly error?: { readonly code: string; readonly message: string };
}

export const isEnded = ({ state }: Pick<Job, 'state'>): boolean => !['waiting', 'running'].includes(state);

/** A failure as the store keeps it: its code goes before its message. */
export const failureText = (code: string, message: string): string => `${code}: ${message}`;

/** The code and message of a stored failure; the store's own have no code. */
export function failureOf(text: string): { readonly code: string; readonly message: string } {
  const [, code, message] = /^([A-Z][A-Z_]+): (.*)$/s.exec(text) ?? [];
  if (code !== undefined && message !== undefined) return { code, message };
  if (text.includes('stalled')) {
    return {
      code: 'WORKER_LOST',
      message: 'Its worker was lost again and again. Look at the log of the worker, then retry.',
    };
  }
  return { code: 'JOB_FAILED', message: text };
}
