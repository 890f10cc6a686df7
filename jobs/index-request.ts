// What a caller may ask of `index` and `search`, described once: types, checks and the command line's options come from these schemas.
import { z } from 'zod';
import { InvalidRequestError } from '../graph/errors.ts';
import { captionSchema } from './caption-request.ts';
import { problemOf } from './request-problem.ts';
import { isStorable, notStorable } from './request-text.ts';

const { videos, captioner, model, every, speech, prompt, prefix, language, concurrency, timeout, retries } =
  captionSchema.shape;
const text = (most: number) =>
  z
    .string({ error: 'must be text' })
    .trim()
    .min(1, { error: 'is empty' })
    .max(most, { error: `must have at most ${most} characters` })
    .refine(isStorable, { error: notStorable });
const badLimit = 'must be a whole number from 1 to 100';

/** A request to index films. What is left out is as the latest film was indexed. */
export const indexSchema = z.strictObject({
  videos: videos.describe('folders, videos, or patterns such as "films/**/*.mp4"'),
  captioner: captioner.describe('auto, detector, nano, hf:<model> or openai:<address>'),
  clip: text(4096)
    .optional()
    .describe('where meaning comes from: nano (default), or for real footage hf:<model>, a CLIP or SigLIP'),
  model,
  every: every.describe('look at one picture in so much time (default 500ms)'),
  speech: speech.describe(
    'find shots by what is said too, as hf:<model> hears it, a Whisper or Wav2Vec2; none to stop',
  ),
  prompt,
  prefix,
  language,
  concurrency,
  timeout,
  retries,
  prune: z
    .boolean({ error: 'must be true or false' })
    .optional()
    .describe('forget the films of a folder also where it is empty or gone'),
});

export type IndexRequest = z.input<typeof indexSchema>;
export type ParsedIndexRequest = z.output<typeof indexSchema>;

export const searchSchema = z.strictObject({
  question: text(1000).describe('what the shots are to show'),
  limit: z.int({ error: badLimit }).min(1, { error: badLimit }).max(100, { error: badLimit }).optional().describe('shots at most (default 10)'), // prettier-ignore
  folder: text(4096).optional().describe('only films below this folder'),
});

export type SearchRequest = z.input<typeof searchSchema>;
export type ParsedSearchRequest = z.output<typeof searchSchema>;

/** @throws InvalidRequestError naming every field that does not fit */
export const parseIndexRequest = (input: unknown): ParsedIndexRequest => parse(indexSchema, input, 'videos');

/** @throws InvalidRequestError naming every field that does not fit */
export const parseSearchRequest = (input: unknown): ParsedSearchRequest => parse(searchSchema, input, 'question');

function parse<T extends z.ZodObject>(schema: T, input: unknown, needs: string): z.output<T> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => problemOf(issue, input, schema.shape, needs));
  throw new InvalidRequestError(problems.join(' '), { cause: parsed.error });
}
