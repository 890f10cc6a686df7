// The detector on photographs: those of a package's own documentation, moved about as a film.
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadPicture } from '../../io/pictures.ts';
import type { Captioner } from '../../understanding/captioner.ts';
import { type Detector, openDetector } from '../../understanding/detect.ts';
import { openDetectorCaptioner } from '../../understanding/detector-captioner.ts';
import { sampleFrames } from '../io/sample-frames.ts';

const photos = join(dirname(createRequire(import.meta.url).resolve('@vladmandic/human')), '../assets/samples.jpg');

let detector: Detector;
let captioner: Captioner;
beforeAll(async () => {
  detector = await openDetector();
  captioner = await openDetectorCaptioner({});
});
afterAll(() => captioner.close());

/** One of the people, on a grey ground, so far from the left. */
async function person(left: number, { width: wide, height: high } = { width: 480, height: 320 }) {
  const { width, height } = await sharp(photos).metadata();
  const part = { left: Math.round(0.17 * width), top: Math.round(0.4 * height), width: Math.round(0.155 * width), height: Math.round(0.58 * height) }; // prettier-ignore
  const cut = await sharp(photos).extract(part).resize({ height: 300 }).toBuffer();
  const ground = { create: { width: wide, height: high, channels: 3 as const, background: '#9a9a9a' } };
  return loadPicture(await sharp(ground).composite([{ input: cut, left, top: 10 }]).png().toBuffer()); // prettier-ignore
}

describe('the detector', () => {
  test('finds people, where they are', async () => {
    const found = await detector.detect(await person(300));
    const [first] = found;
    expect(first).toMatchObject({ label: 'person' });
    expect(first!.confidence).toBeGreaterThan(0.4);
    expect(first!.x + first!.width / 2).toBeGreaterThan(0.6);
    for (const { x, y, width, height } of found) {
      for (const part of [x, y, width, height, x + width, y + height]) expect(part).toBeGreaterThanOrEqual(0);
      expect(Math.max(x + width, y + height)).toBeLessThanOrEqual(1.0001);
    }
  });

  test.each([
    ['tall', 256, 512],
    ['square', 512, 512],
    ['of odd sides', 471, 333],
  ])('finds them in pictures that are %s', async (_, width, height) => {
    const [first] = await detector.detect(await person(width - 150, { width, height }));
    expect(first).toMatchObject({ label: 'person' });
    expect(Math.abs((first!.x + first!.width / 2) * width - (width - 85))).toBeLessThan(30);
    expect(Math.abs((first!.y + first!.height / 2) * height - 160)).toBeLessThan(30);
  });

  test('leaves the program as it was: no listeners for crashes', () => {
    expect(process.listeners('uncaughtException').map(String).join()).not.toContain('ExitStatus');
  });
});

test('the captioner says who moves where, and remembers its tracks', async () => {
  const samples = await Promise.all([20, 120, 220].map(async (left, seconds) => ({ seconds, shot: 0, picture: await person(left) }))); // prettier-ignore
  const moment = { startSeconds: 0, endSeconds: 3, shot: 0, samples };
  const said = await captioner.describe(moment, undefined);
  expect(said.text).toMatch(/person walks to the right/);
  expect(said.objects).toEqual([expect.objectContaining({ label: 'person', track: 1 })]);
  expect(said.objects![0]!.boxes).toHaveLength(3);
  const later = { ...moment, startSeconds: 3, samples: [{ ...samples[2]!, seconds: 3 }] };
  const next = await captioner.describe(later, JSON.parse(JSON.stringify(said.memory)));
  expect(next.objects![0]!.track).toBe(1);
});

test('where nothing is recognised it says so', async () => {
  const sample = { seconds: 0, shot: 0, picture: sampleFrames(1, 48, 64) };
  const said = await captioner.describe({ startSeconds: 0, endSeconds: 1, shot: 0, samples: [sample] }, undefined);
  expect(said).toMatchObject({ text: 'Nothing is recognised.', objects: [] });
});
