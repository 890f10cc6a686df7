// All routes of the server, and what holds for each answer: it has a request id, counts in the metrics, and tells a caller what
// to mend, never how this machine is made.
import { randomUUID } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Context, Hono, type MiddlewareHandler } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { routePath } from 'hono/route';
import { timeout } from 'hono/timeout';
import { listCapabilities } from '../jobs/capabilities.ts';
import { listExpanders } from '../jobs/expander-names.ts';
import { listModels, type NamedModel } from '../jobs/model-names.ts';
import type { Captions } from '../jobs/captions.ts';
import type { Videos } from '../jobs/videos.ts';
import { guard, pageGuard } from './access.ts';
import { openBoard } from './board.ts';
import { captionRoutes } from './caption-routes.ts';
import type { EventStreams } from './events.ts';
import type { IdempotencyKeys } from './idempotency.ts';
import type { Agent } from './mcp-agent.ts';
import { answerMcp, refuseMcp } from './mcp-http.ts';
import { limited, MOST_BODY_BYTES, videoRoutes } from './video-routes.ts';
import { Metrics } from './metrics.ts';
import { openApiDocument } from './openapi.ts';
import { pageRoutes } from './page.ts';
import { notFound, Problem, problemOf, unavailable } from './problems.ts';
import { searchRoutes } from './search-routes.ts';

export interface AppParts {
  readonly videos: Videos;
  readonly captions: Captions;
  readonly keys: IdempotencyKeys;
  readonly events: EventStreams;
  readonly agent: Agent;
  readonly maxWaiting: number;
  /** Larger films are refused. */
  readonly mostUploadBytes: number;
  /** A queue that does not answer for so long is away. Content, events and films that are sent take their time. */
  readonly patienceMs: number;
  /** What callers must show; left out, only this machine may ask. */
  readonly token: string | undefined;
  /** What the log should have: bugs and a queue that is away. */
  readonly onTrouble: (why: string) => void;
}

/** Those who ask whether the server is ready want to know it soon. */
const PROBE_MS = 10_000;
const late = (): HTTPException => new HTTPException(503);

export function createApp(parts: AppParts): Hono {
  const { videos, captions, keys, events, agent, maxWaiting, mostUploadBytes, patienceMs, token, onTrouble } = parts;
  const { queue } = videos;
  const metrics = new Metrics(queue);
  const limits = {
    body_bytes: MOST_BODY_BYTES,
    upload_bytes: mostUploadBytes,
    waiting_jobs: maxWaiting,
    prompt_characters: 5000,
  };
  const inTime = timeout(patienceMs, late);
  const takesTime = ({ method, path }: { method: string; path: string }): boolean =>
    /\/(content|events)$/.test(path) || (method === 'POST' && path === '/v1/captions');
  const patient: MiddlewareHandler = (c, next) => (takesTime(c.req) ? next() : inTime(c, next));
  const app = new Hono();
  app.use(stamp, metrics.count);
  app.onError((error, c) => answerProblem(c, error, onTrouble));
  app.notFound((c) => answerProblem(c, notFound('such page'), onTrouble));

  app.get('/healthz', (c) => c.json({ status: 'ok' }));
  app.get('/readyz', timeout(Math.min(patienceMs, PROBE_MS), late), async (c) => {
    await queue.counts();
    return c.json({ status: 'ready' });
  });
  app.route('/', pageRoutes(token !== undefined));
  app.use('/queues/*', pageGuard(token), patient);
  app.route('/', openBoard(queue));
  app.use(guard(token), patient);
  app.get('/metrics', async (c) => c.text(await metrics.text(), 200, { 'Content-Type': metrics.contentType }));
  app.get('/openapi.json', (c) => c.json(openApiDocument()));
  app.get('/v1/models', async (c) => {
    const data = await Promise.all((await listModels(queue.settings)).map(modelObject));
    return c.json({ object: 'list', data });
  });
  app.get('/v1/models/:id', async (c) => {
    const model = (await listModels(queue.settings)).find(({ name }) => name === c.req.param('id'));
    if (model === undefined) throw notFound('model of this name');
    return c.json(await modelObject(model));
  });
  app.get('/v1/capabilities', async (c) => {
    const [models, names, expanders] = await Promise.all([listCapabilities(queue.settings), captions.names(), listExpanders(queue.settings)]); // prettier-ignore
    return c.json({ limits, models, expanders, captions: names });
  });
  app.post('/mcp', limited, (c) => answerMcp(c, agent));
  app.all('/mcp', refuseMcp);
  app.route('/v1/videos', videoRoutes({ videos, captions, keys, events }));
  app.route('/v1/captions', captionRoutes({ captions, keys, events, mostUploadBytes }));
  app.route(
    '/v1',
    searchRoutes({ settings: queue.settings, tellsPaths: false, searcher: () => agent.searcher(), captions }),
  );
  return app;
}

async function modelObject({ name, folder }: NamedModel): Promise<object> {
  const { mtimeMs } = await stat(join(folder, 'model_index.json'));
  return { id: name, object: 'model', created: Math.floor(mtimeMs / 1000), owned_by: 'tessera' };
}

/** The id of a request, by which its answer is found in the log. */
const stamp: MiddlewareHandler = async (c, next) => {
  const id = `req_${randomUUID().replaceAll('-', '')}`;
  const set = (): void => {
    c.header('X-Request-Id', id);
    c.header('X-Content-Type-Options', 'nosniff');
  };
  set();
  await next();
  set(); // a Response that is made by hand, as that of a file, has not taken what was set before
};

function answerProblem(c: Context, error: Error, onTrouble: (why: string) => void): Response {
  const isLate = error instanceof HTTPException && error.status === 503;
  const problem = isLate ? unavailable('The queue does not answer. Ask again later.') : problemOf(error);
  if (problem.status >= 500 && !(error instanceof Problem)) {
    onTrouble(
      `${c.req.method} ${routePath(c, -1)} ${c.res.headers.get('x-request-id')}: ${error.stack ?? error.message}`,
    );
  }
  // What was not read of a body would be taken for the next request.
  const isUnread = c.req.method === 'POST' && (problem.status === 413 || !c.req.raw.bodyUsed);
  const headers = { 'Content-Type': 'application/json', ...problem.headers, ...(isUnread && { Connection: 'close' }) };
  return c.newResponse(JSON.stringify(problem.body), problem.status as 422, headers);
}
