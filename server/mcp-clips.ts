// Clips and their pictures as resources of the Model Context Protocol: tessera://videos/{id}/video.mp4. They are looked up by the
// id of a video, as over HTTP; nothing of an address becomes a path.
import type {
  ListResourcesResult,
  ReadResourceResult,
  Resource,
  ResourceLink,
  ResourceTemplate,
} from '@modelcontextprotocol/sdk/types.js';
import { readFile, stat } from 'node:fs/promises';
import type { Videos } from '../jobs/videos.ts';
import { notFound, Problem } from './problems.ts';
import { type VideoObject, videoObject } from './video-object.ts';

const forms = {
  'video.mp4': { variant: 'video', mimeType: 'video/mp4', title: 'The clip' },
  'thumbnail.png': { variant: 'thumbnail', mimeType: 'image/png', title: 'Its middle frame' },
  'spritesheet.png': { variant: 'spritesheet', mimeType: 'image/png', title: 'A sheet of its frames' },
} as const;

/** A resource travels as one message, a third longer than its file. */
const MOST_BYTES = 64 * 1024 * 1024;
const PAGE = 50;

function clipResource({ id, prompt, size, seconds }: VideoObject): Resource {
  const description = `${size}, ${seconds} s: ${prompt.slice(0, 200)}`;
  return { uri: `tessera://videos/${id}/video.mp4`, name: `${id}.mp4`, mimeType: 'video/mp4', description };
}

/** What a tool answers with for a clip that is there. */
export const clipLink = (video: VideoObject): ResourceLink => ({ type: 'resource_link', ...clipResource(video) });

export const clipTemplates: readonly ResourceTemplate[] = Object.entries(forms).map(([form, { mimeType, title }]) => ({
  uriTemplate: `tessera://videos/{id}/${form}`,
  name: form,
  title,
  mimeType,
}));

/** Clips that are there, latest first. @param cursor as the page before gave it @throws InvalidRequestError for another */
export async function listClips(videos: Videos, cursor: string | undefined): Promise<ListResourcesResult> {
  const page = await videos.list({ limit: PAGE, after: cursor, order: 'desc' });
  const completed = page.videos.map(videoObject).filter(({ status }) => status === 'completed');
  const last = page.videos.at(-1)?.record.id;
  return {
    resources: completed.map(clipResource),
    ...(page.hasMore && last !== undefined && { nextCursor: last }),
  };
}

/** The bytes of a clip or a picture of it. @throws Problem 404, 413 */
export async function readClip(videos: Videos, uri: string): Promise<ReadResourceResult> {
  const [, id = '', form = ''] = /^tessera:\/\/videos\/([^/]+)\/([^/]+)$/.exec(uri) ?? [];
  if (!Object.hasOwn(forms, form)) throw notFound('such resource; resources/templates/list gives their addresses');
  const { variant, mimeType } = forms[form as keyof typeof forms];
  const path = await videos.file(id, variant);
  if (path === undefined) throw notFound('clip of this video; video_status tells how far it is');
  const { size } = await stat(path);
  if (size > MOST_BYTES) {
    const message = `The clip has ${size} bytes, more than travel in a message. Fetch it over HTTP: GET /v1/videos/${id}/content.`;
    throw new Problem(413, message, { code: 'resource_too_large' });
  }
  return { contents: [{ uri, mimeType, blob: (await readFile(path)).toString('base64') }] };
}
