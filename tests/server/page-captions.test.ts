// Captions on the server's page in a real browser: of a clip that was made here, and of a film that somebody brings.
import type { Browser } from 'playwright-core';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { sharedScratch } from '../jobs/scratch.ts';
import { ffmpeg } from '../understanding/clips.ts';
import { openBrowser, overflow, tabTo, visit, type Visit } from './browser.ts';
import { startServer, type TestServer } from './running.ts';

const MINUTES = 60_000;
const folder = await sharedScratch();
const film = join(folder, 'a party.webm');
const photo = join(dirname(createRequire(import.meta.url).resolve('@vladmandic/human')), '../assets/samples.jpg');
let browser: Browser;
let server: TestServer;
beforeAll(async () => {
  [browser, server] = await Promise.all([openBrowser(), startServer(join(folder, 'open'))]);
  const pan = "crop=600:600:'100+100*t':500,scale=320:320";
  await ffmpeg('-loop', '1', '-framerate', '5', '-t', '2', '-i', photo, '-vf', pan, '-c:v', 'libvpx', film);
}, 10 * MINUTES);
afterAll(() => Promise.all([browser.close(), server.close()]), 10 * MINUTES);

/** A visit that ends with its test. */
async function open(options: Parameters<typeof visit>[2] = {}): Promise<Visit> {
  const visited = await visit(browser, server.url, options);
  onTestFinished(() => visited.close());
  return visited;
}

it(
  'puts a film that is brought into words, plays it with them, and deletes it',
  { timeout: 20 * MINUTES },
  async () => {
    const { page, complaints } = await open({ viewport: { width: 360, height: 740 } });
    await page.locator('#model option').first().waitFor({ state: 'attached' });
    await page.locator('#film').setInputFiles(film);
    await page.locator('#film-words .line').first().waitFor();
    expect(await page.locator('#film-words .line').first().textContent()).toMatch(/^0:00.*(person|people)/i);
    expect(await page.locator('#film-state').textContent()).toMatch(/captions? by detector/);
    await page.waitForFunction('document.querySelector(".film-clip").duration > 0');
    expect(await page.evaluate('document.querySelector(".film-clip").textTracks[0].mode')).toBe('showing');
    expect(await page.locator('.film .words').allTextContents()).toEqual(['a party.webm']);
    expect(await overflow(page)).toBe(0);
    const download = page.waitForEvent('download');
    await page.locator('#film-downloads a').first().click();
    expect((await download).suggestedFilename()).toBe('a party.vtt');
    await page.reload();
    await tabTo(page, '.film');
    await page.keyboard.press('Enter');
    await page.locator('#film-words .line').first().waitFor();
    await page.locator('#film-remove').click();
    await page.locator('.film').waitFor({ state: 'detached' });
    expect(await (await server.ask('/v1/captions')).json()).toMatchObject({ data: [] });
    await page.locator('#film').setInputFiles({ name: 'no film.mp4', mimeType: 'video/mp4', buffer: Buffer.from('x') });
    await page.locator('#film-error', { hasText: 'no video' }).waitFor();
    expect(complaints.filter((one) => !one.includes('422'))).toEqual([]);
  },
);

it('captions a clip that was made here, as a track and as lines', { timeout: 20 * MINUTES }, async () => {
  await server.render({ prompt: 'a red cat' });
  const { page, complaints } = await open();
  await page.locator('.stage[data-status=completed]').waitFor();
  await page.locator('#caption').click();
  await page.locator('#words .line').first().waitFor();
  expect(await page.evaluate('document.querySelector(".stage video").textTracks[0].cues.length')).toBeGreaterThan(0);
  await page.reload();
  await page.locator('#words .line').first().click(); // they are there
  expect(await page.locator('#caption').isVisible()).toBe(false);
  expect(complaints).toEqual([]);
});
