// Finds shots of indexed films by a question: by the words of their captions and of what is said, and by how near they lie to it in the joint space, both
// rankings made one. What was opened for one question stays open for the next.
import { resolve } from 'node:path';
import { InvalidRequestError, ModelFileError } from '../graph/errors.ts';
import type { JointSpace } from '../understanding/joint-space.ts';
import { fuseRanks } from './fuse-ranks.ts';
import { belowFolder } from './index-files.ts';
import { parseSearchRequest, type SearchRequest } from './index-request.ts';
import { findSpace, openSpace } from './open-space.ts';
import { type FoundShot, SearchStore, type Space } from './search-store.ts';
import type { Settings } from './settings.ts';

export interface SearchHit {
  /** Names the shot: its content and where it begins. */
  readonly id: string;
  readonly film: string;
  /** Other places where the same film lies. */
  readonly copies: readonly string[];
  readonly start: number;
  readonly end: number;
  readonly caption: string;
  /** What is said in the shot; empty where nobody listened. */
  readonly said: string;
  /** The higher the better; of use only beside the other scores of the same answer. */
  readonly score: number;
  /** What it was found by. */
  readonly by: readonly ('words' | 'meaning')[];
}

export interface SearchAnswer {
  readonly hits: readonly SearchHit[];
  /** What one should know of the answer. */
  readonly notices: readonly string[];
}

/** So many of each ranking are put together. */
const CANDIDATES = 100;

export class Searcher {
  readonly #settings: Settings;
  readonly #store: SearchStore;
  /** Spaces by name; undefined for those that are not to be had any more. */
  readonly #spaces = new Map<string, Promise<JointSpace | undefined>>();

  private constructor(settings: Settings, store: SearchStore) {
    this.#settings = settings;
    this.#store = store;
  }

  /** @throws JobFailedError (INDEX_UNREACHABLE, NO_PGVECTOR) */
  static async open(settings: Settings): Promise<Searcher> {
    return new Searcher(settings, await SearchStore.open(settings));
  }

  /** @param folders only films below one of these @throws InvalidRequestError, ModelFileError, JobFailedError */
  async search(request: SearchRequest, folders?: readonly string[]): Promise<SearchAnswer> {
    const { question, limit = 10, folder } = parseSearchRequest(request);
    const asked = folder === undefined ? folders : [resolve(folder)];
    const within = { count: CANDIDATES, folders: asked?.map(belowFolder) };
    const spaces = await this.#store.spaces();
    if (spaces.length === 0)
      throw new InvalidRequestError('Nothing is indexed yet. Index films first: tessera index <folder>.');
    const notices: string[] = [];
    const byWords = await this.#store.byWords(question, within);
    const byMeaning: (readonly number[])[] = [];
    for (const space of spaces) {
      const place = await this.#placeOf(question, space, notices);
      if (place !== undefined) byMeaning.push(await this.#store.nearest(space, place, within));
    }
    const best = fuseRanks([byWords, ...byMeaning]).slice(0, limit);
    const shots = new Map((await this.#store.shots(best.map(({ id }) => id))).map((shot) => [shot.id, shot]));
    const hits = best.flatMap(({ id, score }) => {
      const shot = shots.get(id); // its film may have gone meanwhile
      const by = [...(byWords.includes(id) ? (['words'] as const) : []), ...(byMeaning.some((ids) => ids.includes(id)) ? (['meaning'] as const) : [])]; // prettier-ignore
      return shot === undefined ? [] : [hitOf(shot, { score, by })];
    });
    return { hits, notices };
  }

  /** A shot that was found before. */
  async shot(id: string): Promise<SearchHit | undefined> {
    const [, key, startMs] = /^([0-9a-f]{16})-(\d{1,9})$/.exec(id) ?? [];
    if (key === undefined) return undefined;
    const shot = await this.#store.shotAt(key, Number(startMs));
    return shot && hitOf(shot, { score: 0, by: [] });
  }

  async close(): Promise<void> {
    for (const space of await Promise.allSettled(this.#spaces.values())) {
      if (space.status === 'fulfilled') await space.value?.close();
    }
    await this.#store.close();
  }

  /** Where a question lies, or undefined where that means nothing. */
  async #placeOf(question: string, space: Space, notices: string[]): Promise<Float32Array | undefined> {
    const byWordsOnly = (why: string): undefined =>
      void notices.push(`The films that were indexed with ${space.clip} are found by words only: ${why}`);
    let opened: JointSpace | undefined;
    try {
      opened = await this.#open(space);
    } catch (error) {
      if (!(error instanceof InvalidRequestError || error instanceof ModelFileError)) throw error;
      return byWordsOnly(error.message); // the model is gone; words need none
    }
    if (opened === undefined) return byWordsOnly('it was changed since. Index them again.');
    const unknown = opened.unknownWords(question);
    if (unknown.length === 0) return opened.ofText(question);
    notices.push(`${space.clip} was never taught ${unknown.map((word) => `"${word}"`).join(', ')}, so that films are found by words only.`); // prettier-ignore
    return undefined;
  }

  #open({ name, clip }: Space): Promise<JointSpace | undefined> {
    const known = this.#spaces.get(name);
    if (known !== undefined) return known;
    const opening = findSpace(clip, this.#settings).then((found) =>
      found.name === name ? openSpace(found, this.#settings) : undefined,
    );
    this.#spaces.set(name, opening);
    opening.catch(() => this.#spaces.delete(name)); // it may be there the next time
    return opening;
  }
}

function hitOf(
  { key, paths, startSeconds, endSeconds, caption, said }: FoundShot,
  found: Pick<SearchHit, 'score' | 'by'>,
): SearchHit {
  const [film = '', ...copies] = paths;
  const id = `${key}-${Math.round(startSeconds * 1000)}`;
  return { id, film, copies, start: startSeconds, end: endSeconds, caption, said, ...found };
}
