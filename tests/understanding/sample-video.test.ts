import { truncate, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { collectFrames } from '../../io/frames.ts';
import { probeVideo } from '../../io/probe-video.ts';
import { readVideo } from '../../io/read-video.ts';
import type { Sample } from '../../understanding/captioner.ts';
import { type SampleOptions, sampleVideo } from '../../understanding/sample-video.ts';
import { onceEach } from '../../understanding/sampling.ts';
import { meanDifference } from '../io/sample-frames.ts';
import { sharedScratch } from '../jobs/scratch.ts';
import { ffmpeg, tools, writeColours } from './clips.ts';

const folder = await sharedScratch();
const file = (name: string): string => join(folder, name);
const everySecond: SampleOptions = { everySeconds: 1, cutScore: undefined, longestSide: 64 };

async function look(path: string, options: Partial<SampleOptions> = {}, by = tools): Promise<Sample[]> {
  const samples: Sample[] = [];
  const info = await probeVideo(tools, path);
  for await (const sample of sampleVideo(by, info, { ...everySecond, ...options })) samples.push(sample);
  return samples;
}

const timesOf = (samples: readonly Sample[]): number[] => samples.map(({ seconds }) => seconds);
const colourOf = ({ picture: { data, width, height } }: Sample, x = 0.5, y = 0.5): number[] => {
  const at = (Math.floor(y * height) * width + Math.floor(x * width)) * 3;
  return [...data.subarray(at, at + 3)];
};

describe('pictures come at their own times', () => {
  test('the first of each cell of time', async () => {
    await ffmpeg('-f', 'lavfi', '-i', 'testsrc=s=160x120:r=30000/1001:d=4', file('ntsc.mp4'));
    const times = timesOf(await look(file('ntsc.mp4')));
    expect(times).toHaveLength(4);
    for (const [i, time] of times.entries()) expect(time).toBeCloseTo((Math.ceil(i * 29.97) * 1001) / 30000, 3);
    expect(timesOf(await look(file('ntsc.mp4'), { everySeconds: 1.5 }))).toHaveLength(3);
  });

  test('where the rate changes, and pictures stay for seconds', async () => {
    const shown = [0, 0.4, 3.2, 3.4, 8];
    const wanted = shown.map((seconds, n) => `${n === 0 ? '' : '+'}eq(N\\,${n})*${seconds}`).join('');
    const filter = `settb=1/1000,setpts='(${wanted})/TB'`;
    await ffmpeg(
      '-f',
      'lavfi',
      '-i',
      'testsrc=s=160x120:r=5:d=1',
      '-vf',
      filter,
      '-vsync',
      'passthrough',
      file('vfr.mkv'),
    );
    expect(timesOf(await look(file('vfr.mkv')))).toEqual([0, 3.2, 8]);
    expect(timesOf(await look(file('vfr.mkv'), { everySeconds: 0.05 }))).toEqual(shown);
  });

  test('where an edit list cuts the beginning off', async () => {
    await ffmpeg('-f', 'lavfi', '-i', 'testsrc=s=160x120:r=10:d=4', '-g', '40', file('whole.mp4'));
    await ffmpeg('-ss', '1.5', '-i', file('whole.mp4'), '-c', 'copy', file('edited.mp4'));
    const [first, ...rest] = await look(file('edited.mp4'));
    expect(first!.seconds).toBeLessThan(0.11);
    expect(timesOf(rest)[0]).toBeCloseTo(1, 1);
    const [expected] = await look(file('whole.mp4'), { fromSeconds: 1.5 });
    expect(Buffer.compare(Buffer.from(first!.picture.data), Buffer.from(expected!.picture.data))).toBe(0);
  });

  test('turned as players turn them', async () => {
    await ffmpeg(
      '-f',
      'lavfi',
      '-i',
      'color=red:s=160x80:r=10:d=1',
      '-vf',
      'drawbox=w=80:h=80:c=blue:t=fill',
      file('flat.mp4'),
    );
    await ffmpeg('-i', file('flat.mp4'), '-c', 'copy', '-metadata:s:v', 'rotate=90', file('turned.mp4'));
    const [sample] = await look(file('turned.mp4'));
    expect(sample!.picture).toMatchObject({ width: 32, height: 64 });
    const read = readVideo(tools, file('turned.mp4'), { width: 32, height: 64, maxFrames: 1 });
    expect(meanDifference(sample!.picture, await collectFrames(read))).toBeLessThan(12);
    expect(colourOf(sample!, 0.5, 0.2)).not.toEqual(colourOf(sample!, 0.5, 0.8));
  });

  test.each([
    ['gif', []],
    ['ts', ['-c:v', 'libx264', '-output_ts_offset', '20']],
    ['avi', []],
    ['webm', []],
  ])('of few a second in a .%s, each once', async (ending, options) => {
    await writeColours(file('slow.mp4'), ['red', 'lime', 'blue', 'white'], '320x240');
    const slow = file(`slow.${ending}`);
    await ffmpeg('-i', file('slow.mp4'), ...options, slow);
    const samples = await look(slow, { longestSide: 320 });
    expect(timesOf(samples).map(Math.round)).toEqual([0, 1, 2, 3]);
    const bits = (colour: readonly number[]): string => colour.map((value) => (value > 127 ? 1 : 0)).join('');
    expect(samples.map((sample) => bits(colourOf(sample)))).toEqual(['100', '010', '001', '111']);
  });

  test('begun in the middle, the same ones', async () => {
    const all = await look(file('ntsc.mp4'));
    const rest = await look(file('ntsc.mp4'), { fromSeconds: all[2]!.seconds, firstShot: 3 });
    expect(timesOf(rest)).toEqual(timesOf(all.slice(2)));
    expect(rest[0]!.shot).toBe(3);
  });
});

test('shots begin where pictures change', async () => {
  await writeColours(file('cuts.mp4'), ['red', 'red', 'blue', 'white', 'white']);
  const samples = await look(file('cuts.mp4'), { everySeconds: 10, cutScore: 0.2 });
  expect(samples.map(({ seconds, shot }) => [seconds, shot])).toEqual([
    [0, 0],
    [2, 1],
    [3, 2],
  ]);
  expect(colourOf(samples[1]!)[2]).toBeGreaterThan(180);
});

test('8K is read small', async () => {
  await ffmpeg('-f', 'lavfi', '-i', 'color=red:s=7680x4320:r=1:d=1', '-c:v', 'mpeg4', file('8k.mp4'));
  const [sample] = await look(file('8k.mp4'));
  expect(sample!.picture).toMatchObject({ width: 64, height: 36 });
});

test('a damaged end is told, and what is before it is read', async () => {
  const source = ['-f', 'lavfi', '-i', 'testsrc2=s=160x120:r=10:d=6', '-g', '10', '-bf', '0'];
  await ffmpeg(...source, '-movflags', '+faststart', file('cut.mp4'));
  await truncate(file('cut.mp4'), Math.floor((await stat(file('cut.mp4'))).size / 2));
  const damage: string[] = [];
  const samples = await look(file('cut.mp4'), { onDamage: (why) => damage.push(why) });
  expect(samples.length).toBeGreaterThan(1);
  expect(samples.length).toBeLessThan(6);
  expect(damage).toHaveLength(1);
});

test('a Matroska that lost its end, and with it the table to seek by, is read up to there', async () => {
  await ffmpeg('-f', 'lavfi', '-i', 'testsrc=s=320x240:r=25:d=6', file('whole.mkv'));
  await truncate(file('whole.mkv'), Math.floor((await stat(file('whole.mkv'))).size / 2));
  const samples = await look(file('whole.mkv'), { onDamage: () => undefined });
  expect(timesOf(samples)[0]).toBe(0);
  expect(samples.length).toBeGreaterThan(1);
  expect(samples.length).toBeLessThan(6);
});

test.each([
  ['4.4.2-0ubuntu0.22.04.1', '-vsync'],
  ['N-47683-g0e8eb07980-static', '-vsync'],
  ['5.1.9-0+deb12u1', '-fps_mode'],
  ['7.0.2-static', '-fps_mode'],
  ['n8.0', '-fps_mode'],
  ['N-118193-g5f38c82536', '-fps_mode'],
  ['2024-05-13-git-37db0454e4-full_build', '-fps_mode'],
])('ffmpeg %s takes %s', (version, option) => {
  expect(onceEach(version)[0]).toBe(option);
});

test('a bare stream, which tells no length, is refused with what to do', async () => {
  await ffmpeg('-f', 'lavfi', '-i', 'testsrc=s=64x48:r=5:d=1', '-c:v', 'libx264', file('bare.h264'));
  await expect(look(file('bare.h264'))).rejects.toThrow(/a bare stream; "ffmpeg -i … -c copy film.mp4"/);
});

test('an ffmpeg that is killed is not the end of the film', async () => {
  const killed = file('killed-ffmpeg');
  await writeFile(killed, `#!/bin/sh\n"${tools.ffmpeg.path}" "$@"\nkill -9 $$\n`, { mode: 0o755 });
  const dying = { ...tools, ffmpeg: { ...tools.ffmpeg, path: killed } };
  await expect(look(file('ntsc.mp4'), {}, dying)).rejects.toThrow(/^ffmpeg ended before the end of .*ntsc.mp4/);
});

test('an abort ends it', async () => {
  const stopper = new AbortController();
  const samples = sampleVideo(tools, await probeVideo(tools, file('ntsc.mp4')), {
    ...everySecond,
    signal: stopper.signal,
  });
  await samples.next();
  stopper.abort(new Error('enough'));
  await expect(samples.next()).rejects.toThrow('enough');
});
