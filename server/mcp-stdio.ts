// The Model Context Protocol over standard input and output: opens the queue and a worker for the agent that started this process,
// and ends with it. What was queued stays: a worker elsewhere, or the next start, goes on with it.
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { setTimeout as sleep } from 'node:timers/promises';
import { Captions } from '../jobs/captions.ts';
import { Queue } from '../jobs/queue.ts';
import { readSettings, type Settings } from '../jobs/settings.ts';
import { Videos } from '../jobs/videos.ts';
import { Worker, type WorkerEvent } from '../jobs/worker.ts';
import { Agent } from './mcp-agent.ts';
import { createMcpServer } from './mcp-server.ts';

export interface McpOptions {
  readonly settings?: Settings;
  /** Renders at a time in this process; 0 leaves them to workers elsewhere (default 1). */
  readonly workers?: number;
  /** Requests are refused while so many jobs wait (default 1000). */
  readonly maxWaiting?: number;
  /** A queue that does not answer for so long is away (60,000). */
  readonly patienceMs?: number;
  readonly onWork?: (event: WorkerEvent) => void;
  readonly onTrouble?: (why: string) => void;
}

export interface RunningMcp {
  /** Resolves when the agent has closed its end. */
  readonly ended: Promise<void>;
  /** Finishes the running step and gives jobs back. */
  close(): Promise<void>;
}

/** A store that is away does not even answer to a goodbye. */
const GOODBYE_MS = 5000;

/** Starts answering. @throws JobFailedError (QUEUE_UNREACHABLE) */
export async function serveMcp(options: McpOptions = {}): Promise<RunningMcp> {
  const { settings = readSettings(), workers = 1, maxWaiting = 1000, patienceMs = 60_000 } = options;
  const { onWork, onTrouble = () => undefined } = options;
  const queue = await Queue.open(settings);
  let worker: Worker | undefined;
  let end: () => Promise<void> = () => Promise.resolve();
  const close = async (): Promise<void> => {
    await Promise.all([end(), worker?.stop()]);
    await Promise.race([queue.close(), sleep(GOODBYE_MS, undefined, { ref: false })]);
  };
  try {
    if (workers > 0)
      worker = await Worker.start({ settings, concurrency: workers, ...(onWork && { onEvent: onWork }) });
    const videos = await Videos.open(queue, maxWaiting);
    const captions = await Captions.open(videos, maxWaiting, true);
    const agent = new Agent({ videos, captions, patienceMs, tellsPaths: true, onTrouble });
    const server = createMcpServer(agent);
    server.onerror = (error) => onTrouble(`mcp: ${error.message}`);
    const ended = new Promise<void>((resolve) => {
      server.onclose = resolve;
      // The transport of the SDK does not look for the end of its input.
      for (const event of ['end', 'close']) process.stdin.once(event, resolve);
    });
    await server.connect(new StdioServerTransport());
    end = async () => {
      await Promise.all([agent.close(), server.close()]);
    };
    return { ended, close };
  } catch (error) {
    await close();
    throw error;
  }
}
