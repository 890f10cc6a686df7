// Opens the queue, the port and a worker; to end, takes no more requests while the worker finishes its step. Everything that was
// accepted is in the queue: a server that ends loses nothing.
import { createAdaptorServer } from '@hono/node-server';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Captions } from '../jobs/captions.ts';
import { InvalidRequestError, JobFailedError } from '../jobs/errors.ts';
import { Queue } from '../jobs/queue.ts';
import { readSettings, type Settings } from '../jobs/settings.ts';
import { Videos } from '../jobs/videos.ts';
import { Worker, type WorkerEvent } from '../jobs/worker.ts';
import { checkExposure } from './access.ts';
import { createApp } from './app.ts';
import { EventStreams } from './events.ts';
import { IdempotencyKeys } from './idempotency.ts';
import { Agent } from './mcp-agent.ts';

export interface ServeOptions {
  readonly settings?: Settings;
  /** 0 takes one that is free (default 8080). */
  readonly port?: number;
  /** Default 127.0.0.1; others need a token in the settings. */
  readonly host?: string;
  /** Renders at a time in this process; 0 leaves them to workers elsewhere (default 1). */
  readonly workers?: number;
  /** Requests are refused while so many jobs wait (default 1000). */
  readonly maxWaiting?: number;
  /** Larger films that are sent are refused (2 GiB). */
  readonly mostUploadBytes?: number;
  /** A queue that does not answer for so long is away, which is answered with 503 (60,000). */
  readonly patienceMs?: number;
  readonly onWork?: (event: WorkerEvent) => void;
  readonly onTrouble?: (why: string) => void;
}

export interface RunningServer {
  readonly url: string;
  /** Takes no more requests, finishes the running step, gives jobs back. */
  close(): Promise<void>;
}

/** A film that is sent may take so long. */
const LONGEST_UPLOAD_MS = 6 * 3600_000;
/** Answers that are under way, to callers and from the queue, have so long to end. */
const LAST_ANSWERS_MS = 5000;

/**
 * Starts serving.
 * @throws InvalidRequestError when others could reach it without a token, JobFailedError (PORT_IN_USE, QUEUE_UNREACHABLE)
 */
export async function serve(options: ServeOptions = {}): Promise<RunningServer> {
  const { settings = readSettings(), port = 8080, host = '127.0.0.1', workers = 1, maxWaiting = 1000 } = options;
  const { patienceMs = 60_000, mostUploadBytes = 2 * 2 ** 30, onWork, onTrouble = () => undefined } = options;
  checkExposure(host, settings.token);
  const queue = await Queue.open(settings);
  let worker: Worker | undefined;
  let end: () => Promise<void> = () => Promise.resolve();
  const close = async (): Promise<void> => {
    await Promise.all([end(), worker?.stop()]);
    // One that is away does not even answer to this.
    await Promise.race([queue.close(), sleep(LAST_ANSWERS_MS, undefined, { ref: false })]);
  };
  try {
    const videos = await Videos.open(queue, maxWaiting);
    const keys = await IdempotencyKeys.open(join(settings.dataFolder, 'videos', 'keys'));
    const captions = await Captions.open(videos, maxWaiting);
    const events = new EventStreams();
    const agent = new Agent({ videos, captions, patienceMs, tellsPaths: false, onTrouble });
    const limits = { maxWaiting, mostUploadBytes, patienceMs };
    const app = createApp({ videos, captions, keys, events, agent, ...limits, token: settings.token, onTrouble });
    const options = { createServer, serverOptions: { requestTimeout: LONGEST_UPLOAD_MS } };
    const server = createAdaptorServer({ fetch: app.fetch, ...options, overrideGlobalObjects: false }) as Server;
    await listen(server, port, host);
    end = async () => {
      events.close();
      await Promise.all([agent.close(), closeServer(server)]);
    };
    if (workers > 0)
      worker = await Worker.start({ settings, concurrency: workers, ...(onWork && { onEvent: onWork }) });
    return { url: addressOf(server, host), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function listen(server: Server, port: number, host: string): Promise<void> {
  try {
    server.listen(port, host);
    await once(server, 'listening');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') {
      const why = `port (=${port}) on ${host} is in use. Choose another with --port, or end the program that has it.`;
      throw new JobFailedError(why, { code: 'PORT_IN_USE', cause: error });
    }
    if (code === 'EACCES') {
      const why = `port (=${port}) may not be opened by this user. Choose one above 1023.`;
      throw new InvalidRequestError(why, { cause: error });
    }
    throw new InvalidRequestError(`host (=${host}) cannot be listened on: ${message}.`, { cause: error });
  }
}

async function closeServer(server: Server): Promise<void> {
  const ended = new Promise((end) => server.close(end));
  const late = setTimeout(() => server.closeAllConnections(), LAST_ANSWERS_MS);
  // Callers keep connections for their next request, which will not be taken.
  const idle = setInterval(() => server.closeIdleConnections(), 50);
  await ended;
  clearTimeout(late);
  clearInterval(idle);
}

function addressOf(server: Server, host: string): string {
  const { port } = server.address() as AddressInfo;
  return `http://${host.includes(':') ? `[${host.replace(/^\[|\]$/g, '')}]` : host}:${port}`;
}
