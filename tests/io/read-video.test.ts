import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { InvalidRequestError } from '../../graph/errors.ts';
import { type FfmpegTools, findFfmpeg } from '../../io/ffmpeg.ts';
import { collectFrames, type Frames, framesOf } from '../../io/frames.ts';
import { probeVideo } from '../../io/probe-video.ts';
import { type ReadOptions, readVideo } from '../../io/read-video.ts';
import { writeVideo } from '../../io/write-video.ts';
import { discX, sampleFrames, seenDiscX } from './sample-frames.ts';

let folder: string;
let tools: FfmpegTools;
let mp4: string;
let webp: string;
const clip = sampleFrames(17, 64, 96);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tessera-read-'));
  tools = await findFfmpeg();
  mp4 = join(folder, 'clip.mp4');
  webp = join(folder, 'clip.webp');
  await writeVideo(tools, mp4, [clip], { fps: 16 });
  await writeVideo(tools, webp, [clip], { fps: 16 });
});
afterAll(() => rm(folder, { recursive: true }));

const read = (path: string, options?: ReadOptions): Promise<Frames> => collectFrames(readVideo(tools, path, options));
const ffmpeg = async (...args: string[]): Promise<void> => {
  await promisify(execFile)(tools.ffmpeg.path, ['-v', 'error', '-y', ...args]);
};

describe.each(['mp4', 'webp'])('asking %s for', (kind) => {
  const path = (): string => (kind === 'mp4' ? mp4 : webp);

  test('a file that was replaced meanwhile', async () => {
    const other = join(folder, `replaced.${kind}`);
    await writeVideo(tools, other, [clip], { fps: 16 });
    expect((await read(other)).frames).toBe(17);
    await writeVideo(tools, other, [sampleFrames(2, 32, 32)], { fps: 16, overwrite: true });
    expect(await read(other)).toMatchObject({ frames: 2, width: 32 });
  });

  test('pieces of several frames', async () => {
    const counts: number[] = [];
    for await (const piece of readVideo(tools, path(), { chunkFrames: 5 })) counts.push(piece.frames);
    expect(counts).toEqual([5, 5, 5, 2]);
  });

  test('another rate: the disc is where it should be at each time', async () => {
    for (const [fps, count] of [[8, 9], [32, 34]] as const) {
      const { frames, ...rest } = await read(path(), { fps });
      expect(Math.abs(frames - count)).toBeLessThanOrEqual(1);
      for (let t = 0; t < frames - 1; t++) {
        const source = (t * 16) / fps;
        const off = seenDiscX({ frames, ...rest }, t) - discX(source, 17, 96);
        expect(Math.abs(off), `fps ${fps} frame ${t}`).toBeLessThan(96 / 18 + 1);
      }
    }
  }); // prettier-ignore

  test('a stretch of time', async () => {
    const part = await read(path(), { startSeconds: 0.5, durationSeconds: 0.25 });
    expect(part.frames).toBe(4);
    expect(seenDiscX(part, 0)).toBeCloseTo(discX(8, 17, 96), -0.5);
    expect((await read(path(), { maxFrames: 3 })).frames).toBe(3);
  });

  test('another size', async () => {
    expect(await read(path(), { width: 48, maxFrames: 1 })).toMatchObject({ width: 48, height: 32 });
    expect(await read(path(), { height: 128, maxFrames: 1 })).toMatchObject({ width: 192, height: 128 });
    const at = ({ data, width }: Frames, x: number, y: number): number[] => [
      ...data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3),
    ];
    const square = { width: 64, height: 64, maxFrames: 1 } as const;
    const contained = await read(path(), { ...square, fit: 'contain' });
    expect(Math.max(...at(contained, 32, 2))).toBeLessThan(12); // a black bar
    const [red, green, blue] = at(await read(path(), { ...square, fit: 'cover' }), 60, 2) as [number, number, number];
    expect(green).toBeGreaterThan(red + blue); // the upper right is green
    expect((await read(path(), { ...square, fit: 'stretch' })).data.length).toBe(64 * 64 * 3);
  });
});

describe('what files say of themselves', () => {
  test.each([
    [90, [0, 1, -1, 0], 'blue'],
    [180, [-1, 0, 0, -1], 'yellow'],
    [270, [0, -1, 1, 0], 'green'],
    [0, [1, 0, 0, 1], 'red'],
  ])('a video turned by %i degrees is shown upright', async (rotation, matrix, upperLeft) => {
    const path = join(folder, `turned-${rotation}.mp4`);
    const bytes = await readFile(mp4);
    const at = bytes.indexOf('tkhd') + 44; // the matrix of the track, in 16.16 fixed point
    const places = [0, 4, 12, 16];
    places.forEach((place, i) => bytes.writeInt32BE(matrix[i]! * 65536, at + place));
    await writeFile(path, bytes);
    const size = rotation % 180 === 0 ? { width: 96, height: 64 } : { width: 64, height: 96 };
    expect(await probeVideo(tools, path)).toMatchObject({ ...size, rotation });
    const turned = await read(path, { maxFrames: 1 });
    expect(turned).toMatchObject(size);
    const colours = { red: [220, 30, 20], green: [20, 200, 40], blue: [30, 40, 210], yellow: [240, 220, 30] };
    const expected = colours[upperLeft as keyof typeof colours];
    expected.forEach((level, i) => expect(Math.abs(turned.data[i]! - level)).toBeLessThan(8));
  });

  test('pixels that are not square are made so', async () => {
    const path = join(folder, 'wide.mp4');
    await ffmpeg('-i', mp4, '-vf', 'setsar=2', path);
    expect(await probeVideo(tools, path)).toMatchObject({ width: 192, height: 64 });
    expect(await read(path, { maxFrames: 1 })).toMatchObject({ width: 192, height: 64 });
  });

  test('sound and length, and frames when counted', async () => {
    const path = join(folder, 'sound.mkv');
    await ffmpeg('-i', mp4, '-f', 'lavfi', '-i', 'sine=duration=3', '-c:v', 'copy', path);
    const info = await probeVideo(tools, path, { countFrames: true });
    expect(info).toMatchObject({ hasAudio: true, frames: 17, codec: 'h264' });
    expect(info.durationSeconds).toBeCloseTo(17 / 16, 1);
    expect((await read(path)).frames).toBe(17);
  });

  test('a variable rate becomes a constant one of the same length', async () => {
    const path = join(folder, 'variable.mkv');
    await ffmpeg('-i', mp4, '-vf', "select='not(mod(n,3))+lt(n,6)'", '-vsync', 'vfr', path);
    const frames = await read(path, { fps: 16 });
    expect(Math.abs(frames.frames - 17)).toBeLessThanOrEqual(2);
  });
});

describe('files that cannot be read', () => {
  async function refused(path: string): Promise<string> {
    const failed: unknown = await read(path).then(() => undefined, (error: unknown) => error); // prettier-ignore
    expect(failed).toBeInstanceOf(InvalidRequestError);
    expect((failed as Error).message).toContain(path);
    return (failed as Error).message;
  }
  const made = async (name: string, content: string | Uint8Array): Promise<string> => {
    await writeFile(join(folder, name), content);
    return join(folder, name);
  };

  test('missing, empty, a folder, or no video', async () => {
    await mkdir(join(folder, 'folder.mp4'));
    expect(await refused(join(folder, 'none.mp4'))).toMatch(/there is no such file/);
    expect(await refused(await made('empty.mp4', ''))).toMatch(/the file is empty \(0 bytes\)/);
    expect(await refused(join(folder, 'folder.mp4'))).toMatch(/this is a folder/);
    expect(await refused(await made('text.mp4', 'this is no video'))).toMatch(/no video that ffmpeg can read/);
    expect(await refused('/dev/zero')).toMatch(/no regular file/);
    await ffmpeg('-f', 'lavfi', '-i', 'sine=duration=1', join(folder, 'sound.wav'));
    await ffmpeg('-f', 'lavfi', '-i', 'sine=duration=1', '-vn', join(folder, 'sound.mp4'));
    expect(await refused(join(folder, 'sound.mp4'))).toMatch(/no moving pictures/);
  });

  test('cut short: refused at once when the index is lost, else after the frames that are there', async () => {
    const noise = framesOf(
      new Uint8Array(40 * 64 * 96 * 3).map((_, i) => (i * 7919 * (i >> 4)) % 256),
      40,
      64,
      96,
    );
    for (const name of ['noise.mp4', 'noise.webm', 'noise.webp']) {
      const whole = join(folder, name);
      await writeVideo(tools, whole, [noise], { fps: 16 });
      const bytes = await readFile(whole);
      const cut = await made(`cut-${name}`, bytes.subarray(0, bytes.length / 2));
      expect(await refused(cut), name).toMatch(/cut short or damaged|damaged from frame|is a damaged WebP/);
      expect(await refused(await made(`start-${name}`, bytes.subarray(0, 200))), name).toMatch(/damaged/);
    }
  });

  test('playlists and scripts that name other files are not followed', async () => {
    expect(
      await refused(await made('list.mp4', `#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:1,\n${mp4}\n#EXT-X-ENDLIST\n`)),
    ).toMatch(/no video/);
    expect(await refused(await made('concat.mp4', `ffconcat version 1.0\nfile '${mp4}'\n`))).toMatch(/no video/);
  });

  test.each([
    [{ startSeconds: 5 }, /startSeconds \(=5\) lies outside .* lasts 1.0625 s/],
    [{ durationSeconds: 0 }, /durationSeconds \(=0\) must be above 0/],
    [{ fps: -1 }, /fps \(=-1\)/],
    [{ width: 0 }, /width \(=0\)/],
    [{ height: 1.5 }, /height \(=1.5\)/],
  ])('%j is refused', async (options, message) => {
    await expect(read(mp4, options)).rejects.toThrow(message);
  });
});

describe('reading is a stream', () => {
  test('ffmpeg waits for a slow reader, and memory stays small', async () => {
    const path = join(folder, 'long.mp4');
    await ffmpeg('-f', 'lavfi', '-i', 'testsrc=size=640x360:rate=30:duration=3', '-preset', 'ultrafast', path);
    const before = process.memoryUsage().arrayBuffers;
    const reader = readVideo(tools, path);
    await reader.next();
    await new Promise((done) => setTimeout(done, 700));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(30 * 640 * 360 * 3); // of 90 frames
    let frames = 1;
    for await (const piece of reader) frames += piece.frames;
    expect(frames).toBe(90);
  });

  test('stopping early ends ffmpeg', async () => {
    const script = join(folder, 'ffmpeg that tells its number');
    await writeFile(script, `#!/bin/sh\necho $$ > "$0.pid"\nexec '${tools.ffmpeg.path}' "$@"\n`);
    await chmod(script, 0o755);
    const told = { ...tools, ffmpeg: { ...tools.ffmpeg, path: script } };
    for await (const piece of readVideo(told, join(folder, 'long.mp4'))) {
      expect(piece.frames).toBe(1);
      break;
    }
    const pid = Number(await readFile(`${script}.pid`, 'utf8'));
    expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);
  });

  test('an abort ends it with the reason', async () => {
    const controller = new AbortController();
    const reader = readVideo(tools, join(folder, 'long.mp4'), { signal: controller.signal });
    await reader.next();
    controller.abort(new Error('enough'));
    await expect(collectFrames(reader)).rejects.toThrow('enough');
    await expect(read(mp4, { signal: AbortSignal.abort(new Error('never')) })).rejects.toThrow('never');
  });
});
