// How far a video is, or captions are, as server-sent events: one at once, one at each change, until it has ended.
import type { Context } from 'hono';
import { streamSSE } from 'hono/streaming';
import { setTimeout as sleep } from 'node:timers/promises';
import { unavailable } from './problems.ts';
import type { VideoObject } from './video-object.ts';

const LOOK_MS = 500;
/** A comment that often keeps proxies from taking the connection for dead. */
const BEAT_MS = 15_000;
/** Each stream asks the queue twice a second. */
const MOST_STREAMS = 100;

/** What is followed until it has ended. */
export interface Followed<T> {
  /** The first part of the events' names. */
  readonly name: string;
  readonly look: () => Promise<T | undefined>;
  readonly objectOf: (one: T) => Pick<VideoObject, 'id' | 'status'>;
}

export class EventStreams {
  readonly #closing = new AbortController();
  #streams = 0;

  /**
   * Events `video.queued`, `video.in_progress`, `video.completed`, `video.failed` with the video, at last `video.deleted` with
   * its id if it is removed; likewise of others. @throws Problem 503 when too many listen
   */
  stream<T>(c: Context, first: T, followed: Followed<T>): Response {
    if (this.#streams >= MOST_STREAMS) throw unavailable('Too many listen for events. Ask for the video instead.');
    if (c.req.method === 'HEAD') return c.body(null, 200, { 'Content-Type': 'text/event-stream' });
    this.#streams++;
    c.header('X-Accel-Buffering', 'no');
    return streamSSE(c, async (stream) => {
      const gone = new AbortController();
      stream.onAbort(() => gone.abort());
      const signal = AbortSignal.any([gone.signal, this.#closing.signal]);
      try {
        for await (const { name, data } of changes(first, followed, signal)) {
          if (name === undefined) await stream.write(': still here\n\n');
          else await stream.writeSSE({ event: name, data: JSON.stringify(data) });
        }
      } finally {
        this.#streams--;
      }
    });
  }

  /** Ends all streams; listeners connect again when the server is back. */
  close(): void {
    this.#closing.abort();
  }
}

async function* changes<T>(
  first: T,
  { name, look, objectOf }: Followed<T>,
  signal: AbortSignal,
): AsyncGenerator<{ name?: string; data?: object }> {
  const { id } = objectOf(first);
  let one: T | undefined = first;
  let [last, toldAt] = ['', Date.now()];
  while (!signal.aborted) {
    if (one === undefined) return void (yield { name: `${name}.deleted`, data: { id, deleted: true } });
    const data = objectOf(one);
    const text = JSON.stringify(data);
    if (text !== last) yield { name: `${name}.${data.status}`, data };
    else if (Date.now() - toldAt > BEAT_MS) yield {};
    if (text !== last || Date.now() - toldAt > BEAT_MS) toldAt = Date.now();
    last = text;
    if (data.status === 'completed' || data.status === 'failed') return;
    await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined);
    if (!signal.aborted) one = await look();
  }
}
