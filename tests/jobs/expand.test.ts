// Expansion by a local server that speaks the endpoint's protocol: kept where it says what was wished, refused where it does not,
// asked for once, recorded, and bounded in time.
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { localEngine } from '../../graph/engine.ts';
import { InvalidRequestError } from '../../graph/errors.ts';
import { generate } from '../../jobs/generate.ts';
import { jobPreparer } from '../../jobs/prepare-job.ts';
import type { GenerateRequest } from '../../jobs/request.ts';
import { readSidecar } from '../../jobs/sidecar.ts';
import { type Stub, stubEndpoint } from '../understanding/stub-endpoint.ts';
import { scratch, settingsIn, sharedScratch } from './scratch.ts';
import { writeTinyModel } from './tiny-model.ts';

const shared = await sharedScratch();
const settings = settingsIn(shared);
const engine = localEngine({ threads: 1 });
afterAll(() => engine.close());
beforeAll(() => writeTinyModel(join(shared, 'models', 'tiny')));

const wish = 'kitty hopping around, winter';
const caption = 'A fluffy kitty jumps on a snowy field in winter, under a pale sky.';

async function render(stub: Stub, request: Partial<GenerateRequest> = {}) {
  const output = join(await scratch(), 'clip.mp4');
  const full = { prompt: wish, model: 'tiny', expand: `openai:${stub.url}`, ...request, output };
  const { clips, notices } = await generate(full, { engine, settings: { ...settings, cacheFolder: await scratch() } });
  return { clip: clips[0]!, notices, output };
}

describe('a prompt', () => {
  test('is rendered as its expansion, and kept beside it', async () => {
    const stub = await stubEndpoint();
    stub.answer = () => `"${caption}"`;
    const { clip, notices } = await render(stub);
    expect(clip.render).toMatchObject({ prompt: wish, expanded: caption });
    expect(notices.filter((notice) => notice.includes('expanded'))).toEqual([]);
    expect(stub.questions[0]!.text).toContain(`Wish: ${wish}`);
  });

  test('of a record is rendered to the same bytes, and asked of nobody', async () => {
    const stub = await stubEndpoint();
    stub.answer = () => caption;
    const { clip } = await render(stub, { seed: 3 });
    const { request } = await readSidecar(clip.sidecar);
    const asked = stub.questions.length;
    const again = await render(stub, request);
    expect(again.clip.sha256).toBe(clip.sha256);
    expect(stub.questions).toHaveLength(asked);
  });

  test('stays as it is where expansions lose something, after three attempts', async () => {
    const stub = await stubEndpoint();
    stub.answer = () => 'A dog jumps in the snow.';
    const { clip, notices } = await render(stub);
    expect(clip.render.expanded).toBe(wish);
    expect(stub.questions).toHaveLength(3);
    expect(notices).toContainEqual(expect.stringMatching(/shown as it is: "kitty" is missing/));
  });

  test('stays as it is where nobody answers; what is refused is refused', async () => {
    const stub = await stubEndpoint();
    stub.answer = () => 500;
    const { clip, notices } = await render(stub);
    expect(clip.render.expanded).toBe(wish);
    expect(notices).toContainEqual(expect.stringMatching(/shown as it is: openai:.* failed again/));
    stub.answer = () => 401;
    await expect(render(stub)).rejects.toThrow(/TESSERA_LANGUAGE_KEY/);
  });

  test('with times is expanded part by part, in one place', async () => {
    const stub = await stubEndpoint();
    stub.answer = ({ text }) => text.split('Wish: ')[1]!.replace('a cat', 'a small cat');
    const { clip } = await render(stub, { prompt: '0-1: a cat jumps in a forest; 1-2: it moves left', seconds: 2 });
    expect(clip.render.expanded).toBe('0-1: a small cat jumps in a forest; 1-2: a small cat moves left in a forest');
  });

  test('with words that nano does not know is told of them, and not of its times', async () => {
    const prompt = '0-2: a cat jumps in a forest; 2-4: it sways in a zzyzx';
    const own = { ...settings, modelFolders: ['models'], cacheFolder: await scratch() };
    const request = { prompt, model: 'nano', expand: 'nano', seconds: 4, output: join(await scratch(), 'clip.mp4') };
    const { job } = await jobPreparer(own)(request);
    expect(job.notices).toContain('nano does not know these words: zzyzx.');
  });

  test('is asked for once: what was written is looked up', async () => {
    const stub = await stubEndpoint();
    stub.answer = () => caption;
    const cacheFolder = await scratch();
    const prepare = jobPreparer({ ...settings, cacheFolder });
    const request = { prompt: wish, model: 'tiny', expand: `openai:${stub.url}`, output: join(shared, 'x.mp4') };
    const [one, two] = [await prepare(request), await prepare({ ...request, seed: 0 })];
    expect(one.job.request).toMatchObject({ prompt: wish, expanded: caption });
    expect(two.id).toBe(one.id);
    expect(stub.questions).toHaveLength(1);
    expect(await readdir(join(cacheFolder, 'expansions'))).toHaveLength(1);
    stub.answer = () => 'A dog jumps in the snow.';
    const { job } = await jobPreparer({ ...settings, cacheFolder: await scratch() })(request);
    expect(job.notices).toContainEqual(expect.stringMatching(/shown as it is: "kitty" is missing/));
    stub.answer = () => 'A kitty that is jumping in the winter.';
    const elsewhere = jobPreparer({ ...settings, cacheFolder: await scratch() });
    expect((await elsewhere(request)).id).toBe(one.id); // the job is named by the wish
    expect((await elsewhere({ ...request, expand: 'openai:http://127.0.0.1:9' })).id).not.toBe(one.id);
  });
});

test('nobody is asked to expand what has no place to go, but for the rest of what was begun', async () => {
  const stub = await stubEndpoint();
  stub.answer = () => caption;
  const folder = await scratch();
  const request = { prompt: wish, model: 'tiny', expand: `openai:${stub.url}`, output: join(folder, 'x.mp4') };
  const inCache = { ...settings, cacheFolder: folder };
  await writeFile(request.output, 'of somebody');
  await expect(generate(request, { engine, settings: inCache })).rejects.toThrow('exists already');
  await expect(jobPreparer(inCache)(request)).rejects.toThrow('exists already');
  expect(stub.questions).toEqual([]);

  const two = { ...request, output: join(folder, 'two.mp4'), clips: 2 };
  const { clips } = await generate(two, { engine, settings: inCache });
  await rm(clips[1]!.path);
  const again = await generate(two, { engine, settings: inCache });
  expect(again.clips.map(({ sha256 }) => sha256)).toEqual(clips.map(({ sha256 }) => sha256));
  expect(stub.questions).toHaveLength(1);
});

test('an expander must be one that there is', async () => {
  const prepare = jobPreparer(settings);
  const request = { prompt: wish, model: 'tiny', output: join(shared, 'y.mp4') };
  await expect(prepare({ ...request, expand: 'magic' })).rejects.toThrow(/must be nano, openai, hf:<model>/);
  await expect(prepare({ ...request, expand: 'openai' })).rejects.toThrow(/TESSERA_LANGUAGE_URL/);
  await expect(prepare({ ...request, expand: 'nano' })).rejects.toThrow(/has no expander of its own/);
  await expect(prepare({ ...request, expand: 'hf:nowhere' })).rejects.toThrow(InvalidRequestError);
});
