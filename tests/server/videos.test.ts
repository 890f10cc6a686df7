// The server as its callers meet it: the official client of OpenAI's API, a player that seeks, a listener, a scraper.
import { createHash } from 'node:crypto';
import { readdir, readFile, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { VideoObject } from '../../server/video-object.ts';
import { sharedScratch } from '../jobs/scratch.ts';
import { writeTinyModel } from '../jobs/tiny-model.ts';
import { until } from '../jobs/until.ts';
import { startServer, type TestServer } from './running.ts';

const MINUTES = 60_000;
const folder = await sharedScratch();
const shelf = join(folder, 'data', 'videos');
let server: TestServer;
beforeAll(async () => {
  server = await startServer(folder);
}, 10 * MINUTES);
afterAll(() => server.close(), 10 * MINUTES);

describe('a server of videos', { timeout: 10 * MINUTES }, () => {
  it('works with the official client, from a wish to a clip and its end', async () => {
    const { videos } = server.openai;
    const created = await videos.create({ model: 'tiny', prompt: 'a red unicorn', seconds: '1' as '4', size: '64x32' as '720x1280' }); // prettier-ignore
    expect(created).toMatchObject({ object: 'video', model: 'tiny', prompt: 'a red unicorn', size: '64x32', seconds: '1', error: null }); // prettier-ignore
    expect(['queued', 'in_progress']).toContain(created.status);
    expect(created.created_at).toBeGreaterThan(1.7e9);
    const done = await until('it is completed', async () => {
      const video = await videos.retrieve(created.id);
      expect(video.progress).toBeGreaterThanOrEqual(0);
      return video.status === 'completed' && video;
    });
    expect(done).toMatchObject({
      progress: 100,
      expires_at: null,
      render: { frames: 5, seconds: 1, fps: 8, seed: 0, steps: 4 },
      notices: ['tiny does not know these words: unicorn.'],
    });
    expect(done.completed_at).toBeGreaterThanOrEqual(done.created_at);
    const clip = Buffer.from(await (await videos.downloadContent(created.id)).arrayBuffer());
    const record = JSON.parse(await readFile(join(shelf, `${created.id}.json`), 'utf8')) as { output: { sha256: string } }; // prettier-ignore
    expect(createHash('sha256').update(clip).digest('hex')).toBe(record.output.sha256);
    expect(await videos.delete(created.id)).toMatchObject({ id: created.id, deleted: true });
    await expect(videos.retrieve(created.id)).rejects.toMatchObject({ status: 404, code: 'not_found' });
    await expect(videos.delete(created.id)).rejects.toMatchObject({ status: 404 });
    expect((await readdir(shelf)).filter((name) => name.startsWith(created.id))).toEqual([]);
  });

  it('starts a clip from a picture that the official client sends, and keeps it no longer than its videos', async () => {
    const { videos } = server.openai;
    const png = await sharp({ create: { width: 40, height: 24, channels: 3, background: 'red' } })
      .png()
      .toBuffer();
    const wish = { model: 'tiny', prompt: 'a red cat', fit: 'contain' } as const;
    const ask = (bytes: Buffer) =>
      videos.create({ ...wish, input_reference: new File([new Uint8Array(bytes)], 'cat.png') });
    const created = await ask(png);
    await until('it is completed', async () => (await videos.retrieve(created.id)).status === 'completed');
    const [picture] = await readdir(join(shelf, 'pictures'));
    expect(picture).toBe(createHash('sha256').update(png).digest('hex'));
    const record = await readFile(join(shelf, `${created.id}.json`), 'utf8');
    expect(JSON.parse(record)).toMatchObject({ request: { imageSha256: picture, fit: 'contain' } });
    expect((await ask(png)).id).toBe(created.id);
    expect((await videos.create({ model: 'tiny', prompt: 'a red cat' })).id).not.toBe(created.id);
    await expect(ask(Buffer.from('no picture'))).rejects.toMatchObject({ status: 422 });
    await utimes(join(shelf, 'pictures', picture!), 0, 0); // as if it were old
    for await (const { id } of videos.list()) await videos.delete(id);
    expect(await readdir(join(shelf, 'pictures'))).toEqual([]);
  });

  it('makes a clip like a picture, and says what was seen, but not where the picture lies', async () => {
    const towers = join(folder, 'models', 'towers');
    await writeTinyModel(towers, { towers: true, masksPadding: true });
    onTestFinished(() => rm(towers, { recursive: true }));
    const png = await sharp({ create: { width: 24, height: 24, channels: 3, background: 'white' } }).png().toBuffer(); // prettier-ignore
    const form = new FormData();
    const fields = { prompt: 'jumps', model: 'towers', likeWeight: '0.5' };
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    form.append('like_reference', new File([new Uint8Array(png)], 'like.png'));
    const answer = await server.ask('/v1/videos', { method: 'POST', body: form });
    expect(answer.status).toBeLessThan(300);
    const { id } = (await answer.json()) as VideoObject;
    const { render } = await until('it is completed', async () => {
      const video = (await server.openai.videos.retrieve(id)) as unknown as VideoObject;
      return video.status === 'completed' && video;
    });
    const likeSha256 = createHash('sha256').update(png).digest('hex');
    expect(render).toMatchObject({ likeSha256, likeWeight: 0.5, likeness: expect.stringMatching(/^(cat|dog|penguin)/) as string }); // prettier-ignore
    expect(render).not.toHaveProperty('like');
    await server.openai.videos.delete(id);
  });

  it('lists videos page by page, latest first or last', async () => {
    const ids: string[] = [];
    for (let seed = 10; seed < 15; seed++) {
      ids.push((await server.openai.videos.create({ model: 'tiny', prompt: 'a dog', seed } as never)).id);
    }
    const listed: string[] = [];
    for await (const { id } of server.openai.videos.list({ limit: 2, order: 'asc' })) listed.push(id);
    expect(listed).toEqual(ids);
    const page = await server.openai.videos.list({ limit: 2, after: ids[3]! });
    expect(page.data.map(({ id }) => id)).toEqual([ids[2], ids[1]]);
    expect(page).toMatchObject({ has_more: true, last_id: ids[1] });
    for (const id of ids) await server.openai.videos.delete(id);
    expect((await server.openai.videos.list()).data).toEqual([]);
  });

  it('makes a clip again that was deleted, and does not render twice what is there', async () => {
    const first = await server.render({ prompt: 'a penguin', seed: 1 });
    const again = (await (await server.post({ prompt: 'a penguin', seed: 1, width: 32 })).json()) as VideoObject;
    expect(again).toEqual(first);
    await server.openai.videos.delete(first.id);
    const anew = await server.render({ prompt: 'a penguin', seed: 1 });
    expect(anew.id).toBe(first.id);
    expect((await server.ask(`/v1/videos/${anew.id}/content`)).status).toBe(200);
  });

  it('cancels what is deleted before it has ended', async () => {
    const { id } = (await (await server.post({ prompt: 'a long one', steps: 1000 })).json()) as VideoObject;
    await until('it runs', async () => {
      const { status } = await server.openai.videos.retrieve(id);
      return status === 'in_progress';
    });
    expect((await server.ask(`/v1/videos/${id}/content`)).status).toBe(409);
    await server.openai.videos.delete(id);
    await server.render({ prompt: 'the next one' }); // the only worker is free again
  });

  it('leaves nothing of what is deleted while it runs, however soon it would be done', async () => {
    const ids: string[] = [];
    for (let seed = 20; seed < 26; seed++) {
      const { id } = (await (await server.post({ prompt: 'a short one', seed })).json()) as VideoObject;
      ids.push(id);
      await until('it runs', async () => (await server.openai.videos.retrieve(id)).status !== 'queued', 2);
      await server.openai.videos.delete(id);
    }
    await server.render({ prompt: 'the one after' }); // the only worker has let go of them
    expect((await readdir(shelf)).filter((name) => ids.some((id) => name.includes(id)))).toEqual([]);
  });

  it('sends parts of a clip, and nothing to those who have it', async () => {
    const { id } = await server.render({ prompt: 'a cat', seed: 2 });
    const get = (headers: Record<string, string>, method = 'GET'): Promise<Response> =>
      server.ask(`/v1/videos/${id}/content`, { headers, method });
    const whole = await get({});
    const bytes = Buffer.from(await whole.arrayBuffer());
    const etag = whole.headers.get('etag')!;
    expect(whole.headers.get('content-type')).toBe('video/mp4');
    expect(whole.headers.get('accept-ranges')).toBe('bytes');
    for (const [range, start, end] of [
      ['0-3', 0, 4],
      ['5-', 5, bytes.length],
      ['-7', bytes.length - 7, bytes.length],
    ] as const) {
      // prettier-ignore
      const part = await get({ range: `bytes=${range}` });
      expect(part.status).toBe(206);
      expect(part.headers.get('content-range')).toBe(`bytes ${start}-${end - 1}/${bytes.length}`);
      expect(Buffer.from(await part.arrayBuffer())).toEqual(bytes.subarray(start, end));
    }
    expect((await get({ range: `bytes=${bytes.length}-` })).status).toBe(416);
    expect((await get({ range: 'bytes=0-1', 'if-range': '"other"' })).status).toBe(200);
    expect((await get({ 'if-none-match': etag })).status).toBe(304);
    const head = await get({}, 'HEAD');
    expect([head.status, head.headers.get('content-length')]).toEqual([200, String(bytes.length)]);
  });

  it('draws a thumbnail and a sprite sheet, and keeps them', async () => {
    const { id } = await server.render({ prompt: 'a dog', width: 64, height: 32, frames: 9 });
    const sizes = [];
    for (const variant of ['thumbnail', 'spritesheet'] as const) {
      const both = await Promise.all([1, 2].map(() => server.openai.videos.downloadContent(id, { variant })));
      expect(both[0]!.headers.get('etag')).toBe(both[1]!.headers.get('etag'));
      const { width, height, format } = await sharp(Buffer.from(await both[0]!.arrayBuffer())).metadata();
      sizes.push([format, width, height]);
    }
    expect(sizes).toEqual([['png', 64, 32], ['png', 3 * 64, 3 * 32]]); // prettier-ignore
    expect(await readdir(shelf)).toContain(`${id}.spritesheet.png`);
    expect((await server.ask(`/v1/videos/${id}/content?variant=film`)).status).toBe(422);
    const single = await server.render({ prompt: 'a dog', frames: 1 });
    expect((await server.ask(`/v1/videos/${single.id}/content?variant=thumbnail`)).status).toBe(200);
  });

  it('tells those who listen how far a video is, until it has ended', async () => {
    const { id } = (await (await server.post({ prompt: 'a walk', steps: 60 })).json()) as VideoObject;
    const answer = await server.ask(`/v1/videos/${id}/events`);
    expect(answer.headers.get('content-type')).toContain('text/event-stream');
    const events = (await answer.text()).split('\n\n').filter((text) => text.startsWith('event:'));
    expect(events[0]).toMatch(/^event: video\.(queued|in_progress)\ndata: \{/);
    expect(events.at(-1)).toContain('event: video.completed');
    expect((await server.ask('/v1/videos/nothing/events')).status).toBe(404);
  });

  it('knows a request that is sent again by its key', async () => {
    const headers = { 'Idempotency-Key': 'k-1' };
    const wish = { prompt: 'a field', seed: 'random' };
    const answers = await Promise.all([1, 2, 3].map(() => server.post(wish, headers)));
    const ids = await Promise.all(answers.map(async (one) => ((await one.json()) as VideoObject).id));
    expect(new Set(ids).size).toBe(1);
    expect(answers.filter((one) => one.headers.get('idempotent-replayed') === 'true')).toHaveLength(2);
    const other = await server.post({ ...wish, steps: 2 }, headers);
    expect([other.status, await other.text()]).toEqual([422, expect.stringContaining('another body')]);
  });

  it('names its models and what they can do', async () => {
    const models = await server.openai.models.list();
    expect(models.data).toMatchObject([{ id: 'tiny', object: 'model', owned_by: 'tessera' }]);
    expect(await server.openai.models.retrieve('tiny')).toMatchObject({ id: 'tiny' });
    await expect(server.openai.models.retrieve('none')).rejects.toMatchObject({ status: 404 });
    const can = (await (await server.ask('/v1/capabilities')).json()) as object;
    expect(can).toMatchObject({
      limits: { waiting_jobs: 1000 },
      models: [{ model: 'tiny', size: { multipleOf: 16, width: 32 }, frames: { multipleOf: 4, plus: 1, default: 5 } }],
    });
  });

  it('tells how it is, and describes itself by its schemas', async () => {
    expect((await server.ask('/healthz')).status).toBe(200);
    expect((await server.ask('/readyz')).status).toBe(200);
    const metrics = await (await server.ask('/metrics')).text();
    expect(metrics).toMatch(/tessera_jobs\{state="done"\} \d/);
    expect(metrics).toMatch(/tessera_queue_length \d/);
    expect(metrics).toMatch(/tessera_render_seconds_count\{state="done"\} [1-9]/);
    expect(metrics).toMatch(/tessera_http_requests_total\{method="GET",route="\/v1\/videos\/:id",status="200"\} \d/);
    const document = (await (await server.ask('/openapi.json')).json()) as Record<string, never>;
    const { CreateVideo } = document['components']!['schemas'] as Record<string, { properties: object; required: string[] }>; // prettier-ignore
    expect(CreateVideo).toMatchObject({ required: ['prompt'], additionalProperties: false });
    expect(Object.keys(CreateVideo!.properties)).toEqual(expect.arrayContaining(['size', 'seconds', 'sampler']));
    expect(Object.keys(CreateVideo!.properties)).not.toContain('output');
    expect(Object.keys(document['paths']!)).toContain('/v1/videos/{id}/content');
    const one = await server.ask('/v1/videos');
    expect(one.headers.get('x-request-id')).toMatch(/^req_[0-9a-f]{32}$/);
    expect(server.troubles).toEqual([]);
  });
});
