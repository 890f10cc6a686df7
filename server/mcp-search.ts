// Shots of indexed films for agents: the tool that finds them, and their pictures as resources, tessera://shots/{id}/thumbnail.png.
// An agent of this machine's user searches all that is indexed; over HTTP only what the server made and was sent.
import type { ReadResourceResult, ResourceLink, ResourceTemplate } from '@modelcontextprotocol/sdk/types.js';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { z } from 'zod';
import { parseFields } from './create-captions.ts';
import type { ToolOutcome, ToolRun } from './mcp-tools.ts';
import { findShotPicture, findShots, searchInput, type Shot, shotSchema, type ShotSeeker } from './shots.ts';

export const searchOutput = z.object({ shots: z.array(shotSchema), notices: z.array(z.string()) });

export const shotTemplate: ResourceTemplate = {
  uriTemplate: 'tessera://shots/{id}/thumbnail.png',
  name: 'shot',
  title: 'The middle of a shot that was found',
  mimeType: 'image/png',
};

/** @throws Problem */
export async function searchTool(args: Readonly<Record<string, unknown>>, run: ToolRun): Promise<ToolOutcome> {
  const { videos, captions, searcher, soon, tellsPaths } = run;
  const { settings } = videos.queue;
  const wish = parseFields(searchInput, args);
  const { shots, notices } = await soon(findShots(wish, { settings, tellsPaths, searcher, captions }));
  const lines = shots.map(
    ({ film, start, end, caption, said }) =>
      `${film} ${start.toFixed(1)}–${end.toFixed(1)} s: ${caption}${said === '' ? '' : ` Said: “${said}”`}`,
  );
  const texts = [...notices, lines.length === 0 ? 'No shot was found.' : lines.join('\n')];
  return { data: { shots, notices }, videos: [], texts, links: shots.flatMap(linksOf) };
}

function linksOf({ id, video, film, caption, start }: Shot): readonly ResourceLink[] {
  const name = `${basename(film)}, ${start.toFixed(1)} s`;
  const picture = { type: 'resource_link' as const, uri: `tessera://shots/${id}/thumbnail.png`, name, mimeType: 'image/png', description: caption }; // prettier-ignore
  if (video === null) return [picture];
  return [
    picture,
    { type: 'resource_link', uri: `tessera://videos/${video}/video.mp4`, name: `${video}.mp4`, mimeType: 'video/mp4' },
  ];
}

/** The picture of a shot, or undefined for an address of something else. @throws Problem 404 */
export async function readShot(uri: string, seeker: ShotSeeker): Promise<ReadResourceResult | undefined> {
  const [, id] = /^tessera:\/\/shots\/([^/]+)\/thumbnail\.png$/.exec(uri) ?? [];
  if (id === undefined) return undefined;
  const picture = await readFile(await findShotPicture(id, seeker));
  return { contents: [{ uri, mimeType: 'image/png', blob: picture.toString('base64') }] };
}
