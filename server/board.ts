// bull-board under /queues: what BullMQ knows of the jobs, for whoever runs the server. It is there to look: its buttons would move
// rows behind the back of jobs/queue.ts, which also keeps records of clips and cancellations, so nothing but GET is answered.
import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { HonoAdapter } from '@bull-board/hono';
import { serveStatic } from '@hono/node-server/serve-static';
import { Hono } from 'hono';
import type { Queue } from '../jobs/queue.ts';
import { notFound, Problem, withoutPaths } from './problems.ts';

const PATH = '/queues';
/** The page names fonts of another site; whoever looks at a queue need not be known there. */
const POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'";

/** The board as an application for /queues and all below it. */
export function openBoard(queue: Queue): Hono {
  const adapter = new HonoAdapter(serveStatic).setBasePath(PATH);
  const rows = new BullMQAdapter(queue.rows as never, { readOnlyMode: true });
  createBullBoard({
    queues: [rows],
    serverAdapter: adapter,
    options: { uiConfig: { boardTitle: 'Tessera', hideRedisDetails: true } },
  });
  return new Hono()
    .use(`${PATH}/*`, async (c, next) => {
      if (c.req.method !== 'GET' && c.req.method !== 'HEAD') {
        throw new Problem(405, 'The board is there to look. Use /v1/videos or "tessera jobs".', { code: 'read_only' });
      }
      c.header('Content-Security-Policy', POLICY);
      await next();
      const isJson = c.res.headers.get('content-type')?.startsWith('application/json') ?? false;
      if (isJson) c.res = c.json(withoutPlaces(await c.res.json()), c.res.status as 200);
    })
    .route(PATH, adapter.registerPlugin())
    .all(`${PATH}/*`, () => {
      throw notFound('such page of the board');
    });
}

/** As everything that is said over HTTP: no paths of this machine, no stacks. */
function withoutPlaces(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value), (key: string, part: unknown) => {
    if (key === 'stacktrace') return [];
    return typeof part === 'string' ? withoutPaths(part) : part;
  }) as unknown;
}
