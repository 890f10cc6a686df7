// Captions over HTTP as callers meet them: films that are sent, videos that were made here, and what is refused.
import { createRequire } from 'node:module';
import { mkdir, readdir, readFile, symlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import * as mediaCaptions from 'media-captions';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { captionRecordSchema } from '../../jobs/caption-record.ts';
import { Captions } from '../../jobs/captions.ts';
import { Queue } from '../../jobs/queue.ts';
import { Videos } from '../../jobs/videos.ts';
import type { CaptionsObject } from '../../server/caption-object.ts';
import { settingsIn, sharedScratch } from '../jobs/scratch.ts';
import { until } from '../jobs/until.ts';
import { ffmpeg } from '../understanding/clips.ts';
import { badFields, startServer, type TestServer } from './running.ts';

/** The package's types do not resolve under NodeNext. */
const { parseText } = mediaCaptions as unknown as {
  readonly parseText: (text: string, options: { readonly type: string }) => Promise<{ cues: { text: string }[] }>;
};
const MINUTES = 60_000;
const folder = await sharedScratch();
const shelf = join(folder, 'data', 'captions');
const photo = join(dirname(createRequire(import.meta.url).resolve('@vladmandic/human')), '../assets/samples.jpg');
let server: TestServer;
let film: Buffer;
beforeAll(async () => {
  server = await startServer(folder, { mostUploadBytes: 2 ** 20 });
  const pan = "crop=600:600:'100+100*t':500,scale=320:320";
  await ffmpeg('-loop', '1', '-framerate', '5', '-t', '2', '-i', photo, '-vf', pan, join(folder, 'party.mp4'));
  film = await readFile(join(folder, 'party.mp4'));
  await mkdir(join(folder, 'models', 'nano'));
  for (const model of ['tiny', 'nano'])
    await symlink(resolve('models/nano/captioner'), join(folder, 'models', model, 'captioner'));
}, 10 * MINUTES);
afterAll(() => server.close(), 10 * MINUTES);

function formOf(
  fields: Readonly<Record<string, string>>,
  file: Buffer | undefined = film,
  name = 'party.mp4',
): FormData {
  const form = new FormData();
  for (const [field, value] of Object.entries(fields)) form.append(field, value);
  if (file !== undefined) form.append('file', new File([new Uint8Array(file)], name));
  return form;
}
const send = (body: FormData | object, headers: Record<string, string> = {}): Promise<Response> =>
  body instanceof FormData
    ? server.ask('/v1/captions', { method: 'POST', body, headers })
    : server.ask('/v1/captions', {
        method: 'POST',
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json', ...headers },
      });
const get = async <T>(path: string): Promise<T> => (await (await server.ask(path)).json()) as T;
const completed = (id: string): Promise<CaptionsObject> =>
  until(`${id} is completed`, async () => {
    const now = await get<CaptionsObject>(`/v1/captions/${id}`);
    if (now.status === 'failed') throw new Error(JSON.stringify(now.error));
    return now.status === 'completed' && now;
  });

describe('captions over HTTP', { timeout: 10 * MINUTES }, () => {
  it('are made of a film that is sent, followed, fetched in all formats, and removed', async () => {
    const answer = await send(formOf({ captioner: 'detector', every: '500ms' }), { 'idempotency-key': 'one' });
    expect(answer.status, await answer.clone().text()).toBe(200);
    const asked = (await answer.json()) as CaptionsObject;
    expect(asked).toMatchObject({ object: 'captions', name: 'party.mp4', video: null, size: '320x320', seconds: 2, captioner: 'detector' }); // prettier-ignore
    const events = await (await server.ask(`/v1/captions/${asked.id}/events`)).text();
    expect(events).toMatch(/event: captions\.completed\ndata: .*"progress":100/);
    expect(await completed(asked.id)).toMatchObject({ progress: 100, error: null, cues: expect.any(Number) as number });
    const content = async (format: string): Promise<string> => (await server.ask(`/v1/captions/${asked.id}/content?format=${format}`)).text(); // prettier-ignore
    expect((await parseText(await content('vtt'), { type: 'vtt' })).cues[0]!.text).toMatch(/person|people/);
    expect((await parseText(await content('srt'), { type: 'srt' })).cues).not.toHaveLength(0);
    expect(captionRecordSchema.parse(JSON.parse(await content('json'))).captions).not.toHaveLength(0);
    expect(await content('txt')).toMatch(/^0:00 {2}/);
    const back = await server.ask(`/v1/captions/${asked.id}/content?format=video`, { headers: { range: 'bytes=0-9' } });
    expect([back.status, back.headers.get('content-type')]).toEqual([206, 'video/mp4']);
    expect(Buffer.from(await back.arrayBuffer())).toEqual(film.subarray(0, 10));
    // The same film looked at in the same way is there already, whatever it is called.
    expect(await (await send(formOf({ captioner: 'detector', every: '0.5' }, film, 'again.mp4'))).json()).toMatchObject({ id: asked.id, status: 'completed' }); // prettier-ignore
    const replayed = await send(formOf({ captioner: 'detector', every: '500ms' }), { 'idempotency-key': 'one' });
    expect(replayed.headers.get('idempotent-replayed')).toBe('true');
    expect((await send(formOf({ captioner: 'detector' }), { 'idempotency-key': 'one' })).status).toBe(422);
    expect(await get('/v1/captions?limit=1')).toMatchObject({ data: [{ id: asked.id }], has_more: false });
    expect((await readdir(shelf)).filter((name) => !name.startsWith('incoming'))).toEqual([asked.id]);
    const gone = await server.ask(`/v1/captions/${asked.id}`, { method: 'DELETE' });
    expect(await gone.json()).toEqual({ id: asked.id, object: 'captions.deleted', deleted: true });
    expect(await readdir(shelf)).toEqual([]);
    expect((await server.ask(`/v1/captions/${asked.id}`)).status).toBe(404);
  });

  it('are made of a clip that was rendered here, and go with it', async () => {
    const { id } = await server.render({ prompt: 'a red cat' });
    const words = () => server.ask(`/v1/videos/${id}/content?variant=captions`);
    expect((await words()).status).toBe(404);
    const asked = (await (await send({ video: id })).json()) as CaptionsObject;
    expect(asked).toMatchObject({ video: id, name: `${id}.mp4`, captioner: 'nano:tiny' });
    await completed(asked.id);
    const track = await words();
    expect([track.status, track.headers.get('content-type')]).toEqual([200, 'text/vtt; charset=utf-8']);
    expect(await track.text()).toMatch(/^WEBVTT/);
    expect(await get(`/v1/captions?video=${id}`)).toMatchObject({ data: [{ id: asked.id }] });
    expect(await get('/v1/captions?video=clip-0123456789abcdef')).toMatchObject({ data: [] });
    await server.openai.videos.delete(id);
    expect((await server.ask(`/v1/captions/${asked.id}`)).status).toBe(404);
  });

  it('of a film of this machine, which an agent had made, are shown to nobody else, nor is the film', async () => {
    const queue = await Queue.open(settingsIn(folder));
    const captions = await Captions.open(await Videos.open(queue, 10), 10, true);
    const wish = { captioner: 'detector', every: '1s' } as const;
    const { record } = await captions.create({ kind: 'file', path: join(folder, 'party.mp4') }, wish);
    for (const path of ['', '/content', '/content?format=video', '/events'])
      expect((await server.ask(`/v1/captions/${record.id}${path}`)).status).toBe(404);
    expect((await server.ask(`/v1/captions/${record.id}`, { method: 'DELETE' })).status).toBe(404);
    expect(await get('/v1/captions')).toMatchObject({ data: [] });
    // Who sends the same film has captions of what was sent.
    const sent = (await (await send(formOf(wish))).json()) as CaptionsObject;
    expect(sent.id).not.toBe(record.id);
    await completed(sent.id);
    expect((await server.ask(`/v1/captions/${sent.id}/content?format=video`)).status).toBe(200);
    await until('they are made', async () => (await captions.get(record.id))!.hasCaptions);
    expect(await captions.file(record.id, 'video')).toBe(join(folder, 'party.mp4'));
    for (const id of [record.id, sent.id]) await captions.remove(id);
    await queue.close();
  });

  it('are refused with what to mend', async () => {
    const clip = 'clip-0123456789abcdef';
    const wrong: readonly (readonly [FormData | object, number, readonly string[]])[] = [
      [formOf({ every: 'often', count: 'x', videos: '/etc/passwd' }), 422, ['every', 'count', 'videos']],
      [formOf({ every: '1s', count: '3' }), 422, ['count']],
      [formOf({ captioner: 'openai:http://127.0.0.1:1/v1' }), 422, ['captioner']],
      [formOf({ captioner: 'hf:../../models/x' }), 422, ['captioner']],
      [formOf({ captioner: 'hf:elsewhere', speech: 'hf:x' }), 422, ['captioner']],
      [formOf({ folder: '/tmp', formats: 'vtt', overwrite: 'true' }), 422, ['folder', 'formats', 'overwrite']],
      [formOf({ captioner: 'detector', prompt: 'say it' }), 422, []],
      [formOf({}, Buffer.from('no film')), 422, []],
      [formOf({}, Buffer.alloc(0)), 422, []],
      [formOf({}, Buffer.from('#EXTM3U\n#EXTINF:1,\n/etc/passwd\n'), 'list.m3u8'), 422, []],
      [(() => { const form = new FormData(); form.append('every', '1s'); return form; })(), 422, ['file']], // prettier-ignore
      [formOf({}, Buffer.alloc(2 ** 20 + 1)), 413, []],
      [formOf({}, Buffer.alloc(2 ** 22)), 413, []],
      [{}, 422, ['file']],
      [{ video: 'film.mp4' }, 422, ['video']],
      [{ video: clip }, 422, ['video']],
      [{ video: clip, path: '/etc/passwd' }, 422, ['path']],
      [[], 422, []],
    ];
    for (const [body, status, fields] of wrong) {
      const answer = await send(body);
      const text = await answer.clone().text();
      expect([answer.status, text]).toEqual([status, expect.stringContaining('"message"')]);
      expect(text).not.toContain(folder);
      expect(await badFields(answer)).toEqual(expect.arrayContaining([...fields]));
    }
    const raw = (body: string, type: string) => server.ask('/v1/captions', { method: 'POST', body, headers: { 'content-type': type } }); // prettier-ignore
    expect((await raw('{', 'application/json')).status).toBe(400);
    expect((await raw('x', 'multipart/form-data')).status).toBe(400);
    expect((await raw('--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nabc', 'multipart/form-data; boundary=x')).status).toBe(400); // prettier-ignore
    expect((await raw('x', 'video/mp4')).status).toBe(415);
    for (const path of ['x', '..%2f..', clip, 'caption-0123456789abcdef', 'incoming-x'])
      expect((await server.ask(`/v1/captions/${path}/content`)).status).toBe(404);
    expect((await server.ask('/v1/captions?after=x')).status).toBe(422);
    expect((await server.ask('/v1/captions?limit=0')).status).toBe(422);
    expect(await readdir(shelf)).toEqual([]);
    expect(server.troubles).toEqual([]);
    const document = await get<{ paths: object; components: { schemas: object } }>('/openapi.json');
    expect(Object.keys(document.paths)).toContain('/v1/captions/{id}/content');
    expect(await get('/v1/capabilities')).toMatchObject({ limits: { upload_bytes: 2 ** 20 }, captions: { captioners: ['auto', 'detector', 'nano'], speech: [] } }); // prettier-ignore
  });
});
