// The story of captions on real files, with a stub server that looks at pictures in no time.
import { copyFile, mkdir, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { InvalidRequestError } from '../../graph/errors.ts';
import { collectFrames } from '../../io/frames.ts';
import { probeVideo } from '../../io/probe-video.ts';
import { readVideo } from '../../io/read-video.ts';
import { runFfprobe } from '../../io/ffmpeg.ts';
import {
  caption,
  type CaptionedVideo,
  type CaptionOptions,
  type CaptionResult,
  hasFailed,
} from '../../jobs/caption.ts';
import { captionRecordSchema } from '../../jobs/caption-record.ts';
import { type CaptionRequest, parseCaptionRequest } from '../../jobs/caption-request.ts';
import { wishOf } from '../../jobs/captioner-names.ts';
import { meanDifference } from '../io/sample-frames.ts';
import { ffmpeg, tools, writeColours } from '../understanding/clips.ts';
import { type Stub, stubEndpoint } from '../understanding/stub-endpoint.ts';
import { writeTinyListener } from '../understanding/tiny-hub-models.ts';
import { scratch, settingsIn, sharedScratch } from './scratch.ts';
import { until } from './until.ts';

const media = await sharedScratch();
const film = join(media, 'film.mp4');

beforeAll(async () => {
  await writeColours(film, ['red', 'red', 'red', 'blue', 'blue', 'blue', 'white', 'white']);
  await writeTinyListener(join(media, 'models', 'listener'));
});

/** A folder with a copy of the film, and a way to caption in it. */
async function setUp(name = 'film.mp4') {
  const folder = await scratch();
  const stub = await stubEndpoint();
  const video = join(folder, name);
  await copyFile(film, video);
  const settings = { ...settingsIn(folder), modelFolders: [join(media, 'models')] };
  const run = (request: Partial<CaptionRequest> = {}, options: CaptionOptions = {}): Promise<CaptionResult> =>
    caption({ videos: [video], captioner: `openai:${stub.url}`, retries: 0, ...request }, { settings, ...options });
  return { folder, stub, video, run, settings };
}

const only = ({ videos: [video] }: CaptionResult): CaptionedVideo => {
  if (video === undefined || hasFailed(video)) throw new Error('It failed.');
  return video;
};
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
