import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type FfmpegTools, findFfmpeg } from '../../io/ffmpeg.ts';
import { collectFrames, type Frames, sliceFrames } from '../../io/frames.ts';
import { probeVideo } from '../../io/probe-video.ts';
import { readVideo } from '../../io/read-video.ts';
import { writeVideo } from '../../io/write-video.ts';
import { meanDifference, sampleFrames } from './sample-frames.ts';

let root: string;
let folder: string;
let tools: FfmpegTools;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tessera-write-'));
  tools = await findFfmpeg();
});
afterAll(() => rm(root, { recursive: true }));
beforeEach(async () => {
  folder = await mkdtemp(join(root, 'out '));
});

const clip = sampleFrames(9, 64, 96);
const metadata = { prompt: 'a "penguin" jumps; 100 % = Ü 🐧 \n # \\', seed: 7 };

async function* pieces(source: Frames, size: number): AsyncGenerator<Frames> {
  for (let at = 0; at < source.frames; at += size) {
    await Promise.resolve();
    yield sliceFrames(source, at, Math.min(at + size, source.frames));
  }
}

describe('each format', () => {
  const formats: [ending: string, tolerance: number, codec: string][] = [
    ['mp4', 4, 'h264'],
    ['webm', 4, 'vp9'],
    ['gif', 1, 'gif'],
    ['webp', 4, 'webp'],
  ];
  test.each(formats)(
    '%s keeps frames, rate, length and metadata, and is the same twice',
    async (ending, tolerance, codec) => {
      const path = join(folder, `clip.${ending}`);
      const written = await writeVideo(tools, path, pieces(clip, 4), { fps: 16, metadata });
      expect(written).toMatchObject({ path, width: 96, height: 64, frames: 9, fps: 16 });
      const bytes = await readFile(path);
      expect(written.sizeBytes).toBe(bytes.length);

      const info = await probeVideo(tools, path, { countFrames: true });
      expect(info).toMatchObject({ codec, width: 96, height: 64, fps: 16, frames: 9, hasAudio: false, rotation: 0 });
      expect(info.durationSeconds).toBeCloseTo(9 / 16, 1);
      const back = await collectFrames(readVideo(tools, path, { chunkFrames: 2 }));
      expect(back).toMatchObject({ frames: 9, width: 96, height: 64 });
      expect(meanDifference(back, clip)).toBeLessThan(tolerance);
      expect(JSON.parse(await commentOf(path))).toEqual(metadata);

      const again = join(folder, `again.${ending}`);
      await writeVideo(tools, again, [clip], { fps: 16, metadata });
      expect((await readFile(again)).equals(bytes)).toBe(true);
      expect((await readdir(folder)).sort()).toEqual([basename(again), basename(path)]);
    },
  );

  test('flat colours come back as they were, so the colour matrix is right', async () => {
    for (const name of ['c.mp4', 'c.webm']) {
      await writeVideo(tools, join(folder, name), [clip], { fps: 16 });
      const { data } = await collectFrames(readVideo(tools, join(folder, name)));
      const corner = (x: number, y: number): number[] => [...data.subarray((y * 96 + x) * 3, (y * 96 + x) * 3 + 3)];
      const expected = [
        [corner(90, 4), [20, 200, 40]],
        [corner(90, 60), [240, 220, 30]],
      ] as const;
      for (const [seen, want] of expected)
        seen.forEach((level, i) => expect(Math.abs(level - want[i]!)).toBeLessThan(6));
    }
  });

  test('mp4 is H.264 in yuv420p, tagged bt709, with its index in front', async () => {
    const path = join(folder, 'a.mp4');
    await writeVideo(tools, path, [clip], { fps: 24000 / 1001 });
    const bytes = await readFile(path, 'latin1');
    expect(bytes.indexOf('moov')).toBeLessThan(bytes.indexOf('mdat'));
    const { streams } = JSON.parse(await ffprobe(path)) as { streams: unknown[] };
    expect(streams[0]).toMatchObject({
      pix_fmt: 'yuv420p',
      color_space: 'bt709',
      color_range: 'tv',
      avg_frame_rate: '24000/1001',
    });
  });

  test('png: a folder, a pattern, or one picture', async () => {
    const frames = join(folder, 'frames');
    await writeVideo(tools, frames, [clip], { fps: 16, metadata });
    const names = await readdir(frames);
    expect(names).toEqual(Array.from({ length: 9 }, (_, i) => `000${i + 1}.png`));
    const third = await sharp(join(frames, '0003.png')).raw().toBuffer();
    expect(third.equals(sliceFrames(clip, 2, 3).data)).toBe(true);
    expect(JSON.parse(await commentOf(join(frames, '0003.png')))).toEqual(metadata);

    await mkdir(join(folder, '50%done'));
    await writeVideo(tools, join(folder, '50%done', 'a-%03d b.PNG'), [sliceFrames(clip, 0, 2)], { fps: 16 });
    expect(await readdir(join(folder, '50%done'))).toEqual(['a-001 b.PNG', 'a-002 b.PNG']);
    await writeVideo(tools, join(folder, 'one.png'), [sliceFrames(clip, 0, 1)], { fps: 16 });
    await expect(writeVideo(tools, join(folder, 'two.png'), pieces(clip, 1), { fps: 16 })).rejects.toThrow(
      /such as two-%04d.png, or give a folder/,
    );
    expect((await readdir(folder)).sort()).toEqual(['50%done', 'frames', 'one.png']);
  });

  test('a single frame is a clip, too', async () => {
    for (const name of ['one.mp4', 'one.webm', 'one.gif', 'one.webp']) {
      const path = join(folder, name);
      await writeVideo(tools, path, [sliceFrames(clip, 0, 1)], { fps: 16 });
      expect((await collectFrames(readVideo(tools, path))).frames, name).toBe(1);
    }
  });

  test('odd sizes: refused by mp4 with a way out, kept by all others', async () => {
    const odd = sampleFrames(3, 33, 47);
    await expect(writeVideo(tools, join(folder, 'odd.mp4'), [odd], { fps: 8 })).rejects.toThrow(
      /even width and height, not 47x33. Use 46x32, or .webm/,
    );
    for (const name of ['odd.webm', 'odd.gif', 'odd.webp']) {
      await writeVideo(tools, join(folder, name), [odd], { fps: 8 });
      expect(await collectFrames(readVideo(tools, join(folder, name))), name).toMatchObject({
        frames: 3,
        width: 47,
        height: 33,
      });
    }
  });
});

test.each([
  'a b ünï 名.mp4',
  '-dash.mp4',
  '-.gif',
  '100%d%s.mp4',
  '%d.webm',
  'colon: http://x.mp4'.replaceAll('/', ''),
  'q\'u"o`te.webp',
  '$(touch pwned);&.mp4',
  'pipe:1.webm',
  'new\nline.gif',
  'file:x.mp4',
])('a file named %j is written and read', async (name) => {
  const path = join(folder, name);
  await writeVideo(tools, path, [clip], { fps: 8 });
  expect(await readdir(folder)).toEqual([name]);
  expect((await collectFrames(readVideo(tools, path))).frames).toBe(9);
});

async function ffprobe(path: string): Promise<string> {
  const { stdout } = await promisify(execFile)(tools.ffprobe.path, [
    '-v',
    'error',
    '-of',
    'json',
    '-show_streams',
    '-show_format',
    `file:${path}`,
  ]);
  return stdout;
}

async function commentOf(path: string): Promise<string> {
  if (path.endsWith('.webp')) {
    const { exif } = await sharp(path).metadata();
    return exif!.subarray(exif!.indexOf('{'), exif!.lastIndexOf('}') + 1).toString();
  }
  if (path.endsWith('.png'))
    return (await sharp(path).metadata()).comments?.find(({ keyword }) => /Comment$/.test(keyword))?.text ?? '';
  return (await probeVideo(tools, path)).tags['comment'] ?? '';
}
