// The search on the server's page in a real browser: shots of a film that was sent and of a clip that was made here, with pictures and
// times, which lead into both.
import { readFile, symlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { indexFilms } from '../../jobs/index-films.ts';
import { BOAT, DOG, filmTeller } from '../jobs/film-teller.ts';
import { settingsIn, sharedScratch } from '../jobs/scratch.ts';
import { until } from '../jobs/until.ts';
import { writeColours } from '../understanding/clips.ts';
import { openBrowser, overflow, visit } from './browser.ts';
import { startServer, type TestServer } from './running.ts';

const MINUTES = 60_000;
const folder = await sharedScratch();
const settings = settingsIn(folder);
const film = join(folder, 'trip.mp4');
let browser: Browser;
let server: TestServer;
beforeAll(async () => {
  [browser, server] = await Promise.all([openBrowser(), startServer(folder)]);
  await symlink(resolve('models/nano'), join(folder, 'models', 'nano')); // its towers place films
  await writeColours(film, [BOAT, DOG], '320x240');
}, 10 * MINUTES);
afterAll(() => Promise.all([browser.close(), server.close()]), 10 * MINUTES);

it('finds shots and leads into their films', { timeout: 20 * MINUTES }, async () => {
  const made = await server.render({ prompt: 'a red cat' });
  const body = new FormData();
  body.append('file', new Blob([await readFile(film)]), 'trip.mp4');
  const sent = (await (await server.ask('/v1/captions', { method: 'POST', body })).json()) as { id: string };
  await until('the film is captioned', async () => {
    const { status } = (await (await server.ask(`/v1/captions/${sent.id}`)).json()) as { status: string };
    return status === 'completed';
  });
  const visited = await visit(browser, server.url, { viewport: { width: 1100, height: 800 } });
  onTestFinished(() => visited.close());
  const { page, complaints } = visited;
  await page.locator('.stage[data-status=completed]').waitFor();
  const ask = async (question: string): Promise<void> => {
    await page.locator('#question').fill(question);
    await page.keyboard.press('Enter');
  };
  await ask('  ');
  await page.locator('#question-error', { hasText: 'Say what' }).waitFor();
  await ask('a dog');
  await page.locator('#question-error', { hasText: 'Nothing is indexed yet' }).waitFor();

  const { captioner } = await filmTeller();
  await indexFilms({ videos: ['videos', 'captions'].map((name) => join(settings.dataFolder, name)), captioner }, { settings }); // prettier-ignore
  await ask('a dog running in the snow');
  const first = page.locator('#shots .card').first();
  await first.waitFor();
  expect(await page.locator('#question-error').isVisible()).toBe(false);
  await page.locator('#shots img.ready').first().waitFor();
  expect(await first.locator('.words').textContent()).toBe('A dog runs in the snow.');
  expect(await page.locator('#shots-state').textContent()).toMatch(/^\d shots, the best first\./);
  const cards = page.locator('#shots .card');
  await cards.filter({ hasText: 'trip.mp4' }).filter({ hasText: 'dog' }).filter({ hasText: '0:01–0:02' }).click();
  await until('it is at the shot', () => page.evaluate('document.querySelector(".film-clip")?.currentTime >= 0.9'));
  expect(await page.locator('#film-title').textContent()).toBe('trip.mp4');

  await cards.filter({ hasNotText: 'trip.mp4' }).first().click();
  await page.locator('.stage video').waitFor();
  expect(await page.locator('#stage-title').textContent()).toBe(made.prompt);
  await page.setViewportSize({ width: 320, height: 700 });
  expect(await overflow(page)).toBe(0);
  expect(complaints.filter((one) => !one.includes('422'))).toEqual([]);
});
