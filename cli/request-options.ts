// Command line options out of the request schema: --negative-prompt for negativePrompt, with the schema's own description
// and checks. Knows no single field.
import type { Command } from 'commander';
import { Option } from 'commander';
import type { z } from 'zod';
import { fileFields } from '../jobs/request.ts';
import { isFlag, type Shape, takesList, takesNumber, valueOfText } from '../jobs/request-text.ts';

/** Short forms, where a field has one. */
const short: Readonly<Record<string, string>> = { output: '-o' };

/** What a name without a value stands for. */
const preset: Readonly<Record<string, string>> = { expand: 'nano' };

/** Given behind one name. */
const isPair = (field: string): boolean => field === 'between';

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
  return Object.fromEntries(sent.map(([field, value]) => [field, valueOfText(shape, field, value)]));
}

/** An option that may be given several times. */
function oneMore(value: string, before: unknown): readonly string[] {
  return [...(Array.isArray(before) ? (before as string[]) : []), value];
}

function optionOf(field: string, schema: z.ZodType): Option {
  const name = field.replace(/[A-Z]/g, (capital) => `-${capital.toLowerCase()}`);
  const value = isFlag(schema)
    ? ''
    : ` <${takesNumber(schema) ? 'n' : ['output', 'lora', ...fileFields].includes(field) ? 'file' : 'text'}${isPair(field) ? '...' : ''}>`;
  const flags = `${short[field] ? `${short[field]}, ` : ''}--${name}${preset[field] ? ' [text]' : value}`;
  const option = new Option(flags, schema.description);
  if (preset[field] !== undefined) option.preset(preset[field]);
  return takesList(schema) && !isPair(field) ? option.argParser(oneMore) : option;
}
