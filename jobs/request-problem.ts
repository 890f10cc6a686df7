// What is wrong with a request, as a sentence that names the field and what was sent.
import type { z } from 'zod';

/** @param needs the field without which there is no request */
export function problemOf(issue: z.core.$ZodIssue, input: unknown, shape: object, needs: string): string {
  if (issue.code === 'unrecognized_keys') {
    return `There is no field ${issue.keys.join(', ')}. Known are ${Object.keys(shape).join(', ')}.`;
  }
  const field = issue.path.join('.');
  if (field === '') return `A request must be an object with ${needs}, not ${JSON.stringify(input)}.`;
  const value = (input as Record<string, unknown>)[String(issue.path[0])];
  if (value === undefined) return `${field} is missing.`;
  const shown = JSON.stringify(value) ?? typeof value;
  // A list may be sent as one text, whose parts have no names of their own.
  const sent = typeof value === 'string' ? String(issue.path[0]) : field;
  return `${sent} (=${shown.length > 60 ? `${shown.slice(0, 60)}…` : shown}) ${issue.message}.`;
}
