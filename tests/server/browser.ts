// A real browser for the server's page: Debian's Chromium, driven by playwright-core. Pages note what the browser complains of.
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { findProgram } from '../../scripts/stores.mjs';

/** Nothing that asks anybody else, or needs a screen. Playwright adds --headless and a --user-data-dir that ends with it. */
const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** A busy machine takes its time. */
const PATIENCE_MS = 300_000;

export function openBrowser(): Promise<Browser> {
  const executablePath = findProgram('chromium');
  if (executablePath === undefined) throw new Error('These tests need chromium. Install it (Debian: chromium).');
  return chromium.launch({ executablePath, args: flags, timeout: PATIENCE_MS });
}

export interface Visit {
  readonly page: Page;
  /** Errors and warnings of scripts, of the security policy, of requests that failed. */
  readonly complaints: readonly string[];
  close(): Promise<void>;
}

/** Opens the page of a server, in a session of its own. */
export async function visit(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<Visit> {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto(url);
  return { page, complaints, close: () => context.close() };
}

export const focusedId = (page: Page): Promise<string> => page.evaluate('document.activeElement?.id ?? ""');

/** Presses Tab until an element has the focus. @param selector matches it */
export async function tabTo(page: Page, selector: string, key: 'Tab' | 'Shift+Tab' = 'Tab'): Promise<void> {
  for (let i = 0; i < 80; i++) {
    if (await page.evaluate(`document.activeElement?.matches(${JSON.stringify(selector)})`)) return;
    await page.keyboard.press(key);
  }
  throw new Error(`${selector} cannot be reached with ${key}.`);
}

/** Notes every progress that the page shows, however short: a quick clip may be done before anybody looks. */
export async function noteProgress(page: Page): Promise<() => Promise<readonly string[]>> {
  await page.evaluate(`{
    const frame = document.querySelector('#frame');
    const note = () => frame.role === 'progressbar' && window.shownProgress.push(frame.ariaValueNow);
    window.shownProgress = [];
    new MutationObserver(note).observe(frame, { attributes: true });
  }`);
  return () => page.evaluate('window.shownProgress');
}

/** How far the page reaches beyond its window to the side, in pixels. */
export const overflow = (page: Page): Promise<number> =>
  page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');
