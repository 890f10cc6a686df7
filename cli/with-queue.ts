// Opens the queue for as long as a command does something with it.
import type { Queue } from '../jobs/queue.ts';

/** @throws JobFailedError (QUEUE_UNREACHABLE) when its store does not answer, and what `work` throws */
export async function withQueue<T>(work: (queue: Queue) => Promise<T>): Promise<T> {
  const { Queue } = await import('../jobs/queue.ts');
  const queue = await Queue.open();
  try {
    return await work(queue);
  } finally {
    await queue.close();
  }
}
