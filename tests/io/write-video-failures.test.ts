import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { InvalidRequestError, JobFailedError, ShapeError } from '../../graph/errors.ts';
import { type FfmpegTools, findFfmpeg } from '../../io/ffmpeg.ts';
import { collectFrames, type Frames, sliceFrames } from '../../io/frames.ts';
import { probeVideo } from '../../io/probe-video.ts';
import { readVideo } from '../../io/read-video.ts';
import { checkOutput, writeVideo } from '../../io/write-video.ts';
import { meanDifference, sampleFrames } from './sample-frames.ts';

let root: string;
let folder: string;
let tools: FfmpegTools;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tessera-failures-'));
  tools = await findFfmpeg();
});
afterAll(() => rm(root, { recursive: true }));
beforeEach(async () => {
  folder = await mkdtemp(join(root, 'out '));
});

const clip = sampleFrames(9, 64, 96);

describe('refusals', () => {
  test('an existing file stays unless it may be overwritten', async () => {
    for (const name of ['x.mp4', 'x.gif', 'x.webp']) {
      const path = join(folder, name);
      await writeFile(path, 'mine');
      const refused = writeVideo(tools, path, [clip], { fps: 8 });
      await expect(refused).rejects.toThrow(InvalidRequestError);
      await expect(refused).rejects.toThrow(/exists already. Choose another name or ask to overwrite/);
      expect(await readFile(path, 'utf8')).toBe('mine');
      await writeVideo(tools, path, [clip], { fps: 8, overwrite: true });
      expect((await probeVideo(tools, path)).width).toBe(96);
    }
  });

  test('pictures in a folder stay unless they may be overwritten; others in it always do', async () => {
    const frames = join(folder, 'frames');
    await mkdir(frames);
    await writeFile(join(frames, 'notes.txt'), 'mine');
    await writeFile(join(frames, '0002.png'), 'mine');
    await expect(writeVideo(tools, frames, [clip], { fps: 8 })).rejects.toThrow(/0002.png exists already/);
    expect((await readdir(frames)).sort()).toEqual(['0002.png', 'notes.txt']);
    await writeVideo(tools, frames, [sliceFrames(clip, 0, 3)], { fps: 8, overwrite: true });
    expect((await readdir(frames)).sort()).toEqual(['0001.png', '0002.png', '0003.png', 'notes.txt']);
    expect(await readFile(join(frames, 'notes.txt'), 'utf8')).toBe('mine');
  });

  test.each(['frames', 'shot-%dx.png'])('pictures of a longer clip in %s go with it, others stay', async (name) => {
    const path = join(folder, name);
    const place = name.includes('%') ? folder : path;
    const names = (...numbers: number[]) => numbers.map((n) => (name.includes('%') ? `shot-${n}x.png` : `000${n}.png`));
    await writeVideo(tools, path, [clip], { fps: 8 });
    await rm(join(place, names(8)[0]!)); // what stands behind a gap is no part of the clip
    for (const frames of [3, 1]) {
      await writeVideo(tools, path, [sliceFrames(clip, 0, frames)], { fps: 8, overwrite: true });
      expect((await readdir(place)).sort()).toEqual(names(...[1, 2, 3].slice(0, frames), 9));
    }
    await rm(join(place, names(1)[0]!));
    await writeFile(join(place, names(2)[0]!), 'of no clip');
    await writeVideo(tools, path, [sliceFrames(clip, 0, 1)], { fps: 8, overwrite: true });
    expect((await readdir(place)).sort()).toEqual(names(1, 2, 9));
  });

  const shape = { width: 96, height: 64, frames: 9, fps: 16 };
  test.each([
    ['an unknown ending', 'x.avi', shape, /no format is known for ".avi". Use .mp4/],
    ['a missing folder', 'no/such/x.mp4', shape, /there is no folder .*such. Create it first/],
    ['a rate of zero', 'x.mp4', { ...shape, fps: 0 }, /fps \(=0\)/],
    ['a rate that is no number', 'x.mp4', { ...shape, fps: NaN }, /fps \(=NaN\)/],
    ['a rate that GIF lacks', 'x.gif', { ...shape, fps: 60 }, /at most 50 frames a second/],
    ['an absurd size', 'x.webp', { ...shape, width: 20000 }, /20000x64 is too large/],
  ])('%s is refused before anything is done', async (_, name, clipShape, message) => {
    const refused = checkOutput(join(folder, name), clipShape);
    await expect(refused).rejects.toThrow(InvalidRequestError);
    await expect(refused).rejects.toThrow(message);
    expect(await readdir(folder)).toEqual([]);
  });

  test('no frames, or frames of several sizes', async () => {
    await expect(writeVideo(tools, join(folder, 'x.mp4'), [], { fps: 8 })).rejects.toThrow(/there are no frames/);
    const mixed = [clip, sampleFrames(1, 32, 32)];
    for (const name of ['x.mp4', 'x.gif', 'x.webp', 'x']) {
      await expect(writeVideo(tools, join(folder, name), mixed, { fps: 8 })).rejects.toThrow(ShapeError);
    }
    expect(await readdir(folder)).toEqual([]);
  });

  test('metadata beyond what a file holds', async () => {
    const long = { prompt: 'x'.repeat(70_000) };
    await expect(writeVideo(tools, join(folder, 'x.mp4'), [clip], { fps: 8, metadata: long })).rejects.toThrow(
      /at most 65536/,
    );
  });
});

describe('things that go wrong on the way leave no file', () => {
  test.each(['x.mp4', 'x.webm', 'x.gif', 'x.webp', 'x'])('an abort while writing %s', async (name) => {
    const controller = new AbortController();
    let closed = false;
    async function* endless(): AsyncGenerator<Frames> {
      try {
        for (let i = 0; ; i++) {
          if (i === 5) setTimeout(() => controller.abort(new Error('cancelled by the user')), 30);
          await new Promise((next) => setTimeout(next, i < 5 ? 0 : 5));
          yield clip;
        }
      } finally {
        closed = true;
      }
    }
    const writing = writeVideo(tools, join(folder, name), endless(), { fps: 8, signal: controller.signal });
    await expect(writing).rejects.toThrow('cancelled by the user');
    expect(await readdir(folder)).toEqual([]);
    await expect.poll(() => closed).toBe(true);
  });

  test.each(['x.mp4', 'x.gif', 'x.webp', 'x'])('frames that fail while writing %s', async (name) => {
    async function* failing(): AsyncGenerator<Frames> {
      yield clip;
      await Promise.resolve();
      throw new JobFailedError('the sampler died');
    }
    await expect(writeVideo(tools, join(folder, name), failing(), { fps: 8 })).rejects.toThrow('the sampler died');
    expect(await readdir(folder)).toEqual([]);
  });

  test('a disk that is full', async () => {
    const small = await wrapped('full', `trap '' XFSZ; ulimit -f 4; exec '${tools.ffmpeg.path}' "$@"`);
    const noise = { ...clip, data: clip.data.map((_, i) => (i * 7919 * (i >> 3)) % 256) };
    for (const name of ['x.mp4', 'x.webm', 'x.gif']) {
      const writing = writeVideo(small, join(folder, name), [noise], { fps: 8 });
      await expect(writing, name).rejects.toThrow(JobFailedError);
      await expect(writing, name).rejects.toThrow(/the disk is full/);
    }
    expect(await readdir(folder)).toEqual([]);
  });

  test('an ffmpeg that dies', async () => {
    const dying = await wrapped(
      'dying',
      `case "$*" in *rawvideo*) kill -9 $$;; esac; exec '${tools.ffmpeg.path}' "$@"`,
    );
    await expect(writeVideo(dying, join(folder, 'x.mp4'), [clip], { fps: 8 })).rejects.toThrow(
      /ffmpeg could not write .*SIGKILL/,
    );
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('a build of ffmpeg that lacks encoders', () => {
  const without = (names: string): Promise<FfmpegTools> =>
    wrapped(
      `without ${names.replace('|', ' ')}`,
      `case "$*" in *-encoders*) '${tools.ffmpeg.path}' "$@" | grep -vE '${names}';; *) exec '${tools.ffmpeg.path}' "$@";; esac`,
    );

  test('falls back to another encoder of the same container', async () => {
    await writeVideo(await without('libvpx-vp9'), join(folder, 'x.webm'), [clip], { fps: 8 });
    expect((await probeVideo(tools, join(folder, 'x.webm'))).codec).toBe('vp8');
    expect(meanDifference(await collectFrames(readVideo(tools, join(folder, 'x.webm'))), clip)).toBeLessThan(5);
  });

  test('says what is missing and what to do when there is none', async () => {
    const writing = writeVideo(await without('x264|openh264'), join(folder, 'x.mp4'), [clip], { fps: 8 });
    await expect(writing).rejects.toThrow(
      /no encoder for .mp4; it would need libx264 or libopenh264. Use another ffmpeg, or write .gif/,
    );
    expect(await readdir(folder)).toEqual([]);
  });
});

/** Tools whose ffmpeg is a script around the real one. */
async function wrapped(name: string, script: string): Promise<FfmpegTools> {
  const path = join(root, name);
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
  return { ...tools, ffmpeg: { ...tools.ffmpeg, path } };
}
