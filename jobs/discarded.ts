// What a job left that nobody wants any more. Whoever removes its files cannot know whether its worker has just written others; so
// they mark the job first, and the worker looks for the mark after it has written: whoever comes last finds the files.
import { rm, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { captionOutputs } from './caption-outputs.ts';
import type { StoredJob } from './job-record.ts';
import { filesOf } from './outputs.ts';
import type { Row, Rows } from './queue-store.ts';

/** Looks at the row anew, and removes its files if it was discarded and not taken up again. @returns whether it was */
export async function removeDiscarded({ id }: Row, rows: Rows): Promise<boolean> {
  const now = await rows.getJob(id!).catch(() => undefined);
  if (now?.data.discardedAt === undefined) return false;
  const paths = filesOfJob(now.data);
  for (const path of paths) await rm(path, { force: true });
  // The words of a film lie in a folder of their own, which may have been made again for them.
  if (now.data.kind === 'caption' && paths[0] !== undefined) await rmdir(dirname(paths[0])).catch(() => undefined);
  return true;
}

function filesOfJob(job: StoredJob): readonly string[] {
  if (job.kind === 'generate') return filesOf(job.request.output!, job.request.clips ?? 1);
  if (job.kind === 'caption') return captionOutputs(job.request.videos[0]!, job.request).map(({ path }) => path);
  return [];
}
