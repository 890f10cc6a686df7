// `npm run bench:search`: how long it takes to find ten shots among many, in the embedded database, by words, by places and by both;
// and how long it took to put them there. Captions are of the world's kind, places are random directions about as many centres as
// there are things to see.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fillNormal } from '../dit/noise.ts';
import { createRandom } from '../dit/random.ts';
import { fuseRanks } from '../jobs/fuse-ranks.ts';
import { SearchStore, type ShotToIndex } from '../jobs/search-store.ts';

const { values } = parseArgs({
  options: {
    shots: { type: 'string', default: '100000' },
    width: { type: 'string', default: '128' },
    questions: { type: 'string', default: '40' },
  },
});
const [shots, width, questions] = [Number(values.shots), Number(values.width), Number(values.questions)];
const SHOTS_OF_FILM = 100;
const CANDIDATES = 100;

const things = 'dog cat horse car bus train ball bird boat plane bear cow sheep person kite chair bench clock cup bottle'.split(' '); // prettier-ignore
const ways = 'walks runs jumps stands turns drives flies falls rises waits'.split(' ');
const places = 'snow city field beach forest room street kitchen harbour desert'.split(' ');
const pick = <T>(list: readonly T[], i: number): T => list[((i * 2654435761) >>> 8) % list.length]!;
const captionOf = (i: number): string =>
  `A ${pick(things, i)} ${pick(ways, i + 7)} to the ${i % 2 === 0 ? 'left' : 'right'} in the ${pick(places, i + 99)}; a ${pick(things, i + 5)} stands behind it.`;

const random = createRandom(1);
const normals = (): Float32Array => fillNormal(random, new Float32Array(width));
const centres = Array.from({ length: 200 }, normals);
function placeNear(i: number): Float32Array {
  const place = normals().map((value, at) => 0.7 * value + pick(centres, i)[at]!);
  const length = Math.hypot(...place);
  return place.map((value) => value / length);
}

const folder = await mkdtemp(join(tmpdir(), 'tessera-bench-search-'));
const settings = { modelFolders: [], cacheFolder: join(folder, 'cache'), dataFolder: join(folder, 'data') };
const choices = { captioner: 'detector', clip: 'nano', space: 'bench' };
const store = await SearchStore.open(settings);
const began = performance.now();
for (let film = 0; film * SHOTS_OF_FILM < shots; film++) {
  const rows = Array.from({ length: SHOTS_OF_FILM }, (_, i): ShotToIndex => {
    const number = film * SHOTS_OF_FILM + i;
    return { startSeconds: i, endSeconds: i + 1, caption: captionOf(number), place: [...placeNear(number)] };
  });
  const name = `film-${film}`;
  await store.addFilm({ path: `/films/${name}.mp4`, sizeBytes: 1, modifiedMs: 1, key: name }, { sha256: name, choices, shots: rows }); // prettier-ignore
  if (process.stderr.isTTY) process.stderr.write(`\r${(film + 1) * SHOTS_OF_FILM} shots`);
}
console.log(`${shots} shots of ${width} values indexed in ${((performance.now() - began) / 1000).toFixed(0)} s`);

const [space] = await store.spaces();
const within = { count: CANDIDATES };
const times: Record<'words' | 'places' | 'both', number[]> = { words: [], places: [], both: [] };
for (let i = 0; i < questions; i++) {
  const question = `a ${pick(things, i)} in the ${pick(places, i)}`;
  const place = placeNear(i);
  const start = performance.now();
  const byWords = await store.byWords(question, within);
  const middle = performance.now();
  const byPlace = await store.nearest(space!, place, within);
  const end = performance.now();
  await store.shots(fuseRanks([byWords, byPlace]).slice(0, 10).map(({ id }) => id)); // prettier-ignore
  times.words.push(middle - start);
  times.places.push(end - middle);
  times.both.push(performance.now() - start);
}
const at = (list: readonly number[], part: number): string => list.toSorted((a, b) => a - b)[Math.floor(part * (list.length - 1))]!.toFixed(0).padStart(8); // prettier-ignore
console.log('ms            median   95 %   worst');
for (const [name, list] of Object.entries(times))
  console.log(`${name.padEnd(8)} ${at(list, 0.5)} ${at(list, 0.95)} ${at(list, 1)}`);
await store.close();
await rm(folder, { recursive: true, force: true });
