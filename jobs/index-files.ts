// Which films a request to index means, and which of those that are known are gone. A folder that is empty or gone may be a disk that
// is not there just now, which is not taken for films that were deleted.
import { stat } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import { InvalidRequestError } from '../graph/errors.ts';
import { findVideos } from './caption-files.ts';

export interface FilmFiles {
  readonly there: readonly string[];
  /** Known films in the folders of the request that are not there any more. */
  readonly gone: readonly string[];
}

/** What the paths below a folder begin with. */
export const belowFolder = (folder: string): string => (folder.endsWith(sep) ? folder : join(folder, sep));

/**
 * @param known paths in the index @param prune whether films of folders without any film are gone
 * @throws InvalidRequestError for folders that may only be away
 */
export async function findFilms(
  names: readonly string[],
  known: readonly string[],
  prune: boolean,
): Promise<FilmFiles> {
  const [there, gone] = [new Set<string>(), new Set<string>()];
  for (const name of names) {
    const status = await stat(name).catch(() => undefined);
    const below = status?.isFile() === true ? [] : known.filter((path) => path.startsWith(belowFolder(resolve(name))));
    const isKnownFile = status === undefined && known.includes(resolve(name));
    const found = await filesOf(name, { isAway: status === undefined, mayBeEmpty: below.length > 0 || (prune && isKnownFile) }); // prettier-ignore
    if (found.length === 0 && !prune) throw mayBeAway(name, status === undefined, below.length);
    for (const path of found) there.add(path);
    for (const path of isKnownFile && prune ? [resolve(name)] : below) if (!found.includes(path)) gone.add(path);
  }
  return { there: [...there], gone: [...gone].filter((path) => !there.has(path)) };
}

async function filesOf(
  name: string,
  { isAway, mayBeEmpty }: { readonly isAway: boolean; readonly mayBeEmpty: boolean },
): Promise<readonly string[]> {
  if (!mayBeEmpty) return findVideos([name]);
  if (isAway) return [];
  return findVideos([name]).catch((error: unknown) => {
    if (error instanceof InvalidRequestError) return []; // there are no videos in it
    throw error;
  });
}

function mayBeAway(name: string, isAway: boolean, films: number): InvalidRequestError {
  const known = films === 1 ? '1 film below it is indexed' : `${films} films below it are indexed`;
  return new InvalidRequestError(
    `${name} ${isAway ? 'is not there' : 'holds no video'}, but ${known}. If its disk is not mounted, mount it; to forget these films, add --prune.`,
  );
}
