// The story of captions on real files, with a stub server that looks at pictures in no time.
import { copyFile, mkdir, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { InvalidRequestError } from '../../graph/errors.ts';
import { type CaptionOptions, hasFailed } from '../../jobs/caption.ts';
import { captionRecordSchema } from '../../jobs/caption-record.ts';
import { parseCaptionRequest } from '../../jobs/caption-request.ts';
import { wishOf } from '../../jobs/captioner-names.ts';
import { ffmpeg } from '../understanding/clips.ts';
import type { Stub } from '../understanding/stub-endpoint.ts';
import { film, only, setUp } from './caption-setup.ts';

const byColour = (stub: Stub): void => {
  // A picture's size as a JPEG tells nothing, so the number of the question does: the film changes colour each 3 s.
  stub.answer = (_, number) => ['A red square.', 'A blue square.', 'A white square.'][Math.floor((number - 1) / 3)]!;
};

describe('a film', () => {
  test('becomes timed words in all formats', async () => {
    const { folder, stub, run } = await setUp();
    byColour(stub);
    const result = await run({ formats: ['vtt', 'srt', 'json', 'txt'], concurrency: 1 });
    expect((await readdir(folder)).filter((name) => name.startsWith('film')).sort()).toEqual([
      'film.captions.json',
      'film.captions.txt',
      'film.mp4',
      'film.srt',
      'film.vtt',
    ]);
    expect(await readFile(join(folder, 'film.captions.txt'), 'utf8')).toBe('0:00  A red square.\n0:03  A blue square.\n0:06  A white square.\n'); // prettier-ignore
    expect(await readFile(join(folder, 'film.vtt'), 'utf8')).toContain('00:00:03.000 --> 00:00:06.000\nA blue square.');
    const record = captionRecordSchema.parse(JSON.parse(await readFile(join(folder, 'film.captions.json'), 'utf8')));
    expect(record).toMatchObject({ video: { name: 'film.mp4', width: 160 }, tokens: { input: 800, output: 56 } });
    expect(record.captions).toHaveLength(8);
    expect(result).toMatchObject({ captioner: `openai:${stub.url}`, how: expect.stringContaining('stub-vision') as string, failed: 0 }); // prettier-ignore
    expect(only(result)).toMatchObject({ cues: 3, wasThere: false, tokens: { input: 800, output: 56 } });
  });

  test('by shot has a caption for each', async () => {
    const { stub, run } = await setUp();
    stub.answer = (_, number) => `Shot ${number}.`;
    const { captions } = only(await run({ shots: true, concurrency: 1 }));
    expect(captions.map(({ start, end, text, shot }) => [start, end, text, shot])).toEqual([
      [0, 3, 'Shot 1.', 0],
      [3, 6, 'Shot 2.', 1],
      [6, 8, 'Shot 3.', 2],
    ]);
  });

  test('by count, and several pictures at a time', async () => {
    const { stub, run } = await setUp();
    stub.delayMs = 50;
    expect(only(await run({ count: 4, concurrency: 4 })).captions).toHaveLength(4);
    expect(stub.mostAtATime).toBeGreaterThan(1);
  });

  test('that was stopped goes on where it was', async () => {
    const { stub, run } = await setUp();
    stub.answer = (_, number) => `Picture ${number}.`;
    const stopper = new AbortController();
    const onProgress: CaptionOptions['onProgress'] = ({ seconds }) => void (seconds >= 4 && stopper.abort());
    await expect(run({ concurrency: 1 }, { signal: stopper.signal, onProgress })).rejects.toMatchObject({
      code: 'CANCELLED',
    });
    const asked = stub.questions.length;
    expect(asked).toBeLessThan(8);
    const { captions } = only(await run({ concurrency: 1 }));
    expect(captions.map(({ start, text }) => `${start} ${text}`)).toEqual([0, 1, 2, 3, 4, 5, 6, 7].map((i) => `${i} Picture ${i + 1}.`)); // prettier-ignore
    expect(stub.questions).toHaveLength(8);
  });

  test('that was done is not looked at again, and what others wrote is not replaced', async () => {
    const { stub, run, folder } = await setUp();
    await run();
    expect(only(await run()).wasThere).toBe(true);
    expect(stub.questions).toHaveLength(8);
    await writeFile(join(folder, 'film.vtt'), 'mine');
    await expect(run()).rejects.toThrow(/exists already/);
    await run({ overwrite: true });
    expect(await readFile(join(folder, 'film.vtt'), 'utf8')).toContain('WEBVTT');
  });
});

describe('what is said', () => {
  test('is written beside what is seen, and marked apart', async () => {
    const { folder, run } = await setUp();
    const loud = join(folder, 'loud.mp4');
    await ffmpeg('-i', film, '-f', 'lavfi', '-i', 'sine=f=300:d=8', '-c:v', 'copy', '-c:a', 'aac', loud);
    const { captions } = only(await run({ videos: [loud], speech: 'hf:listener' }));
    expect(captions.filter(({ source }) => source === 'heard')).toEqual([expect.objectContaining({ start: 0, end: expect.closeTo(8, 0) as number })]); // prettier-ignore
    expect(captions.filter(({ source }) => source === 'seen')).toHaveLength(8);
  });

  test('in a film without sound is nothing, and no error', async () => {
    const { run } = await setUp();
    const { captions, notices } = only(await run({ speech: 'hf:listener' }));
    expect(captions).toHaveLength(8);
    expect(notices).toEqual(['it has no sound.']);
  });

  test('may have a language where the captioner has words of its own', () => {
    const said = parseCaptionRequest({ videos: [film], language: 'German', speech: 'hf:listener' });
    expect(wishOf(said, 'detector').language).toBeUndefined();
    expect(wishOf(said, 'openai').language).toBe('German');
  });

  test('is all there is to a file with sound alone', async () => {
    const { folder, run } = await setUp();
    const sound = join(folder, 'talk.mp3');
    await ffmpeg('-f', 'lavfi', '-i', 'sine=f=300:d=3', sound);
    await expect(run({ videos: [sound] })).rejects.toThrow(/only sound.*--speech/);
    await expect(run({ videos: [sound], speech: 'hf:listener', burn: true })).rejects.toThrow(
      /only sound.*Leave out burn/,
    );
    const { captions } = only(await run({ videos: [sound], speech: 'hf:listener' }));
    expect(captions.map(({ source }) => source)).toEqual(['heard']);
  });

  test("of a film with sound alone is kept when it is asked for again, and somebody else's file is", async () => {
    const { folder, run } = await setUp();
    const sound = join(folder, 'talk.mp4');
    await ffmpeg('-f', 'lavfi', '-i', 'sine=f=300:d=3', '-vn', sound);
    const heard = { videos: [sound], speech: 'hf:listener' };
    const words = join(folder, 'talk.vtt');
    await writeFile(words, 'mine');
    await expect(run(heard)).rejects.toThrow(/exists already/);
    await expect(run(heard)).rejects.toThrow(/exists already/);
    await rm(words);
    expect(only(await run(heard))).toMatchObject({ wasThere: false });
    const first = await readFile(words, 'utf8');
    expect(only(await run(heard))).toMatchObject({ wasThere: true });
    // What a run that was stopped had not written is written.
    await rm(words);
    expect(only(await run(heard))).toMatchObject({ wasThere: false });
    expect(await readFile(words, 'utf8')).toBe(first);
    await writeFile(words, 'mine');
    await expect(run(heard)).rejects.toThrow(/exists already/);
    expect(await readFile(words, 'utf8')).toBe('mine');
  });
});

describe('files of all kinds', () => {
  test('a broken one among many is told, and the rest are done', async () => {
    const { folder, run } = await setUp('a.mp4');
    await copyFile(film, join(folder, 'd.mp4'));
    await writeFile(join(folder, 'b.mp4'), '');
    await writeFile(join(folder, 'c.mp4'), 'no video');
    await writeFile(join(folder, 'notes.txt'), 'not asked for');
    const ended: string[] = [];
    const { videos, failed } = await run({ videos: [folder], count: 2 }, { onVideo: ({ video }) => ended.push(video) });
    expect(videos.map((video) => hasFailed(video))).toEqual([false, true, true, false]);
    expect(videos[1]).toMatchObject({ error: { message: expect.stringContaining('empty (0 bytes)') as string } });
    expect({ failed, ended: ended.length }).toEqual({ failed: 2, ended: 4 });
    const again = await run({ videos: [join(folder, '{a,d}.mp4')], count: 2 });
    expect(again.videos.map((video) => 'wasThere' in video && video.wasThere)).toEqual([true, true]);
  });

  test('a still picture', async () => {
    const { folder, run } = await setUp();
    const still = join(folder, 'still.png');
    await ffmpeg('-f', 'lavfi', '-i', 'testsrc=s=64x48', '-frames:v', '1', still);
    await expect(run({ videos: [still], mux: true, burn: true })).rejects.toThrow(
      /is a still picture.*Leave out mux and burn/,
    );
    expect(only(await run({ videos: [still] })).captions).toMatchObject([{ start: 0, end: 5, text: 'A red square.' }]);
  });

  test('one that is cut short, up to there', async () => {
    const { folder, run } = await setUp();
    const cut = join(folder, 'cut.mp4');
    const source = ['-f', 'lavfi', '-i', 'testsrc2=s=160x120:r=10:d=20', '-g', '10', '-bf', '0'];
    await ffmpeg(...source, '-movflags', '+faststart', cut);
    await truncate(cut, Math.floor((await stat(cut)).size / 2));
    const { captions, notices } = only(await run({ videos: [cut] }));
    expect(captions.length).toBeGreaterThan(4);
    expect(captions.at(-1)!.end).toBeLessThan(16);
    expect(notices.join(' ')).toMatch(/damaged.*cut short/);
    const whole = join(folder, 'tail.mp4');
    await ffmpeg(...source, whole);
    await truncate(whole, 2000);
    await expect(run({ videos: [whole] })).rejects.toThrow(InvalidRequestError);
  });
});

describe('a request', () => {
  test.each([
    [{ every: '0s' }, /every .*must be a time/],
    [{ every: 1, count: 3 }, /Give one of them/],
    [{ formats: 'vtt,doc' }, /^formats \(="vtt,doc"\) must name some of/],
    [{ captioner: 'nobody' }, /no captioner nobody/],
    [{ captioner: 'detector', prompt: 'x' }, /takes no prompt/],
    [{ captioner: 'detector', language: 'German' }, /takes no language/],
    [{ speech: 'whisper' }, /must be hf:/],
    [{ videos: ['nowhere.mp4'] }, /no such file/],
    [{ videos: ['nowhere/*.mp4'] }, /No file fits/],
  ])('%j is refused in words', async (request, words) => {
    const { run } = await setUp();
    const asked = run(request);
    await expect(asked).rejects.toThrow(InvalidRequestError);
    await expect(asked).rejects.toThrow(words);
  });

  test('of two videos that would write one file the first is done', async () => {
    const { folder, run, video } = await setUp();
    await mkdir(join(folder, 'more'));
    await copyFile(film, join(folder, 'more', 'film.mkv'));
    const { failed, videos } = await run({ videos: [video, join(folder, 'more')], folder });
    expect(failed).toBe(1);
    expect(videos[0]).toMatchObject({ video });
    expect(videos[1]).toMatchObject({ error: { message: expect.stringMatching(/would both write/) as string } });
    await rm(join(folder, 'more'), { recursive: true });
  });

  test('auto takes an endpoint that is set', async () => {
    const { run, stub, settings } = await setUp();
    const notices: string[] = [];
    const result = await run({ captioner: 'auto' }, { settings: { ...settings, vision: { url: stub.url, key: 'k' } }, onNotice: (one) => notices.push(one) }); // prettier-ignore
    expect(result.captioner).toBe(`openai:${stub.url}`);
    expect(notices).toEqual([expect.stringMatching(/The captioner is openai:/)]);
    expect(stub.questions[0]!.authorization).toBe('Bearer k');
  });
});
