// Command line options out of the request schema: --negative-prompt for negativePrompt, with the schema's own description
// and checks. Knows no single field.
import type { Command } from 'commander';
import { Option } from 'commander';
import type { z } from 'zod';

type Shape = Readonly<Record<string, z.ZodType>>;

/** Short forms, where a field has one. */
const short: Readonly<Record<string, string>> = { output: '-o' };

/** Adds an option for each field of an object schema, but for those named. */
export function addRequestOptions(command: Command, shape: Shape, except: readonly string[]): Command {
  for (const [field, schema] of Object.entries(shape)) {
    if (!except.includes(field)) command.addOption(optionOf(field, schema));
  }
  return command;
}

/** The fields that were really given, as the schema takes them. Its own checks come later. */
export function sentFields(shape: Shape, options: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const sent = Object.entries(options).filter(([field, value]) => field in shape && value !== undefined);
  return Object.fromEntries(sent.map(([field, value]) => [field, typed(shape[field]!, value)]));
}

function optionOf(field: string, schema: z.ZodType): Option {
  const name = field.replace(/[A-Z]/g, (capital) => `-${capital.toLowerCase()}`);
  const value = isFlag(schema) ? '' : ` <${takesNumber(schema) ? 'n' : field === 'output' ? 'file' : 'text'}>`;
  const flags = `${short[field] ? `${short[field]}, ` : ''}--${name}${value}`;
  return new Option(flags, schema.description);
}

/** A number where the field takes one and the text is one; other text is left for the schema to refuse. */
function typed(schema: z.ZodType, value: unknown): unknown {
  if (typeof value !== 'string' || !takesNumber(schema)) return value;
  const number = Number(value);
  return value.trim() === '' || Number.isNaN(number) ? value : number;
}

function isFlag(schema: z.ZodType): boolean {
  return schema.safeParse(true).success;
}

function takesNumber(schema: z.ZodType): boolean {
  return [1, 17, 0.5].some((example) => schema.safeParse(example).success);
}
