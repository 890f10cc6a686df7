// What agents do with captions: the tools that make and follow them, and their files as resources, tessera://captions/{id}/captions.vtt.
import type { ReadResourceResult, ResourceLink, ResourceTemplate } from '@modelcontextprotocol/sdk/types.js';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { z } from 'zod';
import type { CaptionedFilm, Captions } from '../jobs/captions.ts';
import { captionsObject, captionsSchema } from './caption-object.ts';
import { lookFields, parseFields } from './create-captions.ts';
import type { ToolOutcome, ToolRun } from './mcp-tools.ts';
import { invalidFields, notFound } from './problems.ts';

const forms = {
  'captions.vtt': { format: 'vtt', mimeType: 'text/vtt', title: 'Captions as WebVTT' },
  'captions.srt': { format: 'srt', mimeType: 'application/x-subrip', title: 'Captions as SRT' },
  'captions.json': {
    format: 'json',
    mimeType: 'application/json',
    title: 'All that was seen, with boxes and confidences',
  },
  'captions.txt': { format: 'txt', mimeType: 'text/plain', title: 'Captions as plain text with times' },
} as const;

/** More does not go into an answer; the resource has all of it. */
const MOST_CHARACTERS = 20_000;

export const captionTemplates: readonly ResourceTemplate[] = Object.entries(forms).map(
  ([form, { mimeType, title }]) => ({
    uriTemplate: `tessera://captions/{id}/${form}`,
    name: form,
    title,
    mimeType,
  }),
);

export const captionInput = lookFields.extend({
  video: z.string().optional().describe('the id of a video that was made here'),
  path: z.string().optional().describe('a film on this machine; only where the agent is a program of its user'),
});

export const captionOutput = captionsSchema.extend({
  text: z.string().nullable().describe('a line for each caption: when, and what is to be seen'),
});

/** Asks for captions, and follows them for so long. @throws Problem */
export async function captionTool(
  args: Readonly<Record<string, unknown>>,
  seconds: number,
  { captions, soon, follow, tellsPaths }: ToolRun,
): Promise<ToolOutcome> {
  const { video, path, ...wish } = parseFields(captionInput, args);
  if ((video === undefined) === (path === undefined))
    throw invalidFields([{ param: 'video', message: 'or path must be given, one of them' }]);
  if (path !== undefined && !tellsPaths)
    throw invalidFields([{ param: 'path', message: 'is not opened over HTTP: send the film with POST /v1/captions' }]);
  const film = path === undefined ? ({ kind: 'video', id: video! } as const) : ({ kind: 'file', path: resolve(path) } as const); // prettier-ignore
  // A large film is read for its checksum, which takes its time.
  const asked = await (path === undefined ? soon(captions.create(film, wish)) : captions.create(film, wish));
  const outcome = await outcomeOf(captions, await follow(asked, seconds, () => captions.get(asked.record.id)));
  return { ...outcome, hasFailed: outcome.data['status'] === 'failed' };
}

/** How far captions are. @throws Problem 404 */
export async function captionStatus(
  id: string,
  seconds: number,
  { captions, soon, follow }: ToolRun,
): Promise<ToolOutcome> {
  const film = await soon(captions.get(id));
  if (film === undefined) throw notFound('captioned film of this id; caption gives it');
  return outcomeOf(captions, await follow(film, seconds, () => captions.get(id)));
}

async function outcomeOf(captions: Captions, film: CaptionedFilm): Promise<ToolOutcome> {
  const data = captionsObject(film);
  const path = data.status === 'completed' ? await captions.file(data.id, 'txt') : undefined;
  const words = path === undefined ? null : (await readFile(path, 'utf8')).slice(0, MOST_CHARACTERS);
  const sentence = `Captions ${data.id} of ${data.name}: ${data.status === 'completed' ? `${data.cues ?? 0} cues` : `${data.status}, ${data.progress} %`}. ${data.error?.message ?? ''}`.trim(); // prettier-ignore
  return {
    data: { ...data, text: words },
    videos: [],
    texts: [sentence, ...(words === null ? [] : [words])],
    links: words === null ? [] : [linkTo(data.id, data.name)],
  };
}

const linkTo = (id: string, name: string): ResourceLink => ({
  type: 'resource_link',
  uri: `tessera://captions/${id}/captions.vtt`,
  name: `${id}.vtt`,
  mimeType: 'text/vtt',
  description: `Captions of ${name}`,
});

/** The text of captions, or undefined for an address of something else. @throws Problem 404 */
export async function readCaptions(captions: Captions, uri: string): Promise<ReadResourceResult | undefined> {
  const [, id = '', form = ''] = /^tessera:\/\/captions\/([^/]+)\/([^/]+)$/.exec(uri) ?? [];
  if (!Object.hasOwn(forms, form)) return undefined;
  const { format, mimeType } = forms[form as keyof typeof forms];
  const path = await captions.file(id, format);
  if (path === undefined) throw notFound('captioned film of this id; captions_status tells how far they are');
  return { contents: [{ uri, mimeType, text: await readFile(path, 'utf8') }] };
}
