// A job that is called off, and one that is taken up again: because it is retried, or because it is asked for once more, perhaps
// in another way. Then what was asked last holds: whether it may overwrite, where its pictures lie, when its turn comes, how often
// it is tried.
import type { CaptionJob, Marks, RenderJob, StoredJob } from './job-record.ts';
import { PRIORITY } from './queue-options.ts';
import { retryRow, type Row } from './queue-store.ts';

export interface AskedAgain {
  readonly job: RenderJob | CaptionJob;
  /** Left out, it stays. */
  readonly priority?: number | undefined;
  /** The same. */
  readonly attempts?: number | undefined;
}

/** Leaves marks for the worker that has it, or for the next one that is free. */
export async function callOff(row: Row, marks: Marks): Promise<void> {
  await row.updateData({ ...row.data, ...marks });
  // It comes first, so that the next worker that is free ends it.
  await row.changePriority({ priority: 0 }).catch(() => undefined);
  await row.promote().catch(() => undefined);
}

/** A worker that is still stopping looks for the marks again before it ends the job, and gives it back instead. */
export async function takeUpAgain(row: Row, asked?: AskedAgain): Promise<void> {
  const priority = asked?.priority ?? row.data.priority ?? row.opts.priority ?? PRIORITY.usual;
  const attempts = asked?.attempts ?? row.data.attempts;
  const data = asked === undefined ? unmarked(row.data) : asDone(asked.job, row.data);
  await row.updateData({ ...data, priority, ...(attempts !== undefined && { attempts }) });
  // Its old turn may have been the first one, so that its cancellation was noticed.
  await row.changePriority({ priority }).catch(() => undefined);
  await retryRow(row);
}

function unmarked({ cancelledAt: _c, discardedAt: _d, ...data }: StoredJob): StoredJob {
  return data;
}

/** What was made of its prompt stays: clips of it may be there, and an expander writes something else each time. */
function asDone(job: RenderJob | CaptionJob, before: StoredJob): RenderJob | CaptionJob {
  if (job.kind !== 'generate' || before.kind !== 'generate' || before.request.expanded === undefined) return job;
  const { expanded } = before.request;
  return { ...job, request: { ...job.request, expanded }, notices: before.notices ?? [] };
}
