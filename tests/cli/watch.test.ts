// `tessera watch` as people meet it: a real process, a folder that files are dropped into, kills and vanishing.
import { access, appendFile, copyFile, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { sharedScratch } from '../jobs/scratch.ts';
import { writeTinyModel } from '../jobs/tiny-model.ts';
import { until } from '../jobs/until.ts';
import { ffmpeg } from '../understanding/clips.ts';
import { type Running, start, tessera } from './program.ts';

const folder = await sharedScratch();
const inbox = join(folder, 'in box ünïcode');
beforeAll(async () => {
  await writeTinyModel(join(folder, 'models', 'tiny'), { startsFromPicture: true });
  await mkdir(inbox);
});

const isThere = (...path: readonly string[]): Promise<boolean> =>
  access(join(inbox, ...path)).then(() => true, () => false); // prettier-ignore
const request = (prompt: string, more: object = {}): string => JSON.stringify({ prompt, model: 'tiny', ...more });
const begin = (...args: readonly string[]): Running =>
  start(folder, ['watch', inbox, '--settle', '0.3', '--json', ...args]);
const end = async (running: Running): Promise<string> => {
  running.process.kill('SIGTERM');
  const { code, stdout } = await running.ended;
  expect(code).toBe(143);
  return stdout;
};

describe('tessera watch', { timeout: 600_000 }, () => {
  it('renders what is dropped, whatever its name and depth, and tells why what fails fails', async () => {
    const running = begin();
    await mkdir(join(inbox, 'deep', 'er'), { recursive: true });
    await writeFile(join(inbox, 'deep', 'er', 'Katze mit Hut ☂.json'), request('a cat'));
    await writeFile(join(inbox, 'wrong.json'), request('a cat', { frames: -1 }));
    await writeFile(join(inbox, 'out.json'), request('a cat', { output: '../../out.mp4' }));
    await writeFile(join(inbox, 'song.mp3'), 'la la');
    await writeFile(join(inbox, 'utf16.txt'), Buffer.from('a cat', 'utf16le'));
    await writeFile(join(inbox, 'alias.yaml'), 'prompt: *cat*\n');
    const long = `${'ö'.repeat(124)}.json`; // no room for .error.txt in a name of 255 bytes
    await writeFile(join(inbox, long), request('a cat', { frames: -1 }));
    await writeFile(join(inbox, 'half.json.part'), request('a cat'));
    await writeFile(join(inbox, 'two.jsonl'), `${request('one')}\n${request('two')}\n`);
    await until('the good ones are done', async () => (await isThere('done', 'two.jsonl')) && isThere('done', 'deep', 'er', 'Katze mit Hut ☂.json')); // prettier-ignore
    await until('the bad ones have failed', async () => (await isThere('failed', 'wrong.json')) && (await isThere('failed', 'out.json')) && isThere('failed', 'song.mp3')); // prettier-ignore
    expect(await isThere('done', 'deep', 'er', 'Katze mit Hut ☂.json.mp4')).toBe(true);
    expect((await readdir(join(inbox, 'done'))).filter((name) => name.endsWith('.mp4'))).toEqual(['two.jsonl-1.mp4', 'two.jsonl-2.mp4']); // prettier-ignore
    expect(await readFile(join(inbox, 'failed', 'wrong.json.error.txt'), 'utf8')).toMatch(/line 1: frames \(=-1\)/);
    expect(await readFile(join(inbox, 'failed', 'out.json.error.txt'), 'utf8')).toMatch(/output .* below/);
    for (const name of ['utf16.txt', 'alias.yaml', long])
      await until(`${name} has failed`, () => isThere('failed', name));
    expect(await readFile(join(inbox, 'failed', 'utf16.txt.error.txt'), 'utf8')).toMatch(/characters that are no text/);
    expect(await readFile(join(inbox, 'failed', 'alias.yaml.error.txt'), 'utf8')).toMatch(/line 1: This is no YAML/);
    expect(await isThere('half.json.part')).toBe(true);
    expect(await end(running)).toMatch(/"kind":"done"/);
  });

  it('starts clips from pictures, each with the file of its name, whichever comes first', async () => {
    const running = begin();
    const png = await sharp({ create: { width: 40, height: 24, channels: 3, background: 'red' } })
      .png()
      .toBuffer();
    await writeFile(join(inbox, 'red.json'), request('a red cat', { frames: 1 }));
    await writeFile(join(inbox, 'red.png'), png);
    await writeFile(join(inbox, 'late.png'), png);
    await writeFile(join(inbox, 'no picture.jpg'), 'no picture');
    await new Promise((resolve) => setTimeout(resolve, 400));
    await writeFile(join(inbox, 'late.json'), request('a late cat'));
    await until('they are done', async () => (await isThere('done', 'red.png')) && isThere('done', 'late.png'));
    expect(await isThere('done', 'red.png.prompt.json')).toBe(true);
    expect(JSON.parse(await readFile(join(inbox, 'done', 'late.png.json'), 'utf8'))).toMatchObject({
      request: { prompt: 'a late cat', fit: 'cover' },
      output: { file: 'late.png.mp4' },
    });
    await until('the other has failed', () => isThere('failed', 'no picture.jpg'));
    expect(await readFile(join(inbox, 'failed', 'no picture.jpg.error.txt'), 'utf8')).toMatch(/cannot be read/);
    await end(running);
  });

  it('captions videos, beside which the words appear in done/', async () => {
    const running = begin('--captioner', 'detector', '--formats', 'vtt,srt');
    const film = join(folder, 'film.mp4');
    await ffmpeg('-f', 'lavfi', '-i', 'testsrc=s=64x48:r=5:d=2', '-pix_fmt', 'yuv420p', film);
    await mkdir(join(inbox, 'cams'), { recursive: true });
    await copyFile(film, join(inbox, 'cams', 'Tür ☂.mp4'));
    await writeFile(join(inbox, 'broken.mov'), 'no film');
    await until('it is done', () => isThere('done', 'cams', 'Tür ☂.mp4'));
    await ffmpeg('-i', film, '-c', 'copy', join(inbox, 'cams', 'Tür ☂.mkv')); // of the same name but for its ending
    await until('its namesake is done', () => isThere('done', 'cams', 'Tür ☂ (2).mkv'));
    expect((await readdir(join(inbox, 'done', 'cams'))).sort()).toEqual([
      'Tür ☂ (2).mkv',
      'Tür ☂ (2).srt',
      'Tür ☂ (2).vtt',
      'Tür ☂.mp4',
      'Tür ☂.srt',
      'Tür ☂.vtt',
    ]);
    expect(await readFile(join(inbox, 'done', 'cams', 'Tür ☂.vtt'), 'utf8')).toMatch(/^WEBVTT\n\n1\n00:00:00\.000 -->/);
    await until('the broken one has failed', () => isThere('failed', 'broken.mov'));
    expect(await readFile(join(inbox, 'failed', 'broken.mov.error.txt'), 'utf8')).toMatch(/it is no video/);
    await end(running);
  });

  it('takes a file only when it is whole, and a second one of its name under another', async () => {
    const running = begin();
    const text = request('a dog', { seed: 3 });
    await writeFile(join(inbox, 'slow.json'), text.slice(0, 5));
    for (let at = 5; at < text.length; at += 6) {
      await new Promise((resolve) => setTimeout(resolve, 60));
      await appendFile(join(inbox, 'slow.json'), text.slice(at, at + 6));
    }
    await until('it is done', () => isThere('done', 'slow.json'));
    await writeFile(join(inbox, 'slow.json'), request('a cow'));
    await until('its namesake is done', () => isThere('done', 'slow (2).json'));
    expect(await isThere('done', 'slow (2).json.mp4')).toBe(true);
    await end(running);
  });

  it('goes on after a kill, waits for a folder that is away, and loses nothing', async () => {
    const first = begin();
    for (let i = 0; i < 6; i++) await writeFile(join(inbox, `many-${i}.json`), request(`many ${i}`, { steps: 30 }));
    await until('one of them is done', () => isThere('done', 'many-0.json').then(async (one) => one || isThere('done', 'many-1.json'))); // prettier-ignore
    first.process.kill('SIGKILL');
    await first.ended;
    const second = begin('--poll');
    const away = `${inbox}-away`;
    await until('it has begun', () => Promise.resolve(second.process.pid !== undefined));
    await rename(inbox, away);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await rename(away, inbox);
    await writeFile(join(inbox, 'after.json'), request('after all'));
    await until('all are done', async () => {
      const done = await readdir(join(inbox, 'done'));
      return done.includes('after.json') && [0, 1, 2, 3, 4, 5].every((i) => done.includes(`many-${i}.json`));
    });
    await end(second);
    const done = await readdir(join(inbox, 'done'));
    expect(done.filter((name) => /^many-\d\.json\.mp4$/.test(name))).toHaveLength(6);
    expect(await readdir(join(inbox, 'processing'))).toEqual([]);
    await rm(join(inbox, 'half.json.part'));
  });

  it('refuses a folder that is not there', async () => {
    const { code, stderr } = await tessera(folder, ['watch', 'nowhere']);
    expect(code).toBe(2);
    expect(stderr).toContain('no such folder');
  });
});
