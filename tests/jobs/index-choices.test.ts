// How films are looked at for the index when nobody says how: as the latest one, else by what suits them best.
import { cp, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { chooseLook } from '../../jobs/index-choices.ts';
import { sidecarPath } from '../../io/sidecar.ts';
import { parseIndexRequest } from '../../jobs/index-request.ts';
import { scratch, settingsIn } from './scratch.ts';

/** A clip with the record of the model that rendered it, or without one. */
async function clip(folder: string, name: string, model?: string): Promise<string> {
  const path = join(folder, name);
  await cp('docs/penguin.webp', path);
  if (model !== undefined)
    await writeFile(sidecarPath(path), JSON.stringify({ request: { model }, output: { file: name } }));
  return path;
}

describe('films that nobody says how to look at', () => {
  it("are looked at by their model's own captioner where one model rendered them all, else by the detector", async () => {
    const folder = await scratch();
    const settings = { ...settingsIn(folder), modelFolders: [resolve('models')] };
    const [ours, foreign] = [await clip(folder, 'ours.webp', 'nano'), await clip(folder, 'foreign.webp')];
    const request = parseIndexRequest({ videos: [folder] });
    const choose = async (paths: readonly string[], latest?: string) => {
      const before = latest === undefined ? undefined : { captioner: latest, clip: 'nano', space: 'nano' };
      return (await chooseLook(request, paths, before, settings)).choices.captioner;
    };
    expect(await choose([ours])).toBe('nano');
    expect(await choose([ours, foreign])).toBe('detector');
    expect(await choose([ours], 'detector')).toBe('detector');
  });
});
