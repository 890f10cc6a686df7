// Runs tools for agents, whatever they are connected by: waits with them for videos, and puts outcomes and problems into the
// words of the protocol. An agent sees what it can mend; what is this machine's business goes to the log.
import type { CallToolResult, ContentBlock, Tool as ListedTool } from '@modelcontextprotocol/sdk/types.js';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { isEnded } from '../jobs/job-record.ts';
import type { Captions } from '../jobs/captions.ts';
import { Searcher } from '../jobs/search.ts';
import type { Videos } from '../jobs/videos.ts';
import { clipLink } from './mcp-clips.ts';
import { type Followed, type Tool, type ToolOutcome, type ToolRun, tools } from './mcp-tools.ts';
import { Problem, problemOf, unavailable } from './problems.ts';
import { percentOf, type VideoObject } from './video-object.ts';

export interface AgentParts {
  readonly videos: Videos;
  readonly captions: Captions;
  /** A queue that does not answer for so long is away. */
  readonly patienceMs: number;
  /** Agents are of this machine and its user, so they are told where clips lie. */
  readonly tellsPaths: boolean;
  readonly onTrouble: (why: string) => void;
}

export interface AgentCall {
  /** The agent does not want the answer any more. */
  readonly signal: AbortSignal;
  /** Per cent, each more than the one before. */
  readonly onProgress: (percent: number, message: string) => void;
}

const LOOK_MS = 500;
/** Each of those who wait asks the queue twice a second. */
const MOST_WAITING = 100;

export class Agent {
  readonly videos: Videos;
  readonly captions: Captions;
  readonly #parts: AgentParts;
  readonly #closing = new AbortController();
  #searcher: Promise<Searcher> | undefined;
  #waiting = 0;

  constructor(parts: AgentParts) {
    this.videos = parts.videos;
    this.captions = parts.captions;
    this.#parts = parts;
  }

  /** The tools with their schemas, which are those that arguments are parsed by. */
  get tools(): readonly ListedTool[] {
    return Object.entries<Tool>(tools).map(([name, { title, description, input, output, isReadOnly }]) => ({
      name,
      title,
      description,
      inputSchema: z.toJSONSchema(input, { io: 'input' }) as ListedTool['inputSchema'],
      outputSchema: z.toJSONSchema(output, { io: 'output' }) as NonNullable<ListedTool['outputSchema']>,
      annotations: { readOnlyHint: isReadOnly, destructiveHint: name === 'cancel_video', idempotentHint: true, openWorldHint: false }, // prettier-ignore
    }));
  }

  /** Runs a tool; what goes wrong is an answer that says how to mend it. @returns undefined when there is no such tool */
  async call(
    name: string,
    args: Readonly<Record<string, unknown>>,
    call: AgentCall,
  ): Promise<CallToolResult | undefined> {
    const tool = Object.hasOwn(tools, name) ? (tools as Readonly<Record<string, Tool>>)[name] : undefined;
    if (tool === undefined) return undefined;
    const { videos, captions } = this;
    const { tellsPaths } = this.#parts;
    const soon = <T>(story: Promise<T>): Promise<T> => this.soon(story);
    const follow: ToolRun['follow'] = (one, seconds, look) => this.#follow(one, { ...call, seconds, look });
    try {
      const run = { videos, captions, tellsPaths, searcher: () => this.searcher(), signal: call.signal, soon, follow };
      return await this.#result(await tool.run(args, run));
    } catch (error) {
      return { isError: true, content: [{ type: 'text', text: this.explain(error, `tool ${name}`) }] };
    }
  }

  /** The message of whatever was thrown; what nobody foresaw goes to the log. */
  explain(error: unknown, where: string): string {
    const { status, message } = problemOf(error);
    if (status >= 500 && !(error instanceof Problem)) {
      this.#parts.onTrouble(`mcp ${where}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    }
    return message;
  }

  /** @throws Problem 503 when the queue does not answer */
  async soon<T>(story: Promise<T>): Promise<T> {
    const over = new AbortController();
    const late = sleep(this.#parts.patienceMs, undefined, { signal: over.signal, ref: false }).then(() => {
      throw unavailable('The queue does not answer. Ask again later.');
    });
    try {
      return await Promise.race([story, late]);
    } finally {
      over.abort();
      late.catch(() => undefined);
    }
  }

  /** Whether the agent may learn of files. */
  get tellsPaths(): boolean {
    return this.#parts.tellsPaths;
  }

  /** The index, opened when it is first asked for. */
  searcher(): Promise<Searcher> {
    const opening = (this.#searcher ??= Searcher.open(this.videos.queue.settings));
    opening.catch(() => (this.#searcher = undefined)); // it may be there the next time
    return opening;
  }

  /** Ends all waiting: those who wait are told how far their videos are. */
  async close(): Promise<void> {
    this.#closing.abort();
    const searcher = await this.#searcher?.catch(() => undefined);
    await searcher?.close();
  }

  async #follow<T extends Followed>(
    first: T,
    { seconds, look, signal, onProgress }: AgentCall & { seconds: number; look: () => Promise<T | undefined> },
  ): Promise<T> {
    if (seconds === 0 || hasEnded(first)) return first;
    if (this.#waiting >= MOST_WAITING) {
      throw unavailable(`Too many wait already. ${first.record.id} is queued: ask for its status without waitSeconds.`);
    }
    this.#waiting++;
    const over = AbortSignal.any([signal, this.#closing.signal]); // a timeout among them could be collected before its time
    const end = performance.now() + seconds * 1000;
    let [one, told] = [first, -1];
    try {
      for (let left = seconds * 1000; !hasEnded(one) && !over.aborted && left > 0; left = end - performance.now()) {
        const progress = one.job?.state === 'running' ? percentOf(one.job.progress) : 0;
        if (progress > told) onProgress(progress, stageOf(one));
        told = Math.max(told, progress);
        await sleep(Math.min(LOOK_MS, left), undefined, { signal: over }).catch(() => undefined);
        const now = await this.soon(look());
        if (now === undefined) throw new Problem(404, 'It was removed meanwhile.', { code: 'not_found' });
        one = now;
      }
      return one;
    } finally {
      this.#waiting--;
    }
  }

  /** A sentence, the same as data for clients that know no structured content, and links to clips. */
  async #result({ data, videos, texts = [], links = [], hasFailed = false }: ToolOutcome): Promise<CallToolResult> {
    const content: ContentBlock[] = texts.map((text) => ({ type: 'text', text }));
    for (const video of videos) {
      const lines = [await this.#describe(video), ...video.notices];
      content.push({ type: 'text', text: lines.join('\n') });
    }
    content.push({ type: 'text', text: JSON.stringify(data) });
    content.push(...links, ...videos.filter(({ status }) => status === 'completed').map((video) => clipLink(video)));
    return { content, structuredContent: { ...data }, ...(hasFailed && { isError: true }) };
  }

  async #describe({ id, status, prompt, progress, remaining_seconds, error }: VideoObject): Promise<string> {
    const about = `${id} (${JSON.stringify(prompt.length > 80 ? `${prompt.slice(0, 80)}…` : prompt)})`;
    if (status === 'queued') return `${about} waits for a worker. Ask for its video_status.`;
    if (status === 'failed') return `${about} failed. ${error?.message ?? ''}`;
    if (status === 'in_progress') {
      const left = remaining_seconds === null ? '' : `, about ${Math.ceil(remaining_seconds)} s are left`;
      return `${about} is at ${progress} %${left}. Ask for its video_status.`;
    }
    const path = this.#parts.tellsPaths ? await this.videos.file(id, 'video') : undefined;
    return `${about} is completed. ${path === undefined ? 'Its clip is linked.' : `Its clip is ${path}`}`;
  }
}

const hasEnded = ({ job }: Followed): boolean => job === undefined || isEnded(job);

function stageOf({ job }: Followed): string {
  if (job?.state !== 'running' || job.progress === undefined) return 'waits for a worker';
  const { stage, step, steps, remainingSeconds } = job.progress;
  const words: Readonly<Record<typeof stage, string>> = {
    ...{ load: 'opens the model', text: 'reads the prompt', steps: 'samples', decode: 'decodes', encode: 'writes' },
    ...{ look: 'looks', listen: 'listens', write: 'writes' },
  };
  const counted = steps > 0 ? `, ${step} of ${steps}` : '';
  const left = remainingSeconds === undefined ? '' : `, about ${Math.ceil(remainingSeconds)} s are left`;
  return `${words[stage]}${counted}${left}`;
}
