// Captions and answers made in a child process: models block the event loop for as long as they look at a picture, and a worker must stay
// responsive, or the queue takes its jobs for lost. The child saves each moment, so that nothing is lost with it.
import { once } from 'node:events';
import { type ErrorRecord, fromRecord } from '../graph/child-protocol.ts';
import { JobFailedError } from '../graph/errors.ts';
import { forkModule } from '../graph/fork-module.ts';
import type { Answer, AskRequest } from './ask.ts';
import type { CaptionOptions, CaptionResult } from './caption.ts';
import type { CaptionRequest } from './caption-request.ts';
import type { CaptionProgress } from './caption.ts';
import type { Settings } from './settings.ts';

/** What the child is told. */
export type CaptionOrder =
  | { readonly kind: 'caption'; readonly request: CaptionRequest; readonly settings: Settings }
  | { readonly kind: 'ask'; readonly request: AskRequest; readonly settings: Settings }
  /** Finish the running moment and end. */
  | { readonly kind: 'stop' };

/** What the child tells. */
export type CaptionNews =
  | { readonly kind: 'progress'; readonly progress: CaptionProgress }
  | { readonly kind: 'notice'; readonly notice: string }
  | { readonly kind: 'done'; readonly result: CaptionResult | Answer }
  | { readonly kind: 'failed'; readonly error: ErrorRecord };

type Listeners = Pick<CaptionOptions, 'signal' | 'onProgress' | 'onNotice'>;

/** As `caption`, in a process of its own. @throws what `caption` throws, JobFailedError (CAPTIONER_DIED) */
export function captionInChild(
  request: CaptionRequest,
  { settings, ...listeners }: CaptionOptions & { readonly settings: Settings },
): Promise<CaptionResult> {
  return inChild<CaptionResult>({ kind: 'caption', request, settings }, listeners);
}

/** As `ask`, in a process of its own. @throws what `ask` throws, JobFailedError (CAPTIONER_DIED) */
export function askInChild(
  request: AskRequest,
  { settings, ...listeners }: Pick<Listeners, 'signal'> & { readonly settings: Settings },
): Promise<Answer> {
  return inChild<Answer>({ kind: 'ask', request, settings }, listeners);
}

/** @typeParam T what the order is answered with */
async function inChild<T extends CaptionResult | Answer>(
  order: CaptionOrder,
  { signal, onProgress, onNotice }: Listeners,
): Promise<T> {
  signal?.throwIfAborted();
  const child = forkModule('./caption-main', import.meta.url, {
    serialization: 'advanced',
    stdio: ['ignore', 2, 2, 'ipc'],
  });
  const tell = (order: CaptionOrder): void => void (child.connected && child.send(order, () => undefined));
  const stop = (): void => tell({ kind: 'stop' });
  signal?.addEventListener('abort', stop, { once: true });
  try {
    return await new Promise<T>((resolve, reject) => {
      child.on('message', (news: CaptionNews) => {
        if (news.kind === 'progress') onProgress?.(news.progress);
        else if (news.kind === 'notice') onNotice?.(news.notice);
        else if (news.kind === 'done') resolve(news.result as T);
        else reject(fromRecord(news.error));
      });
      child.once('error', (cause) => reject(died('could not be started', cause)));
      child.once('exit', (code, by) =>
        reject(died(by === null ? `ended with exit code ${code}` : `was ended by ${by}`)),
      );
      tell(order);
      if (signal?.aborted === true) stop();
    });
  } finally {
    signal?.removeEventListener('abort', stop);
    // It has said its last word.
    const ended = child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
    if (!ended) {
      const exit = once(child, 'exit');
      child.kill('SIGKILL');
      await exit;
    }
  }
}

function died(how: string, cause?: Error): JobFailedError {
  const why = `The captioner's process ${how}. Most often memory ran out: use a smaller model, or fewer workers.`;
  return new JobFailedError(why, { code: 'CAPTIONER_DIED', ...(cause && { cause }) });
}
