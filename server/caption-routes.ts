// /v1/captions: create, retrieve, list, delete, content and events, each a few lines around a story of jobs/.
import { Hono, type MiddlewareHandler } from 'hono';
import { isEnded } from '../jobs/job-record.ts';
import { type CaptionedFilm, type Captions, removeIncoming } from '../jobs/captions.ts';
import { captionsObject } from './caption-object.ts';
import { sendFile } from './content.ts';
import { readCaptionsBody } from './create-captions.ts';
import type { EventStreams } from './events.ts';
import type { IdempotencyKeys } from './idempotency.ts';
import { parseCaptionList, parseFormat } from './list-query.ts';
import { notFound, Problem } from './problems.ts';
import { limited } from './video-routes.ts';

/** JSON is small; what a form may hold is counted as it comes. */
const limitedByKind: MiddlewareHandler = (c, next) =>
  c.req.header('content-type')?.toLowerCase().startsWith('multipart/') === true ? next() : limited(c, next);

interface CaptionParts {
  readonly captions: Captions;
  readonly keys: IdempotencyKeys;
  readonly events: EventStreams;
  /** Larger films are refused. */
  readonly mostUploadBytes: number;
}

export function captionRoutes({ captions, keys, events, mostUploadBytes }: CaptionParts): Hono {
  const need = async (id: string): Promise<CaptionedFilm> => {
    const film = await captions.get(id);
    if (film === undefined) throw notFound('captioned film of this id');
    return film;
  };
  return new Hono()
    .post('/', limitedByKind, async (c) => {
      const folder = await captions.incoming();
      try {
        const { wish, film } = await readCaptionsBody(c.req.raw, { folder, mostBytes: mostUploadBytes });
        const key = c.req.header('idempotency-key');
        if (key === undefined) return c.json(captionsObject(await captions.create(film, wish)));
        const body = [wish, film.kind === 'video' ? film.id : film.sha256];
        const made = await keys.once(key, body, async () => (await captions.create(film, wish)).record.id);
        if (made.isReplay) c.header('Idempotent-Replayed', 'true');
        return c.json(captionsObject(await need(made.id)));
      } finally {
        await removeIncoming(folder);
      }
    })
    .get('/', async (c) => {
      const { films, hasMore } = await captions.list(parseCaptionList(c.req.query()));
      const data = films.map(captionsObject);
      const [first_id, last_id] = [data[0]?.id ?? null, data.at(-1)?.id ?? null];
      return c.json({ object: 'list', data, first_id, last_id, has_more: hasMore });
    })
    .get('/:id', async (c) => c.json(captionsObject(await need(c.req.param('id')))))
    .delete('/:id', async (c) => {
      const id = c.req.param('id');
      if (!(await captions.remove(id))) throw notFound('captioned film of this id');
      return c.json({ id, object: 'captions.deleted', deleted: true });
    })
    .get('/:id/content', async (c) => {
      const format = parseFormat(c.req.query());
      const { record, job } = await need(c.req.param('id'));
      if (format !== 'video' && job !== undefined && !isEnded(job)) {
        const message = 'The captions are not completed yet. Ask again when their status is completed.';
        throw new Problem(409, message, { code: 'captions_not_completed' });
      }
      const path = await captions.file(record.id, format);
      if (path === undefined) throw notFound('such content of these captions');
      return sendFile(path, c.req.raw);
    })
    .get('/:id/events', async (c) => {
      const id = c.req.param('id');
      const followed = { name: 'captions', look: () => captions.get(id), objectOf: captionsObject };
      return events.stream(c, await need(id), followed);
    });
}
