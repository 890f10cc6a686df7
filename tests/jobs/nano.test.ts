// The model that comes along: whole, small, described, and able to render.
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { generate } from '../../jobs/generate.ts';
import { loadModel } from '../../jobs/model.ts';
import { settingsIn, scratch } from './scratch.ts';

const folder = 'models/nano';

test('weighs at most 64 MB and says what it is', async () => {
  const files = await readdir(folder, { recursive: true });
  const sizes = await Promise.all(files.map(async (file) => (await stat(join(folder, file))).size));
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(64e6);
  const card = await readFile(join(folder, 'README.md'), 'utf8');
  expect(card).toMatch(/^---\nlicense: apache-2.0\n/);
  expect(card).toContain('tessera eval');
});

test('renders small and odd sizes, the same bytes each time', { timeout: 120_000 }, async () => {
  const home = await scratch();
  const settings = { ...settingsIn(home), modelFolders: ['models'] };
  const { defaults } = await loadModel('nano', settings);
  expect(defaults).toMatchObject({ fps: 8 });
  const render = (output: string) =>
    generate(
      {
        prompt: 'a penguin jumps on a snowy field',
        frames: 5,
        width: 96,
        height: 64,
        steps: 3,
        output: join(home, output),
      },
      { settings, engine: 'local' },
    );
  const [one, other] = [await render('one.mp4'), await render('other.mp4')];
  expect(one.notices).toEqual([]);
  expect(one.clips[0]).toMatchObject({ width: 96, height: 64, frames: 5 });
  expect(await readFile(one.clips[0]!.path)).toEqual(await readFile(other.clips[0]!.path));
});
