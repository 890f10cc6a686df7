// Whether the queue takes one more: those who ask from outside are refused while too many jobs wait.
import { JobFailedError } from '../graph/errors.ts';
import type { Queue } from './queue.ts';

/** @throws JobFailedError (QUEUE_FULL) while so many jobs wait */
export async function checkRoom(queue: Queue, mostWaiting: number): Promise<void> {
  const { waiting } = await queue.counts();
  if (waiting < mostWaiting) return;
  throw new JobFailedError(`${waiting} jobs wait already, which is as many as are taken. Ask again later.`, {
    code: 'QUEUE_FULL',
  });
}
