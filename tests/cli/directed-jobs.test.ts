// Directed clips in rows of batches and beside pictures in a watched folder, all really rendered.
import { access, copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { sharedScratch } from '../jobs/scratch.ts';
import { writeTinyModel } from '../jobs/tiny-model.ts';
import { ffmpeg } from '../understanding/clips.ts';
import { start, tessera } from './program.ts';

const folder = await sharedScratch();
const [film, other, red, blue] = ['film.mp4', 'other.mp4', 'red.png', 'blue.png'].map((name) => join(folder, name)) as [string, string, string, string]; // prettier-ignore
/** nano at its smallest. */
const nano = { model: 'nano', width: 64, height: 64, frames: 5, steps: 2 };

beforeAll(async () => {
  await writeTinyModel(join(folder, 'models', 'tiny'), { startsFromPicture: true });
  await symlink(resolve('models/nano'), join(folder, 'models', 'nano'));
  for (const [path, colour] of [[red, 'red'], [blue, 'blue']] as const) await sharp({ create: { width: 40, height: 24, channels: 3, background: colour } }).png().toFile(path); // prettier-ignore
  await ffmpeg('-f', 'lavfi', '-i', 'testsrc=s=32x32:r=8:d=2', '-pix_fmt', 'yuv420p', film);
  await ffmpeg('-f', 'lavfi', '-i', 'testsrc2=s=32x32:r=8:d=2', '-pix_fmt', 'yuv420p', other);
});

interface Row {
  readonly state: string;
  readonly request: { readonly output: string };
}

/** The records of a batch's clips, row by row. */
async function recordsOf(file: string): Promise<readonly object[]> {
  const { code, stdout, stderr } = await tessera(folder, ['batch', file, '--json']);
  expect([code, stderr.match(/.*(error|refused).*/i)]).toEqual([0, null]);
  const { each } = JSON.parse(stdout) as { each: readonly Row[] };
  expect(each.map(({ state }) => state)).toEqual(each.map(() => 'done'));
  const read = async (clip: string): Promise<object> =>
    JSON.parse(await readFile(clip.replace(/\.mp4$/, '.json'), 'utf8')) as object;
  return Promise.all(each.map(({ request }) => read(request.output)));
}

describe('a batch', { timeout: 600_000 }, () => {
  it('directs clips by the columns of a table, whose files lie where it is run', async () => {
    const rows = [
      'prompt,model,frames,steps,image,last,fit,extend,side,between,restyle,strength,box,loop,seconds',
      'a cat,tiny,13,2,red.png,blue.png,contain,,,,,,,,',
      'a cat,tiny,13,2,,,,film.mp4,both,,,,,,',
      'a cat,tiny,13,2,,,,,,"film.mp4, other.mp4",,,,,',
      'a cat,tiny,13,2,,,,,,,film.mp4,0.8,"0.5,0,0.5,1",,',
      'a cat,tiny,13,2,,,,,,,,,,true,4',
    ];
    await writeFile(join(folder, 'directed.csv'), rows.join('\n'));
    expect(await recordsOf('directed.csv')).toMatchObject([
      { request: { image: red, last: blue, fit: 'contain' }, output: { frames: 13 } },
      { request: { extend: film, side: 'both' }, output: { frames: 9 + 16 + 8 } },
      { request: { between: [film, other] }, output: { frames: 36 } },
      { request: { restyle: film, strength: 0.8, box: '0.5,0,0.5,1' }, output: { frames: 13 } },
      { request: { loop: true, seconds: 4 }, output: { frames: 33 } },
    ]);
  });

  it('leads and expands in lines of JSON', async () => {
    const path = 'cat: 0s 0.2,0.3 > 0.5s 0.8,0.6';
    const wishes = [{ ...nano, prompt: 'a cat on a beach', path }, { ...nano, prompt: 'kitty hopping, winter', expand: 'nano' }]; // prettier-ignore
    await writeFile(join(folder, 'led.jsonl'), wishes.map((wish) => JSON.stringify(wish)).join('\n'));
    const expanded = expect.stringMatching(/ cat .*snow/) as string;
    expect(await recordsOf('led.jsonl')).toMatchObject([{ request: { path } }, { request: { expanded } }]);
  });

  it('names line and field of directions that cannot be', async () => {
    const rows = ['prompt,model,extend,restyle,path', 'a,tiny,film.mp4,film.mp4,', 'a,tiny,none.mp4,,', 'a,tiny,,,"0,0 > 1,2"']; // prettier-ignore
    await writeFile(join(folder, 'wrong.csv'), rows.join('\n'));
    const { code, stderr } = await tessera(folder, ['batch', 'wrong.csv']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/wrong\.csv:4: path \(=.*outside the frame/);
    await writeFile(join(folder, 'wrong.csv'), rows.slice(0, -1).join('\n'));
    const again = await tessera(folder, ['batch', 'wrong.csv']);
    expect(again.code).toBe(2);
    expect(again.stderr).toMatch(/wrong\.csv:2: extend and restyle do not go together/);
    expect(again.stderr).toMatch(/wrong\.csv:3: extend \(=.*none\.mp4\) cannot be read/);
  });
});

describe('a watched folder', { timeout: 600_000 }, () => {
  it('directs clips by the file beside a picture, and by requests', async () => {
    const inbox = join(folder, 'inbox');
    await mkdir(inbox);
    const running = start(folder, ['watch', inbox, '--settle', '0.3', '--json']);
    const wish = { prompt: 'a cat', model: 'tiny', frames: 13, steps: 2 };
    await writeFile(join(inbox, 'to.yaml'), `prompt: a cat\nmodel: tiny\nsteps: 2\nframes: 13\nseconds: 3\nlast: ${blue}\n`); // prettier-ignore
    await copyFile(red, join(inbox, 'to.png'));
    await writeFile(join(inbox, 'both.json'), JSON.stringify({ ...wish, extend: film }));
    await copyFile(red, join(inbox, 'both.png'));
    await writeFile(join(inbox, 'on.json'), JSON.stringify({ ...wish, extend: film, side: 'start' }));
    await writeFile(join(inbox, 'anew.json'), JSON.stringify({ ...wish, restyle: film, box: '0,0,0.5,1' }));
    await writeFile(join(inbox, 'led.json'), JSON.stringify({ ...nano, prompt: 'a cat', path: 'cat: 0,0 > 1,1' }));
    const isThere = (...path: readonly string[]): Promise<boolean> =>
      access(join(inbox, ...path)).then(() => true, () => false); // prettier-ignore
    for (const name of ['to.png', 'on.json', 'anew.json', 'led.json'])
      await running.until(`${name} is done`, () => isThere('done', name));
    await running.until('the other has failed', () => isThere('failed', 'both.png'));
    running.process.kill('SIGTERM');
    await running.ended;
    const record = async (name: string): Promise<object> =>
      JSON.parse(await readFile(join(inbox, 'done', `${name}.json`), 'utf8')) as object;
    expect(await record('to.png')).toMatchObject({ request: { last: blue, imageSha256: expect.any(String) as string }, output: { frames: 25 } }); // prettier-ignore
    expect(await record('on.json')).toMatchObject({ request: { extend: film, side: 'start' }, output: { frames: 9 + 16 } }); // prettier-ignore
    expect(await record('anew.json')).toMatchObject({ request: { restyle: film, box: '0,0,0.5,1' } });
    expect(await record('led.json')).toMatchObject({ request: { path: 'cat: 0,0 > 1,1' } });
    expect(await readFile(join(inbox, 'failed', 'both.png.error.txt'), 'utf8')).toMatch(/extend and image do not go together/); // prettier-ignore
  });
});
