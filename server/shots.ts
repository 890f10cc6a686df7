// Shots of indexed films as callers see them, be they agents or programs. Who is not this machine's user finds only films that the
// server made or was sent, and is told names, not paths.
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { type Captions, shelvesOf } from '../jobs/captions.ts';
import { searchSchema } from '../jobs/index-request.ts';
import { belowFolder } from '../jobs/index-files.ts';
import type { Searcher, SearchHit } from '../jobs/search.ts';
import type { Settings } from '../jobs/settings.ts';
import { shotPicture } from '../jobs/shot-pictures.ts';
import { notFound } from './problems.ts';

/** What a caller may ask. Folders are this machine's business. */
export const searchInput = searchSchema.pick({ question: true, limit: true });

export const shotSchema = z.object({
  id: z.string(),
  video: z.string().nullable().describe('the id of the video that it is of, if that was made here'),
  captions: z.string().nullable().describe('the id of the captions of the film that it is of, if that was sent here'),
  film: z.string().describe('the name of the film; its path where the caller is a program of this machine'),
  start: z.number().describe('seconds'),
  end: z.number(),
  caption: z.string(),
  said: z.string().describe('what is said in it; empty where nobody listened'),
  score: z.number().describe('the higher the better, among those of one answer'),
  by: z.array(z.enum(['words', 'meaning'])).describe('what it was found by'),
});

export type Shot = z.output<typeof shotSchema>;

/** Whose question it is. */
export interface ShotSeeker {
  readonly settings: Settings;
  /** The caller is this machine's user, who may search all that is indexed. */
  readonly tellsPaths: boolean;
  readonly searcher: () => Promise<Searcher>;
}

/** @throws InvalidRequestError when nothing is indexed, ModelFileError, JobFailedError */
export async function findShots(
  wish: z.output<typeof searchInput>,
  { settings, tellsPaths, searcher, captions }: ShotSeeker & { readonly captions: Captions },
): Promise<{ readonly shots: readonly Shot[]; readonly notices: readonly string[] }> {
  const { hits, notices } = await (await searcher()).search(wish, tellsPaths ? undefined : shelvesOf(settings));
  const shots = hits.map((hit) => shotOf(hit, settings, tellsPaths));
  const names = new Map<string, string>();
  for (const { captions: id, film } of shots) {
    // Films that were sent lie there by a name of the server's; their senders know another.
    if (id !== null && !tellsPaths && !names.has(id)) names.set(id, (await captions.get(id))?.record.name ?? film);
  }
  return { shots: shots.map((shot) => ({ ...shot, film: names.get(shot.captions ?? '') ?? shot.film })), notices };
}

function shotOf(
  { id, film, start, end, caption, said, score, by }: SearchHit,
  settings: Settings,
  tellsPaths: boolean,
): Shot {
  const isVideo = dirname(film) === join(settings.dataFolder, 'videos');
  const video = isVideo ? basename(film, '.mp4') : null;
  const isSent = dirname(dirname(film)) === join(settings.dataFolder, 'captions');
  const captions = isSent ? basename(dirname(film)) : null;
  return {
    id,
    video,
    captions,
    film: tellsPaths ? film : basename(film),
    start,
    end,
    caption,
    said,
    score,
    by: [...by],
  };
}

/** The path of the picture of a shot. @throws Problem 404 also for shots that the caller may not see */
export async function findShotPicture(id: string, { settings, tellsPaths, searcher }: ShotSeeker): Promise<string> {
  const shot = await (await searcher()).shot(id);
  const isShown = shot !== undefined && (tellsPaths || shelvesOf(settings).some((folder) => shot.film.startsWith(belowFolder(folder)))); // prettier-ignore
  const picture = isShown ? await shotPicture(shot, settings) : undefined;
  if (picture === undefined) throw notFound('picture of this shot; search gives those that are there');
  return picture;
}
