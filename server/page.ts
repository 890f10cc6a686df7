// The page at `/`: files that lie in server/page/ as browsers take them, and two fonts out of their packages. It holds no secrets
// and is sent to whoever asks; what it shows it asks for as any caller does, with the token where one is wanted.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { extname, join } from 'node:path';
import { Hono, type MiddlewareHandler } from 'hono';
import { etag } from 'hono/etag';
import { packageFolder } from '../jobs/package-folder.ts';

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};
const pictures = ['mark.svg', 'band.svg', 'chevron.svg'];
const styles = ['base.css', 'composer.css', 'clips.css', 'films.css', 'shots.css', 'tiles.css'];
const scripts = [
  'page',
  'api',
  'composer',
  'dom',
  'films',
  'gallery',
  'mosaic',
  'pictures',
  'shots',
  'stage',
  'stage-words',
  'token',
  'transcript',
  'words',
].map((one) => `${one}.js`);
const fonts = {
  'serif.woff2': '@fontsource-variable/newsreader/files/newsreader-latin-opsz-normal.woff2',
  'sans.woff2': '@fontsource-variable/instrument-sans/files/instrument-sans-latin-wght-normal.woff2',
};

/** Nothing but what this server sends, nothing inline; clips and thumbnails are blobs, as their requests carry the token. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "font-src 'self'",
  "connect-src 'self'",
  "img-src 'self' blob:",
  "media-src 'self' blob:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** @param wantsToken told to the page, so that it asks for the token before it asks for anything else */
export function pageRoutes(wantsToken: boolean): Hono {
  const { resolve } = createRequire(import.meta.url);
  const app = new Hono();
  const send = (route: string, path: () => string, cache: string): void => {
    app.get(route, guardPage, etag(), async (c) => {
      const headers = { 'Content-Type': types[extname(path())]!, 'Cache-Control': cache };
      return c.body(new Uint8Array(await readFile(path())), 200, headers);
    });
  };
  const own = (name: string) => (): string => join(packageFolder, 'server', 'page', name);
  send('/', own('index.html'), 'no-cache');
  for (const name of [...pictures, ...styles, ...scripts]) send(`/page/${name}`, own(name), 'no-cache');
  for (const [name, file] of Object.entries(fonts))
    send(`/page/${name}`, () => resolve(file), 'public, max-age=604800');
  app.get('/page/access.json', guardPage, (c) => c.json({ token: wantsToken }, 200, { 'Cache-Control': 'no-store' }));
  return app;
}

const guardPage: MiddlewareHandler = async (c, next) => {
  c.header('Content-Security-Policy', policy);
  c.header('Referrer-Policy', 'same-origin');
  c.header('Cross-Origin-Resource-Policy', 'same-origin');
  await next();
};
