// Clips that are directed by other clips, on a tiny model: what is given stays, what is long comes window by window, and what was
// stopped goes on to the same bytes.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openAutoencoder } from '../../compressor/open-autoencoder.ts';
import { localEngine } from '../../graph/engine.ts';
import { findFfmpeg } from '../../io/ffmpeg.ts';
import { collectFrames, type Frames, framesOf, framesToTensor, sliceFrames, tensorToFrames } from '../../io/frames.ts';
import { readVideo } from '../../io/read-video.ts';
import { writeVideo } from '../../io/write-video.ts';
import { generate, type GenerateOptions } from '../../jobs/generate.ts';
import { loadModel } from '../../jobs/model.ts';
import { readSidecar } from '../../jobs/sidecar.ts';
import { takesOf, unseenParts, windowStarts } from '../../jobs/take.ts';
import { sharedScratch, settingsIn } from './scratch.ts';
import { writeTinyModel } from './tiny-model.ts';

const folder = await sharedScratch();
const settings = settingsIn(folder);
const tools = await findFfmpeg(settings);
const engine = localEngine({ threads: 1 });
const [first, second] = [join(folder, 'first.mp4'), join(folder, 'second.mp4')];
const wish = { prompt: 'a cat jumps', model: 'starts', frames: 13, steps: 2, guidance: 1 } as const;
const LENGTH = 16;

/** A square that moves over a gradient. */
function film(length: number, level: number): Frames {
  const data = Uint8Array.from({ length: length * 32 * 32 * 3 }, (_, i) => {
    const [t, y, x] = [Math.floor(i / 3072), Math.floor(i / 96) % 32, Math.floor(i / 3) % 32];
    return y > 10 && y < 20 && x >= t && x < t + 10 ? level : 3 * y + 2 * x;
  });
  return framesOf(data, length, 32, 32);
}

beforeAll(async () => {
  await writeTinyModel(join(folder, 'models', 'starts'), { startsFromPicture: true });
  await writeTinyModel(join(folder, 'models', 'text-only'));
  await writeVideo(tools, first, [film(LENGTH, 255)], { fps: 8 });
  await writeVideo(tools, second, [film(LENGTH, 10)], { fps: 8 });
});
afterAll(() => engine.close());

let number = 0;
async function render(request: object, options: GenerateOptions = {}): Promise<Frames> {
  const output = join(folder, `${number++}`);
  const { clips } = await generate(
    { ...wish, ...request, output: `${output}-%03d.png` },
    { engine, settings, ...options },
  );
  const names = (await readdir(folder))
    .filter((name) => name.startsWith(`${number - 1}-`) && name.endsWith('.png'))
    .sort();
  expect(names).toHaveLength(clips[0]!.frames);
  const pieces = await Promise.all(names.map((name) => sharp(join(folder, name)).removeAlpha().raw().toBuffer()));
  return framesOf(new Uint8Array(Buffer.concat(pieces)), names.length, 32, 32);
}

const source = (path: string): Promise<Frames> =>
  collectFrames(readVideo(tools, path, { width: 32, height: 32, fps: 8 }));
const error = (a: Frames, b: Frames): number => a.data.reduce((sum, value, i) => sum + (value - b.data[i]!) ** 2, 0) / a.data.length; // prettier-ignore

/** Mean squared error that the autoencoder itself makes of frames. */
const ownError = async (frames: Frames): Promise<number> => error(await throughAutoencoder(frames), frames);

async function throughAutoencoder(frames: Frames): Promise<Frames> {
  const { autoencoder: model } = await loadModel('starts', settings);
  const autoencoder = openAutoencoder(engine, model);
  const { mean } = await autoencoder.encode(framesToTensor(frames));
  const kept = tensorToFrames(await autoencoder.decode(mean));
  await autoencoder.close();
  return kept;
}

describe('a given video', { timeout: 120_000 }, () => {
  it('stays, and goes on at its end', async () => {
    const [clip, given] = [await render({ extend: first }), await source(first)];
    expect(clip.frames).toBe(LENGTH + 8);
    expect(sliceFrames(clip, 0, 11)).toEqual(sliceFrames(given, 0, 11));
    const tail = sliceFrames(given, 11, 16);
    expect(error(sliceFrames(clip, 11, 16), tail)).toBeLessThanOrEqual(await ownError(tail));
  });

  it('stays, and is led to at its start, and both', async () => {
    const given = await source(first);
    const before = await render({ extend: first, side: 'start' });
    expect(before.frames).toBe(9 + LENGTH);
    expect(sliceFrames(before, 13, 25)).toEqual(sliceFrames(given, 4, 16));
    const both = await render({ extend: first, side: 'both', seed: 3 });
    expect(both.frames).toBe(9 + LENGTH + 8);
    expect(sliceFrames(both, 13, 20)).toEqual(sliceFrames(given, 4, 11));
    const other = await render({ extend: first, side: 'both', seed: 4 });
    expect(sliceFrames(other, 0, 9)).not.toEqual(sliceFrames(both, 0, 9));
  });

  it('is joined to another, and closed to a loop', async () => {
    const [a, b] = [await source(first), await source(second)];
    const joined = await render({ between: [first, second] });
    expect(joined.frames).toBe(2 * LENGTH + 4);
    expect(sliceFrames(joined, 0, 11)).toEqual(sliceFrames(a, 0, 11));
    expect(sliceFrames(joined, 24, 36)).toEqual(sliceFrames(b, 4, 16));
    const loop = await render({ extend: first, loop: true });
    expect(loop.frames).toBe(LENGTH + 4);
    expect(sliceFrames(loop, 0, 7)).toEqual(sliceFrames(a, 4, 11));
    expect(error(sliceFrames(loop, 19, 20), sliceFrames(a, 3, 4))).toBeLessThan(await ownError(sliceFrames(a, 0, 5)));
  });

  it('is restyled as far as strength says, and only where the mask or the box is', async () => {
    const given = await source(first);
    const restyled = { restyle: first, frames: 13, steps: 10 };
    const [little, much] = [await render({ ...restyled, strength: 0.1 }), await render({ ...restyled, strength: 1 })];
    expect(little.frames).toBe(13);
    const kept = await throughAutoencoder(sliceFrames(given, 0, 13));
    expect(error(little, kept)).toBeLessThan(error(much, kept));
    const boxed = await render({ restyle: first, box: '0.5,0,0.5,1', frames: undefined });
    expect(boxed.frames).toBe(17); // all of it, to the next length that the model makes
    const half = (frames: Frames, from: number): number[] =>
      [...frames.data].filter((_, i) => Math.floor(i / 48) % 2 === from && i < LENGTH * 3072);
    expect(half(boxed, 0)).toEqual(half(given, 0));
    expect(half(boxed, 1)).not.toEqual(half(given, 1));
    const mask = join(folder, 'mask.png');
    await sharp({ create: { width: 32, height: 32, channels: 3, background: 'black' } })
      .png()
      .toFile(mask);
    expect(await render({ restyle: first, mask, frames: 13 })).toEqual(sliceFrames(given, 0, 13));
  });

  it('is pinned, recorded, and refused when it is another, too short, or gives nothing to do', async () => {
    const output = join(folder, 'clip.mp4');
    const { clips } = await generate({ ...wish, extend: first, output }, { engine, settings });
    const { request } = await readSidecar(join(folder, 'clip.json'));
    expect(request).toMatchObject({ extend: first, side: 'end', fit: 'cover' });
    const again = await generate({ ...request, output: join(folder, 'again.mp4') }, { engine, settings });
    expect(again.clips[0]!.sha256).toBe(clips[0]!.sha256);
    await expect(render({ ...request, extend: second })).rejects.toThrow(/extend \(=.*second\.mp4\) is another file/);
    await expect(render({ extend: first, fps: 1 })).rejects.toThrow(/has 2 frames at the clip's rate/);
    await expect(render({ extend: join(folder, 'no.mp4') })).rejects.toThrow(/no\.mp4\) cannot be read: there is no/);
    await expect(render({ between: [first, second], frames: 5 })).rejects.toThrow(
      /frames \(=5\) leave nothing to make/,
    );
    await expect(render({ extend: first, restyle: first })).rejects.toThrow(/extend and restyle do not go together/);
    await expect(render({ side: 'start' })).rejects.toThrow(/side says something about extend/);
    await expect(render({ restyle: first, box: '0.5,0,0.6,1' })).rejects.toThrow(/box \(="0.5,0,0.6,1"\) must be four/);
  });
});

describe('a long take', { timeout: 120_000 }, () => {
  const long = { ...wish, prompt: '0-2: a cat jumps; 2-4: it walks', seconds: 4 };

  it('is made in windows, each going on from the one before, and steered by times', async () => {
    const clip = await render(long);
    expect(clip.frames).toBe(33);
    const steered = await render({ ...long, prompt: '0-2: a cat jumps; 2-4: a red penguin' });
    expect(sliceFrames(steered, 0, 16)).toEqual(sliceFrames(clip, 0, 16));
    expect(sliceFrames(steered, 20, 33)).not.toEqual(sliceFrames(clip, 20, 33));
    const alone = await render({ ...wish });
    expect(sliceFrames(clip, 0, 4)).toEqual(sliceFrames(alone, 0, 4));
  });

  it('goes on in the window where it was stopped, to the same bytes', async () => {
    const whole = await generate({ ...long, output: join(folder, 'whole.mp4') }, { engine, settings });
    const controller = new AbortController();
    const request = { ...long, output: join(folder, 'stopped.mp4') };
    const stopped = generate(request, { engine, settings, signal: controller.signal, onProgress: ({ stage, step }) => {
      if (stage === 'steps' && step === 5) controller.abort();
    } }); // prettier-ignore
    await expect(stopped).rejects.toThrow(/stopped after step 5 of 8/);
    const resumed = await generate(request, { engine, settings });
    expect(resumed.notices).toContain('Going on after step 5 of 8, where an earlier render was stopped.');
    expect(resumed.clips[0]!.sha256).toBe(whole.clips[0]!.sha256);
    expect(await readdir(join(folder, 'cache', 'renders'))).toEqual([]);
  });

  it('leads back to its start in a loop, and to a last picture', async () => {
    const loop = await render({ loop: true });
    expect(loop.frames).toBe(21); // two windows of 13, a frame shared; the first 4 frames come last
    const last = join(folder, 'last.png');
    await sharp({ create: { width: 32, height: 32, channels: 3, background: 'white' } })
      .png()
      .toFile(last);
    const led = await render({ last, seconds: 3 });
    expect(led.frames).toBe(25);
    expect(await render({ last, seconds: 3 })).toEqual(led);
  });

  it('is made by models that were not taught given frames, which keep them by blending', async () => {
    const clip = await render({ ...long, model: 'text-only' });
    expect(clip.frames).toBe(33);
    const extended = await render({ extend: first, model: 'text-only' });
    expect(sliceFrames(extended, 0, 11)).toEqual(sliceFrames(await source(first), 0, 11));
  });

  it('has windows of one length that reach its end', async () => {
    expect(windowStarts(33, { window: 13, overlap: 5 })).toEqual([0, 8, 16, 20]);
    expect(windowStarts(13, { window: 13, overlap: 5 })).toEqual([0]);
    const model = await loadModel('starts', settings);
    const plain = { prompt: 'a cat', frames: 13, fps: 8 };
    const take = takesOf({ ...plain, extend: 'a', side: 'start', seconds: 3 }, model);
    expect(take).toEqual([{ frames: 29, head: 0, tail: 4, starts: [0, 12, 16] }]);
    const prompt = '0-2: a cat jumps; 2-4: it walks';
    expect(takesOf({ ...plain, prompt, seconds: 4 }, model)[0]!.starts).toEqual([0, 4, 16, 20]); // anew where it changes
    const short = '0-1: a cat jumps; 1-4: it walks';
    expect(takesOf({ ...plain, prompt: short, seconds: 4 }, model)[0]!.starts).toEqual([0, 12, 20]);
    expect(unseenParts({ ...plain, prompt: short, seconds: 4 }, model)).toEqual([]);
  });

  it('tells of parts of its prompt that are too short to be shown', async () => {
    const prompt = '0-0.5: a cat jumps; 0.5-1.5: it walks';
    const notices: string[] = [];
    await render({ prompt }, { onNotice: (one) => notices.push(one) });
    expect(notices).toContainEqual(
      expect.stringMatching(/^"0-0.5: a cat jumps" is not shown: starts makes 1.6 s at once/),
    );
  });
});
