// A detector in a process of its own, for a core of its own: WebAssembly computes on one.
import { once } from 'node:events';
import { fromRecord, type ErrorRecord } from '../graph/child-protocol.ts';
import { JobFailedError } from '../graph/errors.ts';
import { forkModule } from '../graph/fork-module.ts';
import type { Frames } from '../io/frames.ts';
import type { Detection } from './detect.ts';

export interface DetectOrder {
  readonly id: number;
  readonly picture: Frames;
}

export type DetectReply =
  { readonly id: number; readonly found: readonly Detection[] } | { readonly id: number; readonly error: ErrorRecord };

export interface DetectorChild {
  /** Process id; -1 when none could be started. */
  readonly pid: number;
  /** As `Detector.detect`. @throws JobFailedError when the process is no more */
  detect(picture: Frames): Promise<readonly Detection[]>;
  close(): Promise<void>;
}

interface Call {
  readonly resolve: (found: readonly Detection[]) => void;
  readonly reject: (error: Error) => void;
}

/** Starts it; its first answer takes as long as the detector needs to open. */
export function startDetectorChild(): DetectorChild {
  const child = forkModule('./detect-main', import.meta.url, {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  const waiting = new Map<number, Call>();
  let next = 0;
  let ended: Error | undefined;
  const end = (): void => {
    ended = new JobFailedError('The process of a detector has ended.', { code: 'DETECTOR_DIED' });
    for (const { reject } of waiting.values()) reject(ended);
    waiting.clear();
  };
  child.once('error', end).once('exit', end);
  child.on('message', (reply: DetectReply) => {
    const call = waiting.get(reply.id);
    waiting.delete(reply.id);
    if ('found' in reply) call?.resolve(reply.found);
    else call?.reject(fromRecord(reply.error));
  });
  return {
    pid: child.pid ?? -1,
    detect: (picture) =>
      new Promise((resolve, reject) => {
        if (ended !== undefined) return reject(ended);
        const id = next++;
        waiting.set(id, { resolve, reject });
        const order: DetectOrder = { id, picture };
        child.send(order, (error) => error && reject(error));
      }),
    close: async () => {
      if (ended !== undefined) return;
      const exit = once(child, 'exit');
      child.kill('SIGKILL');
      await exit;
    },
  };
}
