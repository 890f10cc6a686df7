// The ways to direct a clip, on real renders by nano, with the scores of `tessera eval --direct`: what is given stays, what is
// asked for is there. Few clips each, so bounds are what such clips have always reached, not the scores in the docs.
import { afterAll, describe, expect, it } from 'vitest';
import { generate } from '../../jobs/generate.ts';
import { Studio } from '../../jobs/studio.ts';
import { type DirectionName, evaluateDirections } from '../../training/evaluate-directions.ts';
import { settingsIn, sharedScratch } from './scratch.ts';

const folder = await sharedScratch();
const settings = { ...settingsIn(folder), modelFolders: ['models'] };
const studio = new Studio(settings, 'local');
afterAll(() => studio.close());

async function measure(name: DirectionName, clips = 2): Promise<Record<string, number>> {
  const scores = await evaluateDirections(
    'models/nano',
    async (request, output) => void (await generate({ ...request, model: 'nano', output }, { studio })),
    { clips, names: [name] },
  );
  return Object.fromEntries(scores[name]!.measures.map(({ name: measure, mean }) => [measure, mean]));
}

describe('nano, directed by', { timeout: 240_000 }, () => {
  it.each([
    ['a first picture', 90],
    ['a last picture', 100],
  ] as const)('%s, keeps it', async (name, noun) => {
    const scores = await measure(name, 10);
    expect(scores['given frames, dB']).toBeGreaterThan(scores["the autoencoder's own, dB"]! - 4);
    expect(scores['noun']).toBeGreaterThanOrEqual(noun);
    expect(scores['place']).toBe(100);
  });

  it('a picture to be like, shows its thing in its place, as far as the prompt says no other', async () => {
    const scores = await measure('a picture to be like');
    expect(scores).toMatchObject({ place: 100, 'place beside it': 100, 'noun of the prompt': 100 });
    expect(scores['noun']).toBeGreaterThan(0);
  });

  it.each(['extended at its end', 'led up to'] as const)('a video that is %s, keeps it', async (name) => {
    const scores = await measure(name);
    expect(scores['given frames, dB']).toBeGreaterThan(scores["the autoencoder's own, dB"]!);
    expect(scores['seam / largest own change']).toBeLessThan(1.1);
    expect(scores['place']).toBe(100);
  });

  it('two videos, goes from one to the other without a jump', async () => {
    const scores = await measure('two videos joined');
    expect(scores['seam / largest own change']).toBeLessThan(1.1);
    expect(scores['place']).toBe(100);
  });

  it('a loop, ends where it begins', async () => {
    const scores = await measure('a loop', 4);
    expect(scores).toMatchObject({ 'seam within own change': 100, place: 100 });
    expect(scores['motion']).toBeGreaterThanOrEqual(75);
  });

  it('a video that becomes something else, keeps its place', async () => {
    expect(await measure('another actor (restyle)')).toMatchObject({ place: 100 });
  });

  it('a box, changes nothing beside it', async () => {
    expect(await measure('another actor in a box')).toMatchObject({ 'rest kept': 100, place: 100 });
  });

  it('a path, goes along it', async () => {
    const scores = await measure('an actor on a path');
    expect(scores['distance, frame widths']).toBeLessThan(0.08);
    expect(scores['place']).toBe(100);
  });

  it('a picture, a path and a short wish at once, does all three', async () => {
    const scores = await measure('a picture, a path and a short wish');
    expect(scores['given frames, dB']).toBeGreaterThan(scores["the autoencoder's own, dB"]! - 4);
    expect(scores['distance, frame widths']).toBeLessThan(0.08);
    expect(scores['place']).toBe(100);
  });

  it('twenty seconds, is still the same at their end', async () => {
    const scores = await measure('20 seconds', 2);
    expect(scores).toMatchObject({ 'noun in the last second': 100, 'place in the last second': 100 });
  });

  it('times, changes with them', async () => {
    const scores = await measure('a prompt with times');
    expect(scores).toMatchObject({ 'motion before': 100, 'noun after': 100 });
    expect(scores['noun before']).toBeGreaterThan(0);
  });
});
