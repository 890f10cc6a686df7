// Detectors beside each other find what one finds, and those in processes of their own too.
import { createRequire } from 'node:module';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Frames } from '../../io/frames.ts';
import { loadPicture } from '../../io/pictures.ts';
import { openDetector } from '../../understanding/detect.ts';
import { startDetectorChild } from '../../understanding/detector-child.ts';
import { openDetectors } from '../../understanding/detectors.ts';

const photo = join(dirname(createRequire(import.meta.url).resolve('@vladmandic/human')), '../assets/samples.jpg');

async function pictures(): Promise<Frames[]> {
  const bytes = await readFile(photo);
  return Promise.all([512, 448, 384, 320].map((height) => loadPicture(bytes, { width: 512, height })));
}

test('a process finds what this one does, and tells when it has ended', { timeout: 240_000 }, async () => {
  const [picture] = await pictures();
  const own = await openDetector();
  const child = startDetectorChild();
  onTestFinished(() => child.close());
  const found = await child.detect(picture!);
  expect(found).toEqual(await own.detect(picture!));
  expect(found.map(({ label }) => label)).toContain('person');
  process.kill(child.pid, 'SIGKILL');
  await expect(child.detect(picture!)).rejects.toThrow('has ended');
  await child.close();
});

test('however many there are, the same is found in the same order', { timeout: 240_000 }, async () => {
  const all = await pictures();
  const detectors = await openDetectors();
  onTestFinished(() => detectors.close());
  const first = await detectors.detect(all);
  expect(first).toHaveLength(all.length);
  for (let i = 0; i < 8; i++) expect(await detectors.detect(all)).toEqual(first); // processes join on the way
  await expect(detectors.detect(all, AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
});
