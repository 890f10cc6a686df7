// `tessera caption` as people meet it: the real process, the detector that comes along, a film of a photograph.
import { createRequire } from 'node:module';
import { readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sharedScratch } from '../jobs/scratch.ts';
import { writeTinyModel } from '../jobs/tiny-model.ts';
import { ffmpeg } from '../understanding/clips.ts';
import { start, tessera } from './program.ts';

const folder = await sharedScratch();
const photo = join(dirname(createRequire(import.meta.url).resolve('@vladmandic/human')), '../assets/samples.jpg');

describe('tessera caption', { timeout: 240_000 }, () => {
  it('says something true of a film, without a download, and prints what it wrote', async () => {
    const pan = "crop=600:600:'100+100*t':500,scale=320:320";
    await ffmpeg('-loop', '1', '-framerate', '5', '-t', '2', '-i', photo, '-vf', pan, join(folder, 'party.mp4'));
    const { code, stdout, stderr } = await tessera(folder, ['caption', 'party.mp4', '--formats', 'vtt,json']);
    expect(stderr).toContain('note: The captioner is detector');
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^party\.mp4 {2}\d captions? over 2\.0 s, took .*\n {2}party\.vtt\n {2}party\.captions\.json\n$/,
    );
    expect(await readFile(join(folder, 'party.vtt'), 'utf8')).toMatch(
      /^WEBVTT\n\n1\n00:00:00\.000 --> 00:00:02\.000\n.*(person|people)/,
    );
  });

  it('goes on with the rest where a file is broken, and ends with 1', async () => {
    await writeFile(join(folder, 'broken.mp4'), 'nothing');
    const { code, stdout } = await tessera(folder, ['caption', 'party.mp4', 'broken.mp4', '--captioner', 'detector', '--json', '--formats', 'vtt,json']); // prettier-ignore
    expect(code).toBe(1);
    const { videos, failed } = JSON.parse(stdout) as { videos: Record<string, unknown>[]; failed: number };
    expect(failed).toBe(1);
    expect(videos).toMatchObject([{ wasThere: true }, { error: { code: 'INVALID_REQUEST' } }]);
  });

  it('captions a clip that was just rendered', async () => {
    await writeTinyModel(join(folder, 'models', 'tiny'));
    const { code, stdout } = await tessera(folder, ['generate', 'a cat', '--model', 'tiny', '-o', 'clip.mp4', '--captions', '--json']); // prettier-ignore
    expect(code).toBe(0);
    const { captions } = JSON.parse(stdout) as { captions: string[] };
    expect(captions).toEqual(['clip.vtt', 'clip.captions.json'].map((name) => join(folder, name)));
    expect(await readFile(captions[0]!, 'utf8')).toMatch(/^WEBVTT/);
  });

  it("captions a model's clip with the model's own captioner, also later", async () => {
    const model = join(folder, 'models', 'speaking');
    await writeTinyModel(model);
    await symlink(resolve('models/nano/captioner'), join(model, 'captioner'));
    const made = await tessera(folder, ['generate', 'a cat', '--model', 'speaking', '-o', 'own.mp4', '--captions']);
    expect(made.stderr).toContain('note: The captioner is nano');
    const again = await tessera(folder, ['caption', 'own.mp4', '--formats', 'txt']);
    expect(again.stderr).toContain('note: The captioner is nano');
    const beside = await tessera(folder, ['caption', 'own.mp4', 'party.mp4', '--formats', 'srt']);
    expect(beside.stderr).toContain('note: The captioner is detector');
  });

  it('ends with 2 when it was asked wrongly', async () => {
    const refused = await tessera(folder, ['caption', 'party.mp4', '--every', 'often']);
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toContain('every (="often") must be a time above 0');
    expect(await tessera(folder, ['caption', 'nowhere.mp4'])).toMatchObject({ code: 2 });
    expect((await tessera(folder, ['caption', '--help'])).stdout).toContain('$ tessera caption film.mp4');
  });

  it('stops on Ctrl-C, with 130, and has kept what it had', async () => {
    await ffmpeg('-f', 'lavfi', '-i', 'testsrc=s=64x64:r=2:d=600', join(folder, 'long.mp4'));
    const running = start(folder, ['caption', 'long.mp4', '--captioner', 'detector', '--every', '4s']);
    const saved = join(folder, 'cache', 'captions');
    const lines = async (): Promise<number> => {
      const files = await readdir(saved).catch(() => []);
      const texts = await Promise.all(files.map((name) => readFile(join(saved, name), 'utf8')));
      return Math.max(0, ...texts.filter((text) => !text.includes('"isLast":true')).map((text) => text.split('\n').length - 1)); // prettier-ignore
    };
    while ((await lines()) < 2) await new Promise((resolve) => setTimeout(resolve, 100));
    running.process.kill('SIGINT');
    const { code, stderr } = await running.ended;
    expect(stderr).toContain('goes on from there');
    expect(code).toBe(130);
    expect(await readdir(folder)).not.toContain('long.vtt');
  });
});
