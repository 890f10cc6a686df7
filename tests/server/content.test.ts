// Files as they are sent: whatever they are called, their names arrive.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { sendFile } from '../../server/content.ts';
import { sharedScratch } from '../jobs/scratch.ts';

const folder = await sharedScratch();

test.each([
  ['film.mp4', `filename="film.mp4"`],
  ['Ein Tag.vtt', `filename="Ein Tag.vtt"`],
  ['фильм.mp4', `filename="_____.mp4"; filename*=UTF-8''%D1%84%D0%B8%D0%BB%D1%8C%D0%BC.mp4`],
  ['猫 🐈 (1).mp4', `filename="_ _ (1).mp4"; filename*=UTF-8''%E7%8C%AB%20%F0%9F%90%88%20%281%29.mp4`],
  ['café "50%"\n.srt', `filename="caf_ _50___.srt"; filename*=UTF-8''caf%C3%A9%20%2250%25%22%0A.srt`],
])('%j is sent under its name', async (name, told) => {
  const path = join(folder, name);
  await writeFile(path, 'words');
  const answer = await sendFile(path, new Request('http://localhost/'));
  expect([answer.status, await answer.text()]).toEqual([200, 'words']);
  expect(answer.headers.get('content-disposition')).toBe(`inline; ${told}`);
});
