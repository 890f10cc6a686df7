// One caption job from the moment a worker has it: sees that the film is the one that was meant, has it captioned in a child
// process, and tells the queue how far it is. Knows nothing of how jobs come and go.
import { type CaptionProgress, hasFailed } from './caption.ts';
import { captionInChild } from './caption-process.ts';
import type { CaptionJob, CaptionJobResult } from './job-record.ts';
import { checkFilm } from './prepare-caption.ts';
import type { JobProgress } from './progress.ts';
import type { Row } from './queue-store.ts';
import { progressOf } from './queue-view.ts';
import type { Settings } from './settings.ts';
import { ProgressWriter, type RenderRun, watchForCancel } from './worker-render.ts';

export type CaptionRun = Omit<RenderRun, 'studio'> & { readonly settings: Settings };

/** @throws what `caption` throws; the stopper's reason tells why it was stopped */
export async function captionJob(row: Row, job: CaptionJob, run: CaptionRun): Promise<CaptionJobResult> {
  const { rows, settings, stopper, log } = run;
  await checkFilm(job);
  // What is told behind the loading is told when nobody else's files stand in the way: those that an earlier attempt left may be
  // replaced.
  const isOwner = !['load', undefined].includes(progressOf(row)?.stage);
  const request = { ...job.request, overwrite: (job.request.overwrite ?? false) || isOwner };
  const progress = new ProgressWriter(row);
  const pace = paceOf();
  const looking = watchForCancel(row, rows, stopper);
  if (!isOwner) await row.updateProgress(pace({ stage: 'load', seconds: 0, durationSeconds: 0 }));
  try {
    const { captioner, videos } = await captionInChild(request, {
      settings,
      signal: stopper.signal,
      onProgress: (one) => {
        if (one.stage !== 'load') progress.tell(pace(one));
      },
      onNotice: log,
    });
    const [video] = videos;
    if (video === undefined || hasFailed(video)) throw new Error('A request for one film ended without it.');
    const { files, cues, durationSeconds, notices, tokens } = video;
    return { files, cues, captioner, durationSeconds, notices, ...(tokens && { tokens }) };
  } finally {
    looking.end();
    await progress.end();
  }
}

/** Progress with what is left at the pace since this attempt began; what was saved before does not count for it. */
function paceOf(): (at: Pick<CaptionProgress, 'stage' | 'seconds' | 'durationSeconds'>) => JobProgress {
  let [stageNow, from, began]: [string, number, number] = ['', 0, 0];
  return ({ stage, seconds, durationSeconds }) => {
    if (stage !== stageNow) [stageNow, from, began] = [stage, seconds, performance.now()];
    // The first moment of a film waits for the model, the first one told may have been saved before.
    else if (from === 0 && seconds > 0) [from, began] = [seconds, performance.now()];
    const done = seconds - from;
    const remainingSeconds = (((performance.now() - began) / 1000) * (durationSeconds - seconds)) / done;
    const [step, steps] = [Math.round(seconds), Math.round(durationSeconds)];
    return { stage, clip: 1, clips: 1, step, steps, ...(done > 0 && { remainingSeconds }) };
  };
}
