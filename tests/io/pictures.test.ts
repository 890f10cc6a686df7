import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { InvalidRequestError } from '../../graph/errors.ts';
import { contactSheet } from '../../io/contact-sheet.ts';
import { type Frames, framesOf } from '../../io/frames.ts';
import { loadPicture, savePicture } from '../../io/pictures.ts';
import { sampleFrames } from './sample-frames.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tessera-pictures-'));
});
afterAll(() => rm(folder, { recursive: true }));

const picture = sampleFrames(1, 32, 64);
const raw = (frames: Frames): Sharp =>
  sharp(frames.data, { raw: { width: frames.width, height: frames.height, channels: 3 } });
const pixel = ({ data, width }: Frames, x: number, y: number): number[] => [
  ...data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3),
];
const RED = [220, 30, 20];
const BLUE = [30, 40, 210];

describe('loading', () => {
  test('a saved picture comes back as it was, from file and from bytes', async () => {
    const path = join(folder, 'ä b.png');
    await savePicture(path, picture, { comment: 'made by a test' });
    expect(await loadPicture(path)).toEqual(picture);
    expect(await loadPicture(await raw(picture).png().toBuffer())).toEqual(picture);
    expect((await sharp(path).metadata()).comments?.[0]?.text).toBe('made by a test');
  });

  test("the camera's orientation is applied", async () => {
    const turned = await raw(picture).withMetadata({ orientation: 6 }).png().toBuffer(); // to be shown turned clockwise
    const loaded = await loadPicture(turned);
    expect(loaded).toMatchObject({ width: 32, height: 64 });
    expect(pixel(loaded, 1, 1)).toEqual(BLUE);
    expect(await loadPicture(turned, { width: 16 })).toMatchObject({ width: 16, height: 32 });
  });

  test('transparent parts show the background', async () => {
    const clear = await sharp({ create: { width: 2, height: 2, channels: 4, background: { r: 255, g: 0, b: 0, alpha: 0.5 } } }).png().toBuffer(); // prettier-ignore
    expect(pixel(await loadPicture(clear), 0, 0)).toEqual([128, 0, 0]);
    expect(pixel(await loadPicture(clear, { background: [0, 0, 255] }), 0, 0)).toEqual([128, 0, 127]);
  });

  test('grey, 16 bit, CMYK and other colour spaces become sRGB of three channels', async () => {
    const grey = await sharp({ create: { width: 3, height: 2, channels: 3, background: '#808080' } }).toColourspace('b-w').png().toBuffer(); // prettier-ignore
    expect((await sharp(grey).metadata()).channels).toBe(1);
    expect(pixel(await loadPicture(grey), 0, 0)).toEqual([128, 128, 128]);
    const deep = await raw(picture).toColourspace('rgb16').png().toBuffer();
    expect((await sharp(deep).metadata()).depth).toBe('ushort');
    expect(pixel(await loadPicture(deep), 1, 1)).toEqual(RED);
    const wide = await raw(picture).withIccProfile('p3').png().toBuffer();
    pixel(await loadPicture(wide), 1, 1).forEach((level, i) => expect(Math.abs(level - RED[i]!)).toBeLessThan(4));
    const cmyk = await raw(picture).toColourspace('cmyk').withIccProfile('cmyk').jpeg().toBuffer();
    const [red, green, blue] = pixel(await loadPicture(cmyk), 1, 1) as [number, number, number];
    expect(red).toBeGreaterThan(2 * (green + blue));
  });

  test('is fitted to a size', async () => {
    const bytes = await raw(picture).png().toBuffer();
    const contained = await loadPicture(bytes, { width: 32, height: 32, fit: 'contain', background: [1, 2, 3] });
    expect(pixel(contained, 16, 2)).toEqual([1, 2, 3]);
    expect(pixel(contained, 1, 10)).toEqual(RED);
    const covered = await loadPicture(bytes, { width: 16, height: 32, fit: 'cover' });
    expect(covered).toMatchObject({ width: 16, height: 32 });
    expect(pixel(covered, 1, 1)).toEqual(RED);
    expect(await loadPicture(bytes, { width: 10, height: 40, fit: 'stretch' })).toMatchObject({
      width: 10,
      height: 40,
    });
    expect(await loadPicture(bytes, { height: 16 })).toMatchObject({ width: 32, height: 16 });
  });

  test('what is no picture is refused', async () => {
    const cut = (await raw(picture).jpeg().toBuffer()).subarray(0, 500);
    await writeFile(join(folder, 'text.png'), 'no picture');
    await writeFile(join(folder, 'empty.png'), '');
    const cases: [string | Uint8Array, RegExp][] = [
      [join(folder, 'none.png'), /none.png: there is no such file/],
      [join(folder, 'text.png'), /text.png: it is no picture/],
      [join(folder, 'empty.png'), /empty.png: it is no picture/],
      [new Uint8Array(0), /the picture: it is no picture/],
      [cut, /the picture: it is damaged/],
      [folder, /it is a folder/],
    ];
    for (const [source, message] of cases) {
      const loading = loadPicture(source);
      await expect(loading).rejects.toThrow(InvalidRequestError);
      await expect(loading).rejects.toThrow(message);
    }
    await expect(loadPicture(cut, { width: 0 })).rejects.toThrow(/width \(=0\)/);
  });

  test('saving does not overwrite unasked', async () => {
    const path = join(folder, 'mine.png');
    await savePicture(path, picture);
    await expect(savePicture(path, picture)).rejects.toThrow(/exists already/);
    await savePicture(path, picture, { overwrite: true });
    expect((await readdir(folder)).filter((name) => name.startsWith('.'))).toEqual([]);
  });
});

describe('a contact sheet', () => {
  const flat = (level: number, frames = 4): Frames =>
    framesOf(new Uint8Array(frames * 8 * 10 * 3).fill(level), frames, 8, 10);

  test('has a cell for each clip, with frames evenly chosen', () => {
    const clip = framesOf(
      Uint8Array.from({ length: 5 * 8 * 10 * 3 }, (_, i) => 50 * Math.floor(i / 240)),
      5,
      8,
      10,
    ); // 0, 50, 100, 150, 200
    const sheet = contactSheet([{ label: 'a', clip }, { label: 'b', clip: flat(99) }, { label: 'c', clip: flat(77, 1) }], { columns: 2, framesPerClip: 3, zoom: 2 }); // prettier-ignore
    // Two columns of three frames 20 wide, one pixel apart; gaps of 4; labels of 12 lines above frames 16 high.
    expect(sheet).toMatchObject({ frames: 1, width: 4 + 2 * (62 + 4), height: 4 + 2 * (28 + 4) });
    expect([0, 21, 42].map((x) => pixel(sheet, 4 + x + 10, 4 + 12 + 8)[0])).toEqual([0, 100, 200]);
    expect(pixel(sheet, 4 + 66 + 10, 24)).toEqual([99, 99, 99]);
    expect(pixel(sheet, 14, 4 + 32 + 12 + 8)).toEqual([77, 77, 77]);
  });

  test('draws labels, and cuts those that are too long', () => {
    const ink = ({ data, width }: Frames): number[] => {
      const bright = Array.from({ length: 8 * width }, (_, i) => (data[(4 * width + i) * 3]! > 200 ? i % width : -1));
      return bright.filter((x) => x >= 0);
    };
    const wide = (label: string): number[] => ink(contactSheet([{ label, clip: sampleFrames(1, 8, 60) }]));
    expect(wide('')).toEqual([]);
    expect(wide('I').length).toBe(3 + 5 + 3);
    expect(Math.max(...wide('W'.repeat(100)))).toBeLessThan(64);
    expect(wide('名')).toEqual(wide('?'));
  });

  test('refuses nonsense', () => {
    expect(() => contactSheet([])).toThrow(InvalidRequestError);
    expect(() => contactSheet([{ label: '', clip: flat(1) }], { columns: 0 })).toThrow(/columns \(=0\)/);
  });
});
