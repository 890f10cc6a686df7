import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { InvalidRequestError, JobFailedError } from '../../graph/errors.ts';
import { outputError, writeBeside } from '../../io/atomic.ts';
import { readSidecar, sidecarPath, writeSidecar } from '../../io/sidecar.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tessera-sidecar-'));
});
afterAll(() => rm(folder, { recursive: true }));

test.each([
  ['/a/clip.mp4', '/a/clip.json'],
  ['/a/clip.v2.webm', '/a/clip.v2.json'],
  ['/a/frames/', '/a/frames.json'],
  ['/a/shot-%04d.png', '/a/shot.json'],
  ['/a/%d.png', '/a/clip.json'],
])('the record of %s is %s', (clip, record) => {
  expect(sidecarPath(clip)).toBe(record);
});

test('a record is read as it was written, and not overwritten unasked', async () => {
  const record = { prompt: 'ein Pinguin 🐧\nspringt', seed: 7, nested: { list: [1, null] } };
  const clip = join(folder, 'clip.mp4');
  const path = await writeSidecar(clip, record);
  expect(await readSidecar(path)).toEqual(record);
  expect(await readFile(path, 'utf8')).toMatch(/^\{\n {2}"prompt"/);
  await expect(writeSidecar(clip, {})).rejects.toThrow(/clip.json exists already/);
  await writeSidecar(clip, { seed: 8 }, { overwrite: true });
  expect(await readSidecar(path)).toEqual({ seed: 8 });
  expect(await readdir(folder)).toEqual(['clip.json']);
});

test.each([
  ['missing', undefined, /no such file/],
  ['broken', '{"a":', /no valid JSON/],
  ['empty', '', /no valid JSON/],
  ['list', '[1]', /no JSON object/],
])('a record that is %s is refused', async (name, content, message) => {
  const path = join(folder, `${name}.json`);
  if (content !== undefined) await writeFile(path, content);
  const reading = readSidecar(path);
  await expect(reading).rejects.toThrow(InvalidRequestError);
  await expect(reading).rejects.toThrow(message);
});

test('a file that appears while another is written is not replaced', async () => {
  const path = join(folder, 'race.txt');
  const writing = writeBeside(path, {}, async (temporary) => {
    await writeFile(temporary, 'new');
    await writeFile(path, 'quicker');
  });
  await expect(writing).rejects.toThrow(/exists already/);
  expect(await readFile(path, 'utf8')).toBe('quicker');
});

test.each([
  ['ENOSPC', JobFailedError, /the disk is full/],
  ['EDQUOT', JobFailedError, /the disk is full/],
  ['EACCES', InvalidRequestError, /no permission to write into \/some/],
  ['EROFS', InvalidRequestError, /no permission/],
  ['ENOENT', InvalidRequestError, /there is no folder \/some/],
  ['ENAMETOOLONG', InvalidRequestError, /the name is too long/],
  ['EEXIST', InvalidRequestError, /exists already/],
])('%s is told in words', (code, kind, message) => {
  const error = outputError(Object.assign(new Error(code), { code }), '/some/clip.mp4');
  expect(error).toBeInstanceOf(kind);
  expect((error as Error).message).toMatch(message);
});
