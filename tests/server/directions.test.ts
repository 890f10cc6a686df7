// Videos over HTTP that are directed by pictures, by other videos and by paths, each really rendered; and what is refused, by its field.
import { symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { collectFrames, type Frames } from '../../io/frames.ts';
import { readVideo } from '../../io/read-video.ts';
import type { VideoObject } from '../../server/video-object.ts';
import { sharedScratch } from '../jobs/scratch.ts';
import { tools } from '../understanding/clips.ts';
import { badFields, startServer, type TestServer } from './running.ts';

const MINUTES = 60_000;
const folder = await sharedScratch();
let server: TestServer;
/** Two videos that others are made of. */
let first: VideoObject;
let second: VideoObject;
beforeAll(async () => {
  server = await startServer(folder);
  await symlink(resolve('models/nano'), join(folder, 'models', 'nano'));
  first = await server.render({ prompt: 'a cat', frames: 13, steps: 2, seed: 1 });
  second = await server.render({ prompt: 'a dog', frames: 13, steps: 2, seed: 2 });
}, 10 * MINUTES);
afterAll(() => server.close(), 10 * MINUTES);

const brief = { prompt: 'a penguin jumps', model: 'tiny', frames: 13, steps: 2 };

async function framesOf({ id }: VideoObject): Promise<Frames> {
  const path = join(folder, `${id}.mp4`);
  await writeFile(path, new Uint8Array(await (await server.ask(`/v1/videos/${id}/content`)).arrayBuffer()));
  return collectFrames(readVideo(tools, path, { width: 32, height: 32, fps: 8 }));
}

/** Mean absolute difference of two clips in the left half of the frame, and in the right. */
function differences(a: Frames, b: Frames): readonly [number, number] {
  const sums: [number, number] = [0, 0];
  for (const [i, value] of a.data.entries()) sums[Math.floor(i / 48) % 2]! += Math.abs(value - b.data[i]!);
  return [sums[0] / a.data.length, sums[1] / a.data.length];
}

const picture = async (colour: string, size = 32): Promise<File> => {
  const create = { width: size, height: size, channels: 3, background: colour } as const;
  return new File([new Uint8Array(await sharp({ create }).png().toBuffer())], 'picture.png');
};

/** White on the right, at twice the clip's size. */
async function rightHalf(): Promise<File> {
  const white = await sharp({ create: { width: 32, height: 64, channels: 3, background: 'white' } }).png().toBuffer(); // prettier-ignore
  const create = { width: 64, height: 64, channels: 3, background: 'black' } as const;
  const mask = sharp({ create }).composite([{ input: white, left: 32, top: 0 }]);
  return new File([new Uint8Array(await mask.png().toBuffer())], 'mask.png');
}

/** Asks by a form, waits, and gives the video. */
const renderForm = async (fields: object, files: Readonly<Record<string, File>>): Promise<VideoObject> =>
  server.rendered(await postForm(fields, files));

function postForm(fields: object, files: Readonly<Record<string, File>>): Promise<Response> {
  const form = new FormData();
  for (const [name, value] of Object.entries({ ...brief, ...fields })) form.append(name, String(value));
  for (const [name, file] of Object.entries(files)) form.append(name, file);
  return server.ask('/v1/videos', { method: 'POST', body: form });
}

describe('a video over HTTP', { timeout: 10 * MINUTES }, () => {
  it('goes on from another, which stays', async () => {
    const longer = await server.render({ ...brief, extend: first.id });
    expect(longer.render).toMatchObject({ extend: first.id, side: 'end' });
    expect(JSON.stringify(longer)).not.toContain(folder);
    const [clip, given] = [await framesOf(longer), await framesOf(first)];
    expect(clip.frames).toBe(13 + 8);
    const beginning = { ...given, data: given.data.slice(0, 8 * 3072) };
    expect(Math.max(...differences(beginning, clip))).toBeLessThan(4); // what H.264 makes of it twice
  });

  it('joins two others, named in JSON and in a form', async () => {
    const joined = await server.render({ ...brief, between: [first.id, second.id] });
    expect(joined.render).toMatchObject({ between: [first.id, second.id] });
    expect((await framesOf(joined)).frames).toBe(2 * 13 + 4);
    const again = await postForm({ between: `${first.id},${second.id}` }, {});
    expect(await again.json()).toMatchObject({ id: joined.id });
  });

  it('is made anew of another, only in a box, only where a mask is white', async () => {
    const given = await framesOf(first);
    const whole = await server.render({ ...brief, restyle: first.id, strength: 0.9 });
    expect(whole.render).toMatchObject({ restyle: first.id, strength: 0.9 });
    const boxed = await server.render({ ...brief, restyle: first.id, box: '0.5,0,0.5,1' });
    const masked = await renderForm({ restyle: first.id }, { mask_reference: await rightHalf() });
    expect(masked.render).toMatchObject({ restyle: first.id, strength: 1, maskSha256: expect.any(String) as string });
    for (const video of [boxed, masked]) {
      const [left, right] = differences(given, await framesOf(video));
      expect(left).toBeLessThan(4);
      expect(right).toBeGreaterThan(2 * left);
    }
  });

  it('starts from one picture and ends with another', async () => {
    const led = await renderForm({}, { input_reference: await picture('red'), last_reference: await picture('blue', 48) }); // prettier-ignore
    const sums = { imageSha256: expect.any(String) as string, lastSha256: expect.any(String) as string };
    expect(led.render).toMatchObject(sums);
    expect(led.render).not.toHaveProperty('last');
    expect((await framesOf(led)).frames).toBe(13);
  });

  it("leads nano's actor along a path, like that of a picture", async () => {
    const small = { model: 'nano', frames: 5, steps: 2, size: '64x64', prompt: 'a cat on a beach' };
    const path = 'cat: 0.2,0.3 > 0.8,0.6';
    const led = await server.render({ ...small, path });
    expect(led.render).toMatchObject({ path });
    const like = await renderForm({ ...small, prompt: 'jumps', path: '0.2,0.3 > 0.8,0.6' }, { like_reference: await picture('green') }); // prettier-ignore
    expect(like.render).toMatchObject({ likeness: expect.any(String) as string, path: '0.2,0.3 > 0.8,0.6' });
  });
});

describe('a direction over HTTP', { timeout: 10 * MINUTES }, () => {
  const nobody = 'clip-0123456789abcdef';

  it.each<[string, () => object, readonly string[]]>([
    ['of a video that is not there', () => ({ extend: nobody }), ['extend']],
    ['of two, one of which is not there', () => ({ between: [first.id, nobody] }), ['between']],
    ['of one video for two', () => ({ between: [first.id] }), ['between']],
    ['of a file', () => ({ restyle: '/etc/passwd' }), ['restyle']],
    ['of an id of nothing', () => ({ restyle: 'clip-../../etc' }), ['restyle']],
    ['along a path through a given video', () => ({ restyle: first.id, path: '0.1,0.1 > 1,1' }), ['path', 'restyle']],
    ['along a path that the model was not taught', () => ({ path: '0.1,0.1 > 1,1' }), ['path']],
    ['along a path out of the frame', () => ({ path: '0.1,0.1 > 1.5,1' }), ['path']],
    ['that is two', () => ({ extend: first.id, restyle: first.id }), ['extend', 'restyle']],
    ['with a side of nothing', () => ({ side: 'start' }), ['side', 'extend']],
    ['with a box of nothing', () => ({ box: '0,0,1,1' }), ['box', 'restyle']],
    ['with a box out of the frame', () => ({ restyle: first.id, box: '0.5,0,0.6,1' }), ['box']],
    ['with a mask that is no file', () => ({ restyle: first.id, mask: 'm.png' }), ['mask']],
    ['with a last picture that is no file', () => ({ last_reference: 'm.png' }), ['last_reference']],
  ])('is refused %s', async (_, wish, fields) => {
    const answer = await server.post({ ...brief, ...wish() });
    expect(answer.status).toBe(422);
    expect(await badFields(answer)).toEqual(fields);
  });

  it('is refused of a video that is not completed', async () => {
    const long = (await (await server.post({ ...brief, prompt: 'a long one', steps: 1000 })).json()) as VideoObject;
    for (const wish of [{ extend: long.id }, { restyle: long.id }, { between: [first.id, long.id] }]) {
      const answer = await server.post({ ...brief, ...wish });
      expect([answer.status, await badFields(answer)]).toEqual([422, [Object.keys(wish)[0]]]);
    }
    await server.ask(`/v1/videos/${long.id}`, { method: 'DELETE' });
  });

  it('is refused by a form whose files are no pictures, or have nothing to say', async () => {
    const none = new File(['none'], 'none.png');
    for (const [fields, files, bad] of [
      [{}, { last_reference: none }, 'last'],
      [{ restyle: first.id }, { mask_reference: none }, 'mask'],
      [{}, { mask_reference: await rightHalf() }, 'mask'],
      [{ model: 'nano' }, { like_reference: none }, 'like'],
    ] as const) {
      const answer = await postForm(fields, files);
      expect([answer.status, await badFields(answer)]).toEqual([422, [bad]]);
    }
  });
});
