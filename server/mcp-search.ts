// Shots of indexed films for agents: the tool that finds them, and their pictures as resources, tessera://shots/{id}/thumbnail.png.
// An agent of this machine's user searches all that is indexed; over HTTP only what the server made and was sent.
import type { ReadResourceResult, ResourceLink, ResourceTemplate } from '@modelcontextprotocol/sdk/types.js';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { searchSchema } from '../jobs/index-request.ts';
import { belowFolder } from '../jobs/index-files.ts';
import type { Searcher, SearchHit } from '../jobs/search.ts';
import { type Settings } from '../jobs/settings.ts';
import { shotPicture } from '../jobs/shot-pictures.ts';
import { parseFields } from './create-captions.ts';
import type { ToolOutcome, ToolRun } from './mcp-tools.ts';
import { notFound } from './problems.ts';

export const searchInput = searchSchema.pick({ question: true, limit: true });

const shotSchema = z.object({
  id: z.string(),
  video: z.string().nullable().describe('the id of the video that it is of, if that was made here'),
  film: z.string().describe('the name of the film; its path where the agent is a program of this machine'),
  start: z.number().describe('seconds'),
  end: z.number(),
  caption: z.string(),
  score: z.number().describe('the higher the better, among those of one answer'),
  by: z.array(z.enum(['words', 'meaning'])).describe('what it was found by'),
});

export const searchOutput = z.object({ shots: z.array(shotSchema), notices: z.array(z.string()) });

export const shotTemplate: ResourceTemplate = {
  uriTemplate: 'tessera://shots/{id}/thumbnail.png',
  name: 'shot',
  title: 'The middle of a shot that was found',
  mimeType: 'image/png',
};

/** Where films of the server lie. */
const shelves = ({ dataFolder }: Settings): readonly string[] =>
  ['videos', 'captions'].map((name) => join(dataFolder, name));

/** @throws Problem */
export async function searchTool(args: Readonly<Record<string, unknown>>, run: ToolRun): Promise<ToolOutcome> {
  const { videos, searcher, soon, tellsPaths } = run;
  const { settings } = videos.queue;
  const wish = parseFields(searchInput, args);
  const { hits, notices } = await soon(searcher().then((found) => found.search(wish, tellsPaths ? undefined : shelves(settings)))); // prettier-ignore
  const shots = hits.map((hit) => shotOf(hit, settings, tellsPaths));
  const lines = shots.map(
    ({ film, start, end, caption }) => `${film} ${start.toFixed(1)}–${end.toFixed(1)} s: ${caption}`,
  );
  const texts = [...notices, lines.length === 0 ? 'No shot was found.' : lines.join('\n')];
  return { data: { shots, notices }, videos: [], texts, links: shots.flatMap(linksOf) };
}

type Shot = z.output<typeof shotSchema>;

function shotOf(
  { id, film, start, end, caption, score, by }: SearchHit,
  settings: Settings,
  tellsPaths: boolean,
): Shot {
  const isVideo = dirname(film) === join(settings.dataFolder, 'videos');
  const video = isVideo ? basename(film, '.mp4') : null;
  return { id, video, film: tellsPaths ? film : basename(film), start, end, caption, score, by: [...by] };
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

interface ShotReader {
  readonly settings: Settings;
  readonly tellsPaths: boolean;
  readonly searcher: () => Promise<Searcher>;
}

/** The picture of a shot, or undefined for an address of something else. @throws Problem 404 */
export async function readShot(
  uri: string,
  { settings, tellsPaths, searcher }: ShotReader,
): Promise<ReadResourceResult | undefined> {
  const [, id] = /^tessera:\/\/shots\/([^/]+)\/thumbnail\.png$/.exec(uri) ?? [];
  if (id === undefined) return undefined;
  const shot = await (await searcher()).shot(id);
  const isShown = shot !== undefined && (tellsPaths || shelves(settings).some((folder) => shot.film.startsWith(belowFolder(folder)))); // prettier-ignore
  const picture = isShown ? await shotPicture(shot, settings) : undefined;
  if (picture === undefined) throw notFound('picture of this shot; search gives those that are there');
  return { contents: [{ uri, mimeType: 'image/png', blob: (await readFile(picture)).toString('base64') }] };
}
