// Pictures on the server's page in a real browser: chosen, seen, taken away, sent, and refused next to their fields.
import type { Browser } from 'playwright-core';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import type { VideoObject } from '../../server/video-object.ts';
import { sharedScratch } from '../jobs/scratch.ts';
import { writeTinyModel } from '../jobs/tiny-model.ts';
import { openBrowser, overflow, visit } from './browser.ts';
import { startServer, type TestServer } from './running.ts';

const MINUTES = 60_000;
const folder = await sharedScratch();
let browser: Browser;
let server: TestServer;
beforeAll(async () => {
  [browser, server] = await Promise.all([openBrowser(), startServer(folder)]);
  await writeTinyModel(join(folder, 'models', 'towers'), { towers: true, masksPadding: true });
}, 10 * MINUTES);
afterAll(() => Promise.all([browser.close(), server.close()]), 10 * MINUTES);

it('begins with a picture, and shows what is in another', { timeout: 20 * MINUTES }, async () => {
  const red = await sharp({ create: { width: 24, height: 24, channels: 3, background: '#c33' } }).png().toBuffer(); // prettier-ignore
  const picture = { name: 'red.png', mimeType: 'image/png', buffer: red };
  const sha256 = createHash('sha256').update(red).digest('hex');
  const visited = await visit(browser, server.url, { viewport: { width: 360, height: 740 } });
  onTestFinished(() => visited.close());
  const { page, complaints } = visited;
  const make = async (): Promise<VideoObject> => {
    const answer = page.waitForResponse((one) => one.url().endsWith('/v1/videos') && one.request().method() === 'POST');
    await page.locator('#make').click();
    return (await (await answer).json()) as VideoObject;
  };
  await page.locator('#model option').first().waitFor({ state: 'attached' });
  await page.locator('#model').selectOption('tiny');
  await page.locator('#prompt').fill('a cat walks');
  await page.locator('#pictures summary').click();
  await page.locator('#image').setInputFiles(picture);
  await page.locator('#image + .chosen img').waitFor();
  expect(await overflow(page)).toBe(0);
  expect((await make()).render).toMatchObject({ imageSha256: sha256 });
  await page.locator('.stage[data-status=completed]').waitFor();

  await page.locator('.chosen button', { hasText: 'Remove' }).click();
  await page.locator('.chosen').waitFor({ state: 'detached' });
  expect(await page.locator('#image').inputValue()).toBe('');
  await page.locator('#model').selectOption('towers');
  await page.locator('#prompt').fill('jumps');
  await page.locator('#like').setInputFiles(picture);
  await page.locator('#likeWeight').fill('0.5');
  const { render } = await make();
  expect(render).toMatchObject({ likeSha256: sha256, likeWeight: 0.5 });
  expect(render).not.toHaveProperty('imageSha256');
  expect(complaints).toEqual([]);

  await page.locator('#like').setInputFiles({ ...picture, buffer: Buffer.from('no picture') });
  await page.locator('#make').click();
  await page.locator('#like-error', { hasText: 'cannot be read' }).waitFor();
  await page.locator('#again').click();
  expect(await page.locator('.chosen').count()).toBe(0);
});
