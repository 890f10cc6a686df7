// How far a video is, as server-sent events: one at once, one at each change, until it has ended.
import type { Context } from 'hono';
import { streamSSE } from 'hono/streaming';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Video, Videos } from '../jobs/videos.ts';
import { unavailable } from './problems.ts';
import { type VideoObject, videoObject } from './video-object.ts';

const LOOK_MS = 500;
/** A comment that often keeps proxies from taking the connection for dead. */
const BEAT_MS = 15_000;
/** Each stream asks the queue twice a second. */
const MOST_STREAMS = 100;

export class VideoEvents {
  readonly #videos: Videos;
  readonly #closing = new AbortController();
  #streams = 0;

  constructor(videos: Videos) {
    this.#videos = videos;
  }

  /**
   * Events `video.queued`, `video.in_progress`, `video.completed`, `video.failed` with the video, at last `video.deleted` with
   * its id if it is removed. @throws Problem 503 when too many listen
   */
  stream(c: Context, first: Video): Response {
    if (this.#streams >= MOST_STREAMS) throw unavailable('Too many listen for events. Ask for the video instead.');
    if (c.req.method === 'HEAD') return c.body(null, 200, { 'Content-Type': 'text/event-stream' });
    this.#streams++;
    c.header('X-Accel-Buffering', 'no');
    return streamSSE(c, async (stream) => {
      const gone = new AbortController();
      stream.onAbort(() => gone.abort());
      const signal = AbortSignal.any([gone.signal, this.#closing.signal]);
      try {
        for await (const { name, data } of this.#changes(first, signal)) {
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

  async *#changes(first: Video, signal: AbortSignal): AsyncGenerator<{ name?: string; data?: object }> {
    const { id } = first.record;
    let video: Video | undefined = first;
    let [last, toldAt] = ['', Date.now()];
    while (!signal.aborted) {
      if (video === undefined) return void (yield { name: 'video.deleted', data: { id, deleted: true } });
      const data: VideoObject = videoObject(video);
      const text = JSON.stringify(data);
      if (text !== last) yield { name: `video.${data.status}`, data };
      else if (Date.now() - toldAt > BEAT_MS) yield {};
      if (text !== last || Date.now() - toldAt > BEAT_MS) toldAt = Date.now();
      last = text;
      if (data.status === 'completed' || data.status === 'failed') return;
      await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined);
      if (!signal.aborted) video = await this.#videos.get(id);
    }
  }
}
