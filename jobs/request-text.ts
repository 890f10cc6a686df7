// A request out of text: options of a command line, cells of a table. Numbers and truths are read where the schema takes them;
// what is neither is left for the schema to refuse with its own words. Knows no single field.
import type { z } from 'zod';

export type Shape = Readonly<Record<string, z.ZodType>>;

/** `negative-prompt` and `negative_prompt` are negativePrompt. */
export const fieldName = (name: string): string =>
  name.trim().replace(/[-_]+([a-zA-Z])/g, (_, letter: string) => letter.toUpperCase());

/** What a database keeps and a model reads: no NUL, no half of a character. */
export const isStorable = (text: string): boolean => !/[\0\p{Cs}]/u.test(text);
export const notStorable = 'holds characters that are no text';

/** A value as its field takes it. */
export function valueOfText(shape: Shape, field: string, value: unknown): unknown {
  const schema = Object.hasOwn(shape, field) ? shape[field] : undefined;
  if (typeof value !== 'string' || schema === undefined) return value;
  const text = value.trim();
  if (takesNumbers(schema)) return text.split(',').map(Number);
  if (takesList(schema)) return text.split(',').map((item) => item.trim());
  if (isFlag(schema) && /^(true|false)$/i.test(text)) return text.toLowerCase() === 'true';
  const number = Number(text);
  return takesNumber(schema) && text !== '' && !Number.isNaN(number) ? number : value;
}

export const isFlag = (schema: z.ZodType): boolean => schema.safeParse(true).success;

export const takesNumbers = (schema: z.ZodType): boolean => schema.safeParse([1]).success;

const codesOf = (schema: z.ZodType, example: unknown): readonly string[] =>
  schema.safeParse(example).error?.issues.map(({ code }) => code) ?? [];

/** Of text, whatever that text must be: a list is no wrong kind of value, and a text is. */
export const takesList = (schema: z.ZodType): boolean =>
  !takesNumbers(schema) &&
  codesOf(schema, 'x').includes('invalid_type') &&
  !codesOf(schema, []).some((code) => code.startsWith('invalid'));

export const takesNumber = (schema: z.ZodType): boolean =>
  [1, 17, 0.5].some((example) => schema.safeParse(example).success);
