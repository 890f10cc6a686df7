// What an agent can do here, as a table of tools of the Model Context Protocol. Each parses its arguments by the schemas that
// HTTP has, calls a story of jobs/, and answers with what GET /v1/videos answers with. Knows nothing of how messages travel.
import { z } from 'zod';
import { listCapabilities } from '../jobs/capabilities.ts';
import type { ResourceLink } from '@modelcontextprotocol/sdk/types.js';
import type { Captions } from '../jobs/captions.ts';
import type { Job } from '../jobs/job-record.ts';
import type { Video, Videos } from '../jobs/videos.ts';
import type { Searcher } from '../jobs/search.ts';
import { parseVideoRequest, videoFields } from './create-video.ts';
import { askInput, askOutput, askTool } from './mcp-ask.ts';
import { captionInput, captionOutput, captionStatus, captionTool } from './mcp-captions.ts';
import { searchOutput, searchTool } from './mcp-search.ts';
import { invalidFields, notFound } from './problems.ts';
import { searchInput } from './shots.ts';
import { type VideoObject, videoObject, videoSchema } from './video-object.ts';

/** What a tool came to: videos, with their clips as links, and what else there is to know. */
export interface ToolOutcome {
  readonly data: Readonly<Record<string, unknown>>;
  readonly videos: readonly VideoObject[];
  /** What to say and to link to beside them. */
  readonly texts?: readonly string[];
  readonly links?: readonly ResourceLink[];
  /** What was asked for was tried, and failed. */
  readonly hasFailed?: boolean;
}

/** A video, or a film that is captioned. */
export interface Followed {
  readonly record: { readonly id: string };
  readonly job: Job | undefined;
}

export interface ToolRun {
  readonly videos: Videos;
  readonly captions: Captions;
  /** The agent is a program of this machine's user, who may name files. */
  readonly tellsPaths: boolean;
  /** Opens the index when it is first asked for. */
  readonly searcher: () => Promise<Searcher>;
  /** The agent does not want the answer any more. */
  readonly signal: AbortSignal;
  /** Fails when a story takes longer than anybody has patience for: the queue is away. */
  readonly soon: <T>(story: Promise<T>) => Promise<T>;
  /** Follows a video or a film until it has ended or the time is over. */
  readonly follow: <T extends Followed>(one: T, seconds: number, look: () => Promise<T | undefined>) => Promise<T>;
}

export interface Tool {
  readonly title: string;
  readonly description: string;
  readonly input: z.ZodObject;
  readonly output: z.ZodObject;
  readonly isReadOnly: boolean;
  run(args: Readonly<Record<string, unknown>>, run: ToolRun): Promise<ToolOutcome>;
}

const badWait = 'must be a number of seconds from 0 to 3600';
const waitSeconds = z
  .number({ error: badWait })
  .min(0, { error: badWait })
  .max(3600, { error: badWait })
  .optional()
  .describe('wait so long for its end, with notes on its progress; 0, the default, answers at once');
const badId = 'must be the id of a video, as generate and list_videos give it';
const id = z.string({ error: badId }).describe('the id of a video');
const badCaptions = 'must be the id of captions, as caption gives it';
const badLimit = 'must be a whole number from 1 to 100';
const limit = z.int({ error: badLimit }).min(1, { error: badLimit }).max(100, { error: badLimit });

const waitInput = z.strictObject({ waitSeconds });
const idInput = z.strictObject({ id });
const statusInput = z.strictObject({ id, waitSeconds });
const listInput = z.strictObject({
  limit: limit.optional().describe('how many at most (default 20)'),
  after: z.string({ error: badId }).optional().describe('the id of the last video of the page before'),
  order: z.enum(['asc', 'desc'], { error: 'must be asc or desc' }).optional().describe('by time of creation (default desc)'), // prettier-ignore
});
const nothing = z.strictObject({});

export const tools = {
  generate: {
    title: 'Generate a video',
    description:
      'Queues a video of what the prompt says and answers at once, or when it is done if waitSeconds is given. The same ' +
      'arguments are the same video, which is not rendered twice: other seeds make other videos. What is left out is as the ' +
      'model wants it; list_models tells what a model can do.',
    input: videoFields.extend(waitInput.shape),
    output: videoSchema,
    isReadOnly: false,
    async run({ waitSeconds: wait, ...wish }, { videos, soon, follow }) {
      const seconds = parse(waitInput, { waitSeconds: wait }).waitSeconds ?? 0;
      const asked = await soon(videos.create(parseVideoRequest(wish)));
      const outcome = outcomeOf(await follow(asked, seconds, () => videos.get(asked.record.id)));
      return { ...outcome, hasFailed: outcome.data['status'] === 'failed' };
    },
  },
  list_videos: {
    title: 'List videos',
    description:
      'The videos that were asked for, with their states; those that are completed with links to their clips.',
    input: listInput,
    output: z.object({ videos: z.array(videoSchema), has_more: z.boolean() }),
    isReadOnly: true,
    async run(args, { videos, soon }) {
      const { limit: most = 20, after, order = 'desc' } = parse(listInput, args);
      const page = await soon(videos.list({ limit: most, after, order }));
      const found = page.videos.map(videoObject);
      return { data: { videos: found, has_more: page.hasMore }, videos: found };
    },
  },
  video_status: {
    title: 'Look at a video',
    description: 'How far a video is. With waitSeconds it answers when the video has ended or the time is over.',
    input: statusInput,
    output: videoSchema,
    isReadOnly: true,
    async run(args, { videos, soon, follow }) {
      const wish = parse(statusInput, args);
      const video = needed(await soon(videos.get(wish.id)));
      return outcomeOf(await follow(video, wish.waitSeconds ?? 0, () => videos.get(wish.id)));
    },
  },
  cancel_video: {
    title: 'Cancel a video',
    description:
      'Stops a video that waits or is being rendered; it fails with the code "cancelled". generate with the same arguments ' +
      'takes it up again.',
    input: idInput,
    output: videoSchema,
    isReadOnly: false,
    async run(args, { videos, soon }) {
      return outcomeOf(needed(await soon(videos.cancel(parse(idInput, args).id))));
    },
  },
  caption: {
    title: 'Caption a video',
    description:
      'Puts into timed words what a video shows: one that was made here, by its id, or a film of this machine, by its path. ' +
      'Answers at once, or with the words when they are there if waitSeconds is given. The same arguments are the same captions.',
    input: captionInput.extend(waitInput.shape),
    output: captionOutput,
    isReadOnly: false,
    async run({ waitSeconds: wait, ...args }, run) {
      return captionTool(args, parse(waitInput, { waitSeconds: wait }).waitSeconds ?? 0, run);
    },
  },
  captions_status: {
    title: 'Look at captions',
    description:
      'How far captions are, and their words. With waitSeconds it answers when they are done or the time is over.',
    input: statusInput.extend({ id: z.string({ error: badCaptions }).describe('the id of captions') }),
    output: captionOutput,
    isReadOnly: true,
    async run(args, run) {
      const wish = parse(statusInput, args);
      return captionStatus(wish.id, wish.waitSeconds ?? 0, run);
    },
  },
  ask: {
    title: 'Ask about a video',
    description:
      'Answers a question about a video that was made here, by its id, or a film of this machine, by its path.',
    input: askInput,
    output: askOutput,
    isReadOnly: true,
    run: askTool,
  },
  search: {
    title: 'Search shots',
    description:
      'Finds shots of films that were indexed by "tessera index", by what they show: in words, and by meaning. Each comes with ' +
      'its film, its times, its caption and a link to a picture.',
    input: searchInput,
    output: searchOutput,
    isReadOnly: true,
    run: searchTool,
  },
  list_models: {
    title: 'List models',
    description:
      'The models that are here: sizes and lengths that each can make, its samplers, what it does by default.',
    input: nothing,
    output: z.object({ models: z.array(z.looseObject({ model: z.string() })), default: z.literal('nano') }),
    isReadOnly: true,
    async run(args, { videos, soon }) {
      parse(nothing, args);
      return { data: { models: await soon(listCapabilities(videos.queue.settings)), default: 'nano' }, videos: [] };
    },
  },
} as const satisfies Readonly<Record<string, Tool>>;

function outcomeOf(video: Video): ToolOutcome {
  const data = videoObject(video);
  return { data, videos: [data] };
}

function needed(video: Video | undefined): Video {
  if (video === undefined) throw notFound('video of this id; list_videos gives those that are there');
  return video;
}

/** @throws Problem that names every argument that does not fit */
function parse<T extends z.ZodObject>(schema: T, args: unknown): z.output<T> {
  const parsed = schema.safeParse(args);
  if (parsed.success) return parsed.data;
  const taken = Object.keys(schema.shape).join(', ') || 'none';
  const problems = parsed.error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((param) => ({ param, message: `is no argument of this tool, which takes ${taken}` }))
      : [{ param: issue.path.join('.'), message: issue.message }],
  );
  throw invalidFields(problems);
}
