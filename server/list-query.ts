// The queries of GET requests: pages of videos and captions, and which form of their content is meant.
import { z } from 'zod';
import { invalidFields } from './problems.ts';

const badLimit = 'must be a whole number from 1 to 100';

export const listQuerySchema = z.object({
  limit: z
    .string()
    .regex(/^([1-9]\d?|100)$/, { error: badLimit })
    .default('20')
    .describe('how many at most, 1 to 100'),
  after: z.string().optional().describe('the id of the last video of the page before'),
  order: z.enum(['asc', 'desc'], { error: 'must be asc or desc' }).default('desc').describe('by time of creation'),
});

export const captionListSchema = listQuerySchema.extend({
  video: z.string().optional().describe('only captions of the video of this id'),
});

export const formats = ['vtt', 'srt', 'json', 'txt', 'video'] as const;
const formatSchema = z.object({
  format: z.enum(formats, { error: `must be one of ${formats.join(', ')}` }).default('vtt'),
});

export const variants = ['video', 'thumbnail', 'spritesheet', 'captions'] as const;
export type Variant = (typeof variants)[number];
const variantSchema = z.object({
  variant: z.enum(variants, { error: `must be one of ${variants.join(', ')}` }).default('video'),
});

/** @throws Problem 422 */
export function parseListQuery(query: Readonly<Record<string, string>>) {
  const { limit, after, order } = parse(listQuerySchema, query);
  return { limit: Number(limit), after, order };
}

/** @throws Problem 422 */
export function parseCaptionList(query: Readonly<Record<string, string>>) {
  const { limit, ...rest } = parse(captionListSchema, query);
  return { ...rest, limit: Number(limit) };
}

/** @throws Problem 422 */
export const parseFormat = (query: Readonly<Record<string, string>>) => parse(formatSchema, query).format;

/** @throws Problem 422 */
export const parseVariant = (query: Readonly<Record<string, string>>): Variant => parse(variantSchema, query).variant;

function parse<T extends z.ZodType>(schema: T, query: Readonly<Record<string, string>>): z.output<T> {
  const parsed = schema.safeParse(query);
  if (parsed.success) return parsed.data;
  throw invalidFields(parsed.error.issues.map(({ path, message }) => ({ param: path.join('.'), message })));
}
