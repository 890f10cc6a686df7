// The index and the search in the real embedded database, on real films of plain colours, with nano's own CLIP.
import { copyFile, mkdir, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type IndexedFilm, indexFilms, type IndexOptions } from '../../jobs/index-films.ts';
import type { IndexRequest } from '../../jobs/index-request.ts';
import { Searcher } from '../../jobs/search.ts';
import { SearchStore } from '../../jobs/search-store.ts';
import { shotPicture } from '../../jobs/shot-pictures.ts';
import { loadPicture } from '../../io/pictures.ts';
import { EmbeddedStore } from '../../jobs/embedded-store.ts';
import { embeddedPool } from '../../jobs/postgres-pool.ts';
import { ffmpeg, writeColours } from '../understanding/clips.ts';
import { writeTinyListener } from '../understanding/tiny-hub-models.ts';
import { BOAT, DOG, filmTeller, TRAIN } from './film-teller.ts';
import { settingsIn, sharedScratch } from './scratch.ts';

const MINUTES = 60_000;
const folder = await sharedScratch();
const settings = { ...settingsIn(folder), modelFolders: [resolve('models')] };
const films = join(folder, 'films');
const film = (name: string): string => join(films, name);

/** Held open, so that one host serves all tests. */
let store: SearchStore;
beforeAll(async () => void (store = await SearchStore.open(settings)), 10 * MINUTES);
afterAll(() => store.close(), MINUTES);

const index = (request: Partial<IndexRequest>, options: IndexOptions = {}) =>
  indexFilms({ videos: [films], ...request }, { settings, ...options });
const statesOf = (list: readonly IndexedFilm[]): Record<string, string> =>
  Object.fromEntries(list.map((one) => [one.film.slice(films.length + 1), one.state]));

async function search(question: string, more: object = {}) {
  const searcher = await Searcher.open(settings);
  try {
    return await searcher.search({ question, ...more });
  } finally {
    await searcher.close();
  }
}

describe('an index', { timeout: 10 * MINUTES }, () => {
  it('is told to be empty', async () => {
    await expect(search('dog')).rejects.toThrow('Nothing is indexed yet. Index films first: tessera index <folder>.');
  });

  it('holds a caption and a place for each shot, and says when it is', async () => {
    await mkdir(films);
    await writeColours(film('day.mp4'), [BOAT, DOG]);
    await writeColours(film('rails.mp4'), [TRAIN]);
    await writeFile(film('broken.mp4'), 'nothing');
    const { captioner } = await filmTeller();
    const result = await index({ captioner });
    expect(statesOf(result.films)).toEqual({ 'broken.mp4': 'failed', 'day.mp4': 'indexed', 'rails.mp4': 'indexed' });
    expect(result).toMatchObject({ clip: 'nano', failed: 1, total: { films: 2, shots: 3 } });

    const { hits, notices } = await search('dogs running through snow');
    expect(hits[0]).toMatchObject({ film: film('day.mp4'), caption: 'A dog runs in the snow.' });
    expect(hits[0]!.by).toContain('words');
    expect(hits[0]!.start).toBeCloseTo(1, 1);
    expect(hits[0]!.end).toBeCloseTo(2, 1);
    expect(notices.join()).toMatch(/nano was never taught/);
    const { data } = await loadPicture((await shotPicture(hits[0]!, settings))!);
    expect([data[0]! > 200, data[1]! < 60]).toEqual([true, true]);
    expect((await search('a train', { folder: join(folder, 'elsewhere') })).hits).toEqual([]);
    await rm(film('broken.mp4'));
  });

  it('is searched by words alone where its model is gone', async () => {
    const searcher = await Searcher.open({ ...settings, modelFolders: [] });
    const { hits, notices } = await searcher.search({ question: 'dogs' });
    await searcher.close();
    expect(hits[0]).toMatchObject({ film: film('day.mp4'), by: ['words'] });
    expect(notices.join()).toMatch(/^The films that were indexed with nano are found by words only: .*nano/);
  });

  it('is searched by meaning too, where the words say nothing', async () => {
    await copyFile('docs/penguin.webp', film('penguin.webp'));
    const { captioner } = await filmTeller();
    await index({ captioner });
    const { hits } = await search('a penguin on a snowy field');
    expect(hits.filter(({ by }) => by.includes('meaning'))[0]!.film).toBe(film('penguin.webp'));
    await rm(film('penguin.webp'));
  });

  it('knows films that did not change, that were touched, moved and copied, and forgets those that are gone', async () => {
    const { seen } = await filmTeller();
    await index({});
    expect(statesOf((await index({})).films)).toEqual({ 'day.mp4': 'unchanged', 'rails.mp4': 'unchanged' });
    await utimes(film('day.mp4'), 1, 1);
    await mkdir(film('trains'));
    await rename(film('rails.mp4'), film('trains/moved.mp4'));
    await copyFile(film('day.mp4'), film('copy.mp4'));
    const moved = await index({});
    expect(statesOf(moved.films)).toEqual({
      'copy.mp4': 'copied',
      'day.mp4': 'unchanged',
      'trains/moved.mp4': 'moved',
    });
    expect(moved.total).toEqual({ films: 3, shots: 3 });
    const { hits } = await search('harbour', { limit: 1 });
    expect(hits).toMatchObject([{ film: film('copy.mp4'), copies: [film('day.mp4')] }]);
    await rm(film('copy.mp4'));
    await rm(film('trains/moved.mp4'));
    const gone = await index({});
    expect(statesOf(gone.films)).toEqual({
      'copy.mp4': 'removed',
      'day.mp4': 'unchanged',
      'trains/moved.mp4': 'removed',
    });
    expect(gone.total).toEqual({ films: 1, shots: 2 });
    expect(seen(), 'nothing was looked at again').toBe(0);
  });

  it('does not take a folder that is away for films that were deleted', async () => {
    await rename(film('day.mp4'), join(folder, 'day.mp4'));
    await expect(index({})).rejects.toThrow('holds no video, but 1 film below it is indexed');
    await rename(films, join(folder, 'away'));
    await expect(index({})).rejects.toThrow('is not there, but 1 film below it is indexed');
    const pruned = await index({ prune: true });
    expect(statesOf(pruned.films)).toEqual({ 'day.mp4': 'removed' });
    expect(pruned.total).toEqual({ films: 0, shots: 0 });
    await rename(join(folder, 'away'), films);
  });

  it('goes on after the last shot that was seen', async () => {
    await writeColours(film('long.mp4'), [DOG, BOAT, TRAIN, DOG]);
    const teller = await filmTeller();
    const stopper = new AbortController();
    teller.onPicture = (number) => void (number === 2 && stopper.abort(new Error('enough')));
    const { captioner } = teller;
    const request = { captioner, concurrency: 1 };
    await expect(index(request, { signal: stopper.signal })).rejects.toMatchObject({ code: 'CANCELLED' });
    expect((await store.films()).size).toBe(0);
    const before = teller.seen();
    const { films: done } = await index(request);
    expect(done).toMatchObject([{ state: 'indexed', shots: 4 }]);
    expect(teller.seen() - before).toBeLessThan(4);
  });
});

describe('what is said', { timeout: 10 * MINUTES }, () => {
  const heard = join(folder, 'heard');
  const listening = { ...settings, modelFolders: [...settings.modelFolders, folder] };
  const listen = (request: Partial<IndexRequest>) =>
    indexFilms({ videos: [heard], ...request }, { settings: listening });

  it('is found in its shot, goes on being listened for, and takes no second look', async () => {
    await mkdir(heard);
    await writeTinyListener(join(folder, 'listener'));
    await writeColours(join(folder, 'mute.mp4'), [BOAT, DOG]);
    const sound = [
      '-f',
      'lavfi',
      '-i',
      'aevalsrc=if(gt(t\\,1)\\,sin(1800*t*t)\\,0):d=2',
      '-c:v',
      'copy',
      '-c:a',
      'aac',
    ];
    await ffmpeg('-i', join(folder, 'mute.mp4'), ...sound, join(heard, 'loud.mp4'));
    await copyFile(join(folder, 'mute.mp4'), join(heard, 'mute.mp4'));
    const { captioner, seen } = await filmTeller();
    await listen({ captioner });
    const looked = seen();
    expect((await search('dog', { folder: heard })).hits.map(({ said }) => said).join('')).toBe('');

    const { films: done } = await listen({ speech: 'hf:listener' });
    expect(done.map(({ state }) => state)).toEqual(['indexed', 'indexed']);
    expect(seen()).toBe(looked);
    const { hits } = await search('dog', { folder: heard });
    const loud = hits.find(({ film }) => film.endsWith('loud.mp4'))!;
    expect(loud.said).toMatch(/^[A-J ]+$/);
    expect(hits.find(({ film }) => film.endsWith('mute.mp4'))!.said).toBe('');
    const [word = ''] = loud.said.split(' ').sort((a, b) => b.length - a.length);
    const found = await search(`${word.toLowerCase()} dog`, { folder: heard });
    expect(found.hits[0]).toMatchObject({ id: loud.id, said: loud.said });
    expect(found.hits[0]!.by).toContain('words');

    const again = await listen({});
    expect(again.films.map(({ state }) => state)).toEqual(['unchanged', 'unchanged']);
    await listen({ speech: 'none' });
    expect((await search('dog', { folder: heard })).hits.map(({ said }) => said).join('')).toBe('');
  });

  it('is refused where there is no picture, or no such model', async () => {
    await ffmpeg('-f', 'lavfi', '-i', 'sine=d=1', join(folder, 'talk.mp3'));
    const talk = indexFilms({ videos: [join(folder, 'talk.mp3')], speech: 'hf:listener' }, { settings: listening });
    await expect(talk).rejects.toThrow(/only sound in it\. The index finds shots/);
    await expect(listen({ speech: 'whisper' })).rejects.toThrow(/must be hf:<model>/);
    await expect(listen({ speech: 'hf:./nowhere' })).rejects.toThrow(/nowhere/);
  });
});

describe('a search store', { timeout: 10 * MINUTES }, () => {
  it('takes up one that was made before words were listened for', async () => {
    const host = await EmbeddedStore.open(join(settings.dataFolder, 'queue'));
    const pool = embeddedPool(host);
    await pool.transaction(async (client) => {
      await client.query('ALTER TABLE tessera.shot DROP COLUMN said CASCADE');
      await client.query('ALTER TABLE tessera.shot DROP COLUMN IF EXISTS said_words CASCADE');
      await client.query('CREATE INDEX shot_words ON tessera.shot USING gin (words)');
    });
    await pool.end();
    await host.close();
    const { hits } = await search('dog');
    expect(hits[0]).toMatchObject({ caption: 'A dog runs in the snow.', said: '' });
  });

  it('gives the nearest places of a space, and only below a folder', async () => {
    const place = (angle: number): number[] => [Math.cos(angle), Math.sin(angle)];
    const choices = { captioner: 'detector', clip: 'compass', space: 'compass' };
    for (const [i, angle] of [0, 1, 2].entries()) {
      const shots = [{ startSeconds: 0, endSeconds: 1, caption: `angle ${angle}`, place: place(angle) }];
      const row = { path: `/${i === 0 ? 'west' : 'east'}/${i}.mp4`, sizeBytes: 1, modifiedMs: 1, key: `k${i}` };
      await store.addFilm(row, { sha256: row.key, choices, shots });
    }
    const space = (await store.spaces()).find(({ name }) => name === 'compass')!;
    expect(space).toMatchObject({ clip: 'compass', width: 2 });
    const captions = async (folders?: readonly string[]): Promise<readonly string[]> => {
      const ids = await store.nearest(space, Float32Array.from(place(0.9)), { count: 2, folders });
      return (await store.shots(ids)).map(({ caption }) => caption);
    };
    expect(await captions()).toEqual(['angle 1', 'angle 0']);
    expect(await captions(['/east/'])).toEqual(['angle 1', 'angle 2']);
    await store.removeFilms(['/west/0.mp4', '/east/1.mp4', '/east/2.mp4']);
    expect((await store.spaces()).map(({ name }) => name)).not.toContain('compass');
  });
});
