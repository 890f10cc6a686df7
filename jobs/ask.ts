// A question about a video, answered by a captioner that takes words: the whole video is one moment to it.
import { z } from 'zod';
import { InvalidRequestError } from '../graph/errors.ts';
import { findFfmpeg } from '../io/ffmpeg.ts';
import { loadPicture } from '../io/pictures.ts';
import type { Captioner, Moment } from '../understanding/captioner.ts';
import { momentsOf } from '../understanding/moments.ts';
import { sampleVideo } from '../understanding/sample-video.ts';
import { type Film, probeFilm } from './caption-film.ts';
import { captionSchema, parseCaptionRequest } from './caption-request.ts';
import { bestCaptioner, hasCaptioner, modelsThatSee } from './captioner-names.ts';
import { openCaptioner } from './open-captioner.ts';
import { problemOf } from './request-problem.ts';
import { readSettings, type Settings } from './settings.ts';

const { model, timeout, retries } = captionSchema.shape;

export const askSchema = z.strictObject({
  video: z.string({ error: 'must be text' }).min(1, { error: 'is empty' }).describe('a video or a picture'),
  question: z
    .string({ error: 'must be text' })
    .trim()
    .min(1, { error: 'is empty' })
    .max(2000, { error: 'must have at most 2000 characters' })
    .describe('what to answer'),
  captioner: z
    .string({ error: 'must be text' })
    .optional()
    .describe('nano, hf:<model> or openai:<address> (default: the best that is there)'),
  model,
  timeout,
  retries,
});

export type AskRequest = z.input<typeof askSchema>;

export interface Answer {
  readonly answer: string;
  readonly captioner: string;
}

/** What of a server's captioners answers questions, by name; the best first. */
export async function captionersThatAnswer(settings: Settings): Promise<readonly string[]> {
  const endpoint = settings.vision?.url === undefined ? [] : ['openai'];
  const models = (await modelsThatSee(settings)).map((model) => `hf:${model}`);
  return [...endpoint, ...models, ...((await hasCaptioner('nano', settings)) ? ['nano'] : [])];
}

/** Pictures that a captioner may choose among. */
const PICTURES = 16;

/** @throws InvalidRequestError, ModelFileError, JobFailedError, the signal's reason */
export async function ask(
  request: AskRequest,
  { signal, settings = readSettings() }: { readonly signal?: AbortSignal; readonly settings?: Settings } = {},
): Promise<Answer> {
  const parsed = askSchema.safeParse(request);
  if (!parsed.success)
    throw new InvalidRequestError(parsed.error.issues.map((issue) => problemOf(issue, request, askSchema.shape, 'video')).join(' ')); // prettier-ignore
  const { video, question, captioner: wanted = 'auto', ...rest } = parsed.data;
  const tools = await findFfmpeg(settings);
  const film = await probeFilm(tools, video, { speech: false, signal });
  const best = wanted === 'auto' ? await bestCaptioner(settings, [video]) : wanted;
  if (wanted === 'detector')
    throw new InvalidRequestError('The captioner "detector" names things and answers no questions. Use nano, hf:<model> or openai:<address>.'); // prettier-ignore
  const chosen = best === 'detector' ? 'nano' : best;
  const sent = parseCaptionRequest({ videos: [video], prompt: question });
  const captioner = await openCaptioner({ ...sent, ...rest, captioner: chosen }, settings);
  try {
    const { text } = await captioner.describe(await wholeFilm(film, captioner, { tools, signal }), undefined, signal);
    return { answer: text, captioner: captioner.name };
  } finally {
    await captioner.close();
  }
}

async function wholeFilm(
  { path, info, durationSeconds }: Film,
  { longestSide }: Captioner,
  {
    tools,
    signal,
  }: { readonly tools: Awaited<ReturnType<typeof findFfmpeg>>; readonly signal: AbortSignal | undefined },
): Promise<Moment> {
  if (info === undefined) {
    const samples = [{ seconds: 0, shot: 0, picture: await loadPicture(path) }];
    return { startSeconds: 0, endSeconds: 0, shot: 0, samples };
  }
  const everySeconds = Math.max(0.04, durationSeconds / PICTURES);
  const samples = sampleVideo(tools, info, { everySeconds, cutScore: undefined, longestSide, signal });
  for await (const moment of momentsOf(samples, { momentSeconds: 0, byShot: true, endSeconds: durationSeconds }))
    return moment;
  throw new InvalidRequestError(`${path} shows no picture.`);
}
