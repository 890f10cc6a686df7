// Directions on the command line that only it has: an expansion that is shown, and refusals of paths.
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sharedScratch } from '../jobs/scratch.ts';
import { start, tessera } from './program.ts';

const folder = await sharedScratch();
const models = { TESSERA_MODELS: resolve('models') };

describe('tessera generate', { timeout: 600_000 }, () => {
  const small = ['--model', 'nano', '--width', '64', '--height', '64', '--frames', '5'];

  it('shows what a wish became before it renders that, and leaves standard output to the result', async () => {
    const wish = ['generate', 'kitty hopping around, winter', ...small, '--expand=show'];
    const long = start(folder, [...wish, '--steps', '1000', '-o', 'long.mp4'], models);
    let said = '';
    long.process.stderr!.on('data', (text: string) => (said += text));
    await long.until('it is shown', () => Promise.resolve(/^Expanded: .*\n/m.test(said.replace(/^note: /gm, ''))));
    long.process.kill('SIGINT');
    expect((await long.ended).code).toBe(130);
    const { code, stdout, stderr } = await tessera(
      folder,
      [...wish, '--steps', '2', '-o', 'short.mp4', '--json'],
      models,
    );
    expect(code).toBe(0);
    const [, shown] = /Expanded: (.*)\n/.exec(stderr)!;
    expect(JSON.parse(stdout)).toMatchObject({ path: join(folder, 'short.mp4') });
    expect(stdout).not.toContain('Expanded');
    expect(JSON.parse(await readFile(join(folder, 'short.json'), 'utf8'))).toMatchObject({ request: { expanded: shown } }); // prettier-ignore
    expect(said).toContain(shown);
  });

  it.each([
    ['unicorn: 0.1,0.6 > 0.8,0.6', 'leads "unicorn", which the prompt does not name'],
    ['cat: 0,0 > 1,1; dog: 0,1', 'leads "cat" and "dog"; only one actor can be led'],
    ['cat: 0.1,0.6 > 1.8,0.6', 'has a point "1.8,0.6" outside the frame'],
    ['cat: 0s 0.1,0.6 > 30s 0.8,0.6', 'goes on until 30 s, and the clip has'],
  ])('refuses the path "%s"', async (path, words) => {
    const { code, stderr, stdout } = await tessera(
      folder,
      ['generate', 'a cat jumps', ...small, '--path', path],
      models,
    );
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^path \(=|: path \(=/);
    expect(stderr).toContain(words);
  });
});
