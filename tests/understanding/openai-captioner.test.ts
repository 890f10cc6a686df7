import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { InvalidRequestError, JobFailedError } from '../../graph/errors.ts';
import type { Moment, Wish } from '../../understanding/captioner.ts';
import { type CaptioningEndpoint, openEndpointCaptioner } from '../../understanding/openai-captioner.ts';
import { answers } from '../../understanding/openai-endpoint.ts';
import { sampleFrames } from '../io/sample-frames.ts';
import { stubEndpoint } from './stub-endpoint.ts';

const moment: Moment = {
  startSeconds: 0,
  endSeconds: 1,
  shot: 0,
  samples: [{ seconds: 0, shot: 0, picture: sampleFrames(1, 48, 64) }],
};
const ask = async (endpoint: CaptioningEndpoint, wish: Wish = {}) =>
  (await openEndpointCaptioner(endpoint, wish)).describe(moment, undefined);

describe('an endpoint', () => {
  test('is shown the picture, asked, and billed', async () => {
    const stub = await stubEndpoint();
    const said = await ask({ url: `${stub.url}/`, key: 'secret' }, { prompt: 'What is red?', language: 'German' });
    expect(said).toEqual({ text: 'A red square.', tokens: { input: 100, output: 7 } });
    const [question] = stub.questions;
    expect(question).toMatchObject({ model: 'stub-vision', authorization: 'Bearer secret' });
    expect(question!.text).toBe('What is red? Answer in this language: German.');
    expect(await sharp(question!.picture).metadata()).toMatchObject({ format: 'jpeg', width: 64, height: 48 });
  });

  test('answers begin with the prefix', async () => {
    const stub = await stubEndpoint();
    expect((await ask({ url: stub.url }, { prefix: 'We see' })).text).toBe('We see A red square.');
    stub.answer = () => 'we see a dog.';
    expect((await ask({ url: stub.url, model: 'other' }, { prefix: 'We see' })).text).toBe('we see a dog.');
    expect(stub.questions[1]!.model).toBe('other');
  });

  test('that fails for a moment is asked again', async () => {
    const stub = await stubEndpoint();
    stub.answer = (_, number) => (number === 1 ? 503 : 'A dog.');
    expect((await ask({ url: stub.url })).text).toBe('A dog.');
    expect(stub.questions).toHaveLength(2);
  });

  test('is left when it fails on, and the error says which', async () => {
    const stub = await stubEndpoint();
    stub.answer = () => 500;
    await expect(ask({ url: stub.url, retries: 0 })).rejects.toMatchObject({ code: 'ENDPOINT_FAILED' });
    stub.answer = () => 401;
    await expect(ask({ url: stub.url, retries: 0 })).rejects.toThrow(/TESSERA_VISION_KEY/);
    stub.answer = () => 400;
    await expect(ask({ url: stub.url, retries: 0 })).rejects.toThrow(/look at pictures/);
    stub.answer = () => undefined;
    await expect(ask({ url: stub.url, retries: 0, timeoutSeconds: 0.2 })).rejects.toMatchObject({ code: 'ENDPOINT_TIMEOUT' }); // prettier-ignore
  });

  test('that is not there, or is none', async () => {
    await expect(ask({ url: 'http://127.0.0.1:9/v1', retries: 0 })).rejects.toThrow(JobFailedError);
    await expect(ask({ url: 'file:///etc' })).rejects.toThrow(InvalidRequestError);
    expect(await answers('http://127.0.0.1:9/v1', undefined)).toBe(false);
    expect(await answers((await stubEndpoint()).url, undefined)).toBe(true);
  });

  test('is left at once on an abort', async () => {
    const stub = await stubEndpoint();
    stub.answer = () => undefined;
    const captioner = await openEndpointCaptioner({ url: stub.url }, {});
    const stopper = new AbortController();
    const asking = captioner.describe(moment, undefined, stopper.signal);
    setTimeout(() => stopper.abort(new Error('enough')), 100);
    await expect(asking).rejects.toThrow('enough');
  });
});
