// Uploads that end before their form does.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readUpload } from '../../server/read-upload.ts';
import { scratch } from '../jobs/scratch.ts';

const head = (name: string) => `--x\r\nContent-Disposition: form-data; name="file"; filename="${name}"\r\n\r\n`;

function upload(body: ReadableStream<Uint8Array>): Request {
  const headers = { 'content-type': 'multipart/form-data; boundary=x' };
  return new Request('http://localhost/', { method: 'POST', headers, body, duplex: 'half' });
}

it('a file that is broken off is told at once', async () => {
  const folder = await scratch();
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      controller.enqueue(Buffer.from(head('film.mp4') + 'half a film'));
      setTimeout(() => controller.error(new Error('gone')), 50);
      return new Promise(() => undefined);
    },
  });
  await expect(readUpload(upload(body), folder, 1000)).rejects.toThrow('or it was broken off');
});

it('a whole one lies in the folder', async () => {
  const folder = await scratch();
  const body = new Blob([`${head('film.mp4')}a film\r\n--x--\r\n`]).stream() as ReadableStream<Uint8Array>;
  const { file } = await readUpload(upload(body), folder, 1000);
  expect(file).toMatchObject({ name: 'film.mp4', path: join(folder, 'film.mp4') });
  expect(await readFile(file!.path, 'utf8')).toBe('a film');
});
