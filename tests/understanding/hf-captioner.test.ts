import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { InvalidRequestError, JobFailedError, ModelFileError } from '../../graph/errors.ts';
import type { Moment } from '../../understanding/captioner.ts';
import { openHfCaptioner } from '../../understanding/hf-captioner.ts';
import { openListener } from '../../understanding/speech.ts';
import { sampleFrames } from '../io/sample-frames.ts';
import { sharedScratch } from '../jobs/scratch.ts';
import { writeTinyCaptioner, writeTinyChat, writeTinyListener } from './tiny-hub-models.ts';

const folder = await sharedScratch();
const source = { cacheFolder: join(folder, 'cache'), modelFolders: [folder] };
const moment: Moment = {
  startSeconds: 0,
  endSeconds: 1,
  shot: 0,
  samples: [{ seconds: 0, shot: 0, picture: sampleFrames(1, 48, 64) }],
};
const wordsOnly = /^(a|the|dog|cat|red|blue|house|tree|runs|sits|on|in| )+$/;

beforeAll(async () => {
  await writeTinyCaptioner(join(folder, 'captioner'));
  await writeTinyChat(join(folder, 'chat'));
  await writeTinyListener(join(folder, 'listener'));
});

describe('a model that turns pictures into text', () => {
  test('runs from a folder, and says the same of the same picture', async () => {
    const captioner = await openHfCaptioner(join(folder, 'captioner'), {}, source);
    const { text } = await captioner.describe(moment, undefined);
    expect(text).toMatch(wordsOnly);
    expect(await captioner.describe(moment, undefined)).toEqual({ text });
    await captioner.close();
  });

  test('is found by name in the folders of models', async () => {
    const captioner = await openHfCaptioner('captioner', {}, source);
    expect(captioner.name).toBe('hf:captioner');
    await captioner.close();
  });

  test('refuses words where it takes none', async () => {
    const opening = openHfCaptioner('captioner', { prompt: 'What colour is it?' }, source);
    await expect(opening).rejects.toThrow(/takes no prompt/);
  });
});

describe('a chat model', () => {
  test('is shown the picture and asked; its answer begins with the prefix', async () => {
    const captioner = await openHfCaptioner('chat', { prompt: 'the dog', prefix: 'a cat' }, source);
    const { text } = await captioner.describe(moment, undefined);
    expect(text.startsWith('a cat')).toBe(true);
    expect(text).not.toContain('image');
    await captioner.close();
  });
});

test('a model that listens writes letters', async () => {
  const listener = await openListener('listener', undefined, source);
  const sound = Float32Array.from({ length: 16_000 }, (_, i) => Math.sin(i / 9) * Math.sin(i / 700));
  const said = await listener.hear(sound);
  expect(said).toHaveLength(1);
  expect(said[0]).toMatchObject({ startSeconds: 0, endSeconds: 1 });
  expect(said[0]!.text).toMatch(/^[A-J ]+$/);
  await listener.close();
});

describe('what is not there is told in words', () => {
  test('no such folder, no such name', async () => {
    await expect(openHfCaptioner('./nowhere', {}, source)).rejects.toThrow(InvalidRequestError);
    await expect(openHfCaptioner('captioner#q99', {}, source)).rejects.toThrow(/precision q99/);
  });

  test('a folder that is no model', async () => {
    await mkdir(join(folder, 'empty'));
    await expect(openHfCaptioner('empty', {}, source)).rejects.toThrow(ModelFileError);
  });

  test('a file that is missing', async () => {
    await writeTinyCaptioner(join(folder, 'broken'));
    await rm(join(folder, 'broken/onnx/decoder_model_merged.onnx'));
    await expect(openHfCaptioner('broken', {}, source)).rejects.toThrow(/broken.*decoder_model_merged/s);
  });

  test('a hub that cannot be reached', async () => {
    const { env } = await import('@huggingface/transformers');
    env.remoteHost = 'http://127.0.0.1:9/';
    const opening = openHfCaptioner('nobody/nothing', {}, source);
    await expect(opening).rejects.toThrow(JobFailedError);
    await expect(opening).rejects.toThrow(/hub cannot be reached/);
  });
});
