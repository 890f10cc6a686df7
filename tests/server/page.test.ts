// The page at `/` as those meet it who use it: with a keyboard, on a phone, in the dark, with and without a token.
import type { Browser } from 'playwright-core';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { VideoObject } from '../../server/video-object.ts';
import { sharedScratch } from '../jobs/scratch.ts';
import { until } from '../jobs/until.ts';
import { focusedId, noteProgress, openBrowser, overflow, tabTo, visit, type Visit } from './browser.ts';
import { startServer, type TestServer } from './running.ts';

const MINUTES = 60_000;
const folder = await sharedScratch();
const token = 'a-token-of-the-tests';
const done = '.stage[data-status=completed]';
let browser: Browser;
let server: TestServer;
beforeAll(async () => {
  [browser, server] = await Promise.all([openBrowser(), startServer(join(folder, 'open'))]);
}, 10 * MINUTES);
afterAll(() => Promise.all([browser.close(), server.close()]), 10 * MINUTES);

/** A visit that ends with its test. */
async function open(url: string, options: Parameters<typeof visit>[2] = {}): Promise<Visit> {
  const visited = await visit(browser, url, options);
  onTestFinished(() => visited.close());
  return visited;
}

describe('the page', { timeout: 20 * MINUTES }, () => {
  it('makes, plays, lists and deletes a clip with the keyboard alone', async () => {
    const { page, complaints } = await open(server.url);
    await page.locator('#model option').first().waitFor({ state: 'attached' });
    await page.locator('#no-clips').waitFor();
    const type = async (selector: string, text: string): Promise<void> => {
      await tabTo(page, selector);
      await page.keyboard.press('Control+A');
      await page.keyboard.type(text);
    };
    await type('#prompt', 'a red unicorn walks');
    await type('#seed', '7');
    await tabTo(page, 'summary');
    await page.keyboard.press('Enter');
    await type('#steps', '80');
    const progress = await noteProgress(page);
    await tabTo(page, '#make');
    await page.keyboard.press('Enter');
    await page.locator(done).waitFor();
    await until(
      'listeners hear of it',
      async () => (await page.locator('#live').textContent()) === 'The clip is done.',
    );
    expect(await page.locator('#frame').getAttribute('role')).toBeNull();
    expect((await progress()).length).toBeGreaterThan(0);
    await page.waitForFunction('document.querySelector("video")?.duration > 0');
    expect(await page.locator('#stage-facts').textContent()).toContain('seed 7');
    expect(await page.locator('#stage-notices').textContent()).toBe('Tiny does not know these words: unicorn.');
    await page.locator('#estimate', { hasText: 'This clip is there already.' }).waitFor();

    const { data } = await server.openai.videos.list();
    expect(data).toMatchObject([{ prompt: 'a red unicorn walks', model: 'tiny', size: '32x32', status: 'completed' }]);
    await page.locator('.card .thumb img.ready').waitFor();
    expect(await page.locator('.card .words').allTextContents()).toEqual(['a red unicorn walks']);
    const download = page.waitForEvent('download');
    await tabTo(page, '#download');
    await page.keyboard.press('Enter');
    expect((await download).suggestedFilename()).toBe('a-red-unicorn-walks.mp4');

    await tabTo(page, '.card');
    await page.keyboard.press('Enter');
    await until('the clip has the focus', async () => (await focusedId(page)) === 'stage-title');
    await tabTo(page, '#remove');
    await page.keyboard.press('Enter');
    await page.locator('#remove-dialog[open]').waitFor();
    await tabTo(page, '#remove-dialog [value=delete]', 'Shift+Tab');
    await page.keyboard.press('Enter');
    await page.locator('.card').waitFor({ state: 'detached' });
    expect(await page.locator('#live').textContent()).toBe('The clip is deleted.');
    expect((await server.openai.videos.list()).data).toEqual([]);
    expect(complaints).toEqual([]);
  });

  it('says next to each field what is wrong with it', async () => {
    const { page, complaints } = await open(server.url);
    await page.locator('#model option').first().waitFor({ state: 'attached' });
    await page.locator('#width').fill('33');
    await page.locator('#width-error', { hasText: 'Width (=33) must be' }).waitFor(); // while it is typed
    await page.locator('#make').click();
    await page.locator('#prompt-error', { hasText: 'This is empty.' }).waitFor();
    expect(await focusedId(page)).toBe('prompt');
    expect(await page.locator('#width-error').isVisible()).toBe(true);
    await page.locator('#prompt').fill('a cat');
    await page.locator('#make').click();
    await until('the size has the focus', async () => (await focusedId(page)) === 'width');
    expect(await page.locator('#width').getAttribute('aria-invalid')).toBe('true');
    expect(await page.locator('#width').getAttribute('aria-describedby')).toContain('width-error');
    expect(await page.locator('#prompt-error').isVisible()).toBe(false);
    await page.locator('#width').fill('64');
    await page.locator('#width-error').waitFor({ state: 'hidden' });
    await page.evaluate('document.querySelector("#steps").value = "0"');
    await page.locator('#make').click();
    await page.locator('#steps-error', { hasText: 'Must be a whole number from 1 to 1000.' }).waitFor(); // opens its part
    for (const complaint of complaints) expect(complaint).toContain('422');
    expect((await server.openai.videos.list()).data).toEqual([]);
  });

  it('estimates by what clips took, and takes settings up again', async () => {
    const { id } = await server.render({ prompt: '<b>a dog</b> <img src=x>', seed: 3, width: 64 });
    const { page, complaints } = await open(server.url);
    await page.locator(done).waitFor();
    expect(await page.locator('#stage-title').textContent()).toBe('<b>a dog</b> <img src=x>');
    await page.locator('#estimate', { hasText: /^Takes about .+\.$/ }).waitFor();
    await page.locator('#again').click();
    expect(await page.locator('#prompt').inputValue()).toBe('<b>a dog</b> <img src=x>');
    await page.locator('#estimate', { hasText: 'This clip is there already.' }).waitFor();
    const ask = async (body: object): Promise<unknown> => {
      const headers = { 'content-type': 'application/json' };
      const init = { method: 'POST', body: JSON.stringify({ model: 'tiny', ...body }), headers };
      return (await server.ask('/v1/videos/estimate', init)).json();
    };
    const known = { object: 'video.estimate', completed: true, seconds: 0, waiting_jobs: 0 };
    expect(await ask({ prompt: '<b>a dog</b> <img src=x>', seed: 3, width: 64 })).toEqual(known);
    expect(await ask({ prompt: 'a dog', width: 33 })).toMatchObject({ error: { param: 'width' } });
    await server.openai.videos.delete(id);
    expect(complaints).toEqual([]);
  });

  it('cancels a clip that is being made', async () => {
    const { page, complaints } = await open(server.url);
    await page.locator('#model option').first().waitFor({ state: 'attached' });
    await page.locator('#prompt').fill('a long walk');
    await page.locator('#more summary').click();
    await page.locator('#steps').fill('1000');
    await page.locator('#prompt').press('Control+Enter');
    await page.locator('#remove', { hasText: 'Cancel' }).click();
    await page.locator('.stage[data-status=empty]').waitFor();
    await page.locator('.card').waitFor({ state: 'detached' });
    expect((await server.openai.videos.list()).data).toEqual([]);
    expect(complaints).toEqual([]);
  });

  it('turns pages, and fits a phone of 360 pixels and the dark', async () => {
    const waiting = await startServer(join(folder, 'waiting'), { workers: 0 });
    onTestFinished(() => waiting.close(), 10 * MINUTES);
    const prompt = `a dog in ${'w'.repeat(200)} with many words that want to be broken`;
    for (let seed = 0; seed < 14; seed++) await waiting.post({ prompt, seed });
    const phone = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true };
    const { page, complaints } = await open(waiting.url, { ...phone, colorScheme: 'dark' });
    await page.locator('.stage[data-status=queued]').waitFor();
    expect(await page.locator('.card').count()).toBe(12);
    await page.locator('#older').tap();
    await page.locator('#page-number', { hasText: 'Page 2' }).waitFor();
    expect(await page.locator('.card').count()).toBe(2);
    expect(await page.locator('#older').isDisabled()).toBe(true);
    expect(await overflow(page)).toBe(0);
    await page.locator('#newer').tap();
    await page.locator('#page-number', { hasText: 'Page 1' }).waitFor();
    await page.locator('#more summary').tap();
    await page.locator('#width').fill('33');
    await page.locator('#width-error').waitFor();
    expect(await overflow(page)).toBe(0);
    const ground = (): Promise<string> => page.evaluate('getComputedStyle(document.body).backgroundColor');
    const dark = await ground();
    await page.emulateMedia({ colorScheme: 'light' });
    expect(await ground()).not.toBe(dark);
    for (const complaint of complaints) expect(complaint).toContain('422');
  });

  it('asks for the token, keeps it for the tab, and shows clips with it', async () => {
    const locked = await startServer(join(folder, 'locked'), { token });
    onTestFinished(() => locked.close(), 10 * MINUTES);
    await locked.render({ prompt: 'a penguin' });
    const { page, complaints } = await open(locked.url);
    const give = async (text: string): Promise<void> => {
      await page.locator('#token-dialog[open]').waitFor();
      await page.locator('#token').fill(text);
      await page.keyboard.press('Enter');
    };
    await page.locator('#token-dialog[open]').waitFor();
    expect(complaints).toEqual([]);
    await page.keyboard.press('Escape');
    await page.locator('#notice', { hasText: 'wants a token' }).waitFor();
    await page.locator('#notice-retry').click();
    await give('wrong');
    await page.locator('#token-error', { hasText: 'not the token' }).waitFor();
    await give(token);
    await page.locator('.card .thumb img.ready').waitFor();
    await page.waitForFunction('document.querySelector("video")?.duration > 0');
    expect(await page.locator('video').getAttribute('src')).toMatch(/^blob:/);
    expect(await page.locator('#notice').isVisible()).toBe(false);
    await page.reload();
    await page.locator(done).waitFor();
    await page.locator('#forget').click();
    await page.locator('#token-dialog[open]').waitFor();
    expect(await page.evaluate('sessionStorage.length')).toBe(0);
    for (const complaint of complaints) expect(complaint).toContain('401');
  });

  it('is sent with a policy that lets nothing in', async () => {
    const answer = await server.ask('/');
    const html = await answer.text();
    expect(html).not.toMatch(/<script(?![^>]* src=)|<style|\son\w+=|style=|https?:/);
    expect(answer.headers.get('content-security-policy')).toMatch(/^default-src 'none'; script-src 'self';/);
    expect(answer.headers.get('content-security-policy')).not.toMatch(/unsafe|\*|data:/);
    const files = Array.from(html.matchAll(/(?:src|href)="(\/page\/[^"]+)"/g), ([, path]) => path!);
    for (const path of ['/', ...files]) {
      const file = await server.ask(path);
      expect([path, file.status, file.headers.get('x-content-type-options')]).toEqual([path, 200, 'nosniff']);
      const again = await server.ask(path, { headers: { 'if-none-match': file.headers.get('etag')! } });
      expect(again.status).toBe(304);
    }
    for (const path of ['/page/', '/page/page.ts', '/page/..%2fserve.ts', '/page/tsconfig.json']) {
      expect((await server.ask(path)).status).toBe(404);
    }
    const { id } = (await server.render({ prompt: 'a cat' })) satisfies VideoObject;
    const clip = await server.ask(`/v1/videos/${id}/content`);
    expect([clip.headers.get('x-content-type-options'), clip.headers.get('x-request-id')]).toEqual(['nosniff', expect.stringMatching(/^req_/)]); // prettier-ignore
    expect(server.troubles).toEqual([]);
  });
});
