// What Prometheus asks: jobs by state, how long renders took, what was asked over HTTP. Counts of jobs come from the queue when
// they are asked for, so they are right whoever works at it.
import type { MiddlewareHandler } from 'hono';
import { routePath } from 'hono/route';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Job } from '../jobs/job-record.ts';
import type { Queue } from '../jobs/queue.ts';

const RENDER_SECONDS = [1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 12 * 3600];
const HTTP_SECONDS = [0.005, 0.02, 0.1, 0.5, 2, 10, 60];
/** Ended jobs that are looked at between two scrapes. */
const MOST_ENDED = 500;

export class Metrics {
  readonly #registry = new Registry();
  readonly #queue: Queue;
  readonly #jobs: Gauge<'state'>;
  readonly #length: Gauge;
  readonly #renders: Histogram<'state'>;
  readonly #requests: Counter<'method' | 'route' | 'status'>;
  readonly #times: Histogram<'method' | 'route'>;
  #endedUntil = Date.now();

  constructor(queue: Queue) {
    const registers = [this.#registry];
    this.#queue = queue;
    this.#jobs = new Gauge({ name: 'tessera_jobs', help: 'Jobs of the queue by state.', labelNames: ['state'], registers }); // prettier-ignore
    this.#length = new Gauge({ name: 'tessera_queue_length', help: 'Jobs that wait or run.', registers });
    this.#renders = new Histogram({
      name: 'tessera_render_seconds',
      help: 'Time from the beginning of the last attempt to the end of a job, since this server began.',
      labelNames: ['state'],
      buckets: RENDER_SECONDS,
      registers,
    });
    this.#requests = new Counter({
      name: 'tessera_http_requests_total',
      help: 'Answers over HTTP.',
      labelNames: ['method', 'route', 'status'],
      registers,
    });
    this.#times = new Histogram({
      name: 'tessera_http_request_seconds',
      help: 'Time until an answer begins.',
      labelNames: ['method', 'route'],
      buckets: HTTP_SECONDS,
      registers,
    });
    collectDefaultMetrics({ register: this.#registry });
  }

  /** Counts requests, by the route's pattern: paths of callers would make labels without end. */
  readonly count: MiddlewareHandler = async (c, next) => {
    const start = performance.now();
    await next();
    const [method, pattern] = [c.req.method, routePath(c, -1)];
    const route = pattern.includes('*') ? 'none' : pattern;
    this.#requests.inc({ method, route, status: c.res.status });
    this.#times.observe({ method, route }, (performance.now() - start) / 1000);
  };

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** All of it as text. */
  async text(): Promise<string> {
    const counts = await this.#queue.counts();
    for (const [state, count] of Object.entries(counts)) this.#jobs.set({ state }, count);
    this.#length.set(counts.waiting + counts.running);
    await this.#observeEnded();
    return this.#registry.metrics();
  }

  async #observeEnded(): Promise<void> {
    const since = this.#endedUntil;
    for (const state of ['done', 'failed'] as const) {
      const jobs = await this.#queue.list({ state, count: MOST_ENDED });
      for (const job of jobs) this.#observe(job, since);
    }
  }

  #observe({ kind, state, startedAt, endedAt }: Job, since: number): void {
    if (kind !== 'generate' || startedAt === undefined || endedAt === undefined || endedAt <= since) return;
    this.#renders.observe({ state }, (endedAt - startedAt) / 1000);
    this.#endedUntil = Math.max(this.#endedUntil, endedAt);
  }
}
