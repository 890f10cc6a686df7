// Copies of films with captions in them: a track, or drawn in; and what becomes of them when a run is stopped.
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runFfprobe } from '../../io/ffmpeg.ts';
import { collectFrames } from '../../io/frames.ts';
import { probeVideo } from '../../io/probe-video.ts';
import { readVideo } from '../../io/read-video.ts';
import { meanDifference } from '../io/sample-frames.ts';
import { ffmpeg, tools } from '../understanding/clips.ts';
import { only, setUp } from './caption-setup.ts';
import { until } from './until.ts';

describe('subtitles in a copy of the film', () => {
  test.each(['film.mp4', 'film.mkv'])('a track in %s', async (name) => {
    const { folder, run, video } = await setUp();
    if (name !== 'film.mp4') await ffmpeg('-i', video, '-c', 'copy', join(folder, name));
    await run({ videos: [join(folder, name)], mux: true, formats: 'srt' });
    const copy = join(folder, name.replace('.', '.captioned.'));
    const found = (await runFfprobe(tools, ['-show_streams', copy])) as { streams: { codec_type: string; codec_name: string }[] }; // prettier-ignore
    expect(found.streams.map(({ codec_type }) => codec_type)).toEqual(['video', 'subtitle']);
    await ffmpeg('-i', copy, '-map', '0:s:0', join(folder, 'back.srt'));
    expect(await readFile(join(folder, 'back.srt'), 'utf8')).toContain('A red square.');
  });

  test('drawn into its pictures', async () => {
    const { folder, run, video } = await setUp();
    await run({ burn: true, formats: 'srt' });
    const first = (path: string) => collectFrames(readVideo(tools, path, { maxFrames: 1 }));
    const burnt = await first(join(folder, 'film.burnt.mp4'));
    expect((await probeVideo(tools, join(folder, 'film.burnt.mp4'))).frames).toBe(80);
    expect(meanDifference(burnt, await first(video))).toBeGreaterThan(0.3);
  });
});

describe('copies that were not all written', () => {
  const wish = { mux: true, burn: true, formats: 'srt' as const };
  const stopWhenThere = async (path: string, stopper: AbortController): Promise<void> => {
    await until(`${path} is there`, () => stat(path).then(() => true, () => false), 5); // prettier-ignore
    stopper.abort();
  };

  test('are written by the same request, and those that are there are kept', async () => {
    const { folder, run, stub } = await setUp();
    const stopper = new AbortController();
    const stopped = run(wish, { signal: stopper.signal });
    const [captioned, burnt] = ['film.captioned.mp4', 'film.burnt.mp4'].map((name) => join(folder, name)) as [string, string]; // prettier-ignore
    void stopWhenThere(captioned, stopper);
    await expect(stopped).rejects.toMatchObject({ code: 'CANCELLED' });
    const { mtimeMs } = await stat(captioned);
    await expect(stat(burnt)).rejects.toThrow();
    expect(only(await run(wish)).wasThere).toBe(false);
    expect((await probeVideo(tools, burnt)).frames).toBe(80);
    expect((await stat(captioned)).mtimeMs).toBe(mtimeMs);
    expect(stub.questions).toHaveLength(8);
    expect(only(await run(wish)).wasThere).toBe(true);
  });

  test('are told from those of others, and from those of other words', async () => {
    const { folder, run, stub } = await setUp();
    await run({ formats: 'srt' });
    const captioned = join(folder, 'film.captioned.mp4');
    await writeFile(captioned, 'mine');
    const mux = { mux: true, formats: 'srt' as const };
    await expect(run(mux)).rejects.toThrow(/film.captioned.mp4 exists already/);
    expect(await readFile(captioned, 'utf8')).toBe('mine');
    await run({ ...mux, overwrite: true });
    // As after a kill between the new words and their copy.
    const before = await readFile(captioned);
    stub.answer = () => 'Something else.';
    await run({ formats: 'srt', prompt: 'again', overwrite: true });
    expect(await readFile(captioned)).toEqual(before);
    expect(only(await run({ ...mux, prompt: 'again', overwrite: true })).wasThere).toBe(false);
    await ffmpeg('-i', captioned, '-map', '0:s:0', join(folder, 'back.srt'));
    expect(await readFile(join(folder, 'back.srt'), 'utf8')).toContain('Something else.');
  });
});
