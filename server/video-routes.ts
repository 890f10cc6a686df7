// /v1/videos: create, estimate, retrieve, list, delete, content and events, each a few lines around a story of jobs/.
import { Hono, type MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { Captions } from '../jobs/captions.ts';
import { isEnded } from '../jobs/job-record.ts';
import type { Video, Videos } from '../jobs/videos.ts';
import { sendFile } from './content.ts';
import { readVideoRequest } from './create-video.ts';
import type { EventStreams } from './events.ts';
import type { IdempotencyKeys } from './idempotency.ts';
import { parseListQuery, parseVariant } from './list-query.ts';
import { notFound, Problem } from './problems.ts';
import { estimateObject, videoObject } from './video-object.ts';

/** Far more than the longest prompts. */
export const MOST_BODY_BYTES = 256 * 1024;
/** Of a form with a picture. */
export const MOST_FORM_BYTES = 32 * 2 ** 20;

const limitedTo = (maxSize: number) =>
  bodyLimit({
    maxSize,
    onError: () => {
      const message = `The body has more than ${maxSize} bytes, which is as much as is taken.`;
      throw new Problem(413, message, { code: 'body_too_large' });
    },
  });

/** Refuses larger bodies. @throws Problem 413 */
export const limited = limitedTo(MOST_BODY_BYTES);
const limitedForm = limitedTo(MOST_FORM_BYTES);

/** Forms may hold a picture. */
const limitedByKind: MiddlewareHandler = (c, next) =>
  (c.req.header('content-type')?.toLowerCase().startsWith('multipart/') ? limitedForm : limited)(c, next);

interface VideoParts {
  readonly videos: Videos;
  readonly captions: Captions;
  readonly keys: IdempotencyKeys;
  readonly events: EventStreams;
}

export function videoRoutes({ videos, captions, keys, events }: VideoParts): Hono {
  const need = async (id: string): Promise<Video> => {
    const video = await videos.get(id);
    if (video === undefined) throw notFound('video of this id');
    return video;
  };
  return new Hono()
    .post('/', limitedByKind, async (c) => {
      const request = await readVideoRequest(c.req.raw);
      const key = c.req.header('idempotency-key');
      if (key === undefined) return c.json(videoObject(await videos.create(request)));
      const made = await keys.once(key, request, async () => (await videos.create(request)).record.id);
      if (made.isReplay) c.header('Idempotent-Replayed', 'true');
      return c.json(videoObject(await need(made.id)));
    })
    .post('/estimate', limitedByKind, async (c) => {
      return c.json(estimateObject(await videos.estimate(await readVideoRequest(c.req.raw))));
    })
    .get('/', async (c) => {
      const { videos: found, hasMore } = await videos.list(parseListQuery(c.req.query()));
      const data = found.map(videoObject);
      const [first_id, last_id] = [data[0]?.id ?? null, data.at(-1)?.id ?? null];
      return c.json({ object: 'list', data, first_id, last_id, has_more: hasMore });
    })
    .get('/:id', async (c) => c.json(videoObject(await need(c.req.param('id')))))
    .delete('/:id', async (c) => {
      const id = c.req.param('id');
      if (!(await videos.remove(id))) throw notFound('video of this id');
      await captions.removeOf(id);
      return c.json({ id, object: 'video.deleted', deleted: true });
    })
    .get('/:id/content', async (c) => {
      const variant = parseVariant(c.req.query());
      const { record, job } = await need(c.req.param('id'));
      if (job !== undefined && !isEnded(job)) {
        const message = 'The video is not completed yet. Ask again when its status is completed.';
        throw new Problem(409, message, { code: 'video_not_completed' });
      }
      const isWords = variant === 'captions';
      const path = isWords ? await captions.trackOf(record.id) : await videos.file(record.id, variant);
      if (path === undefined)
        throw notFound(isWords ? 'caption of this video; POST /v1/captions makes some' : 'clip of this video');
      return sendFile(path, c.req.raw);
    })
    .get('/:id/events', async (c) => {
      const id = c.req.param('id');
      const followed = { name: 'video', look: () => videos.get(id), objectOf: videoObject };
      return events.stream(c, await need(id), followed);
    });
}
