// The queries of GET requests: pages of videos, and which form of a video's content is meant.
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

export const variants = ['video', 'thumbnail', 'spritesheet'] as const;
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
export const parseVariant = (query: Readonly<Record<string, string>>): Variant => parse(variantSchema, query).variant;

function parse<T extends z.ZodType>(schema: T, query: Readonly<Record<string, string>>): z.output<T> {
  const parsed = schema.safeParse(query);
  if (parsed.success) return parsed.data;
  throw invalidFields(parsed.error.issues.map(({ path, message }) => ({ param: path.join('.'), message })));
}
