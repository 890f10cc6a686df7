// Shots that were found as a page for a browser: thumbnails that lead into their films at their times.
import { spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { SearchHit } from '../jobs/search.ts';
import { time } from './format.ts';

export type PicturedHit = SearchHit & { readonly thumbnail: string | null };

const style = `body{font:16px/1.4 system-ui;margin:2rem;background:#111;color:#eee}a{color:inherit;text-decoration:none}
main{display:grid;grid-template-columns:repeat(auto-fill,minmax(16rem,1fr));gap:1.5rem}
img{width:100%;aspect-ratio:16/9;object-fit:cover;border-radius:.4rem;background:#333}small{color:#aaa}`;

/** Writes the page into the cache and opens it. @returns its path, for those who have no browser here */
export async function openSearchPage(
  question: string,
  hits: readonly PicturedHit[],
  cacheFolder: string,
): Promise<string> {
  const path = join(cacheFolder, 'search.html');
  await mkdir(cacheFolder, { recursive: true });
  await writeFile(path, pageOf(question, hits));
  const [program, ...args] = openers[process.platform as keyof typeof openers] ?? openers.linux;
  const opener = spawn(program, [...args, path], { stdio: 'ignore', detached: true });
  opener.on('error', () => undefined); // the path is told
  opener.unref();
  return path;
}

const openers = { linux: ['xdg-open'], darwin: ['open'], win32: ['cmd', '/c', 'start', ''] } as const;

export function pageOf(question: string, hits: readonly PicturedHit[]): string {
  const cards = hits.map(({ film, start, end, caption, said, thumbnail }) => {
    const picture = thumbnail === null ? '' : ` src="${safe(pathToFileURL(thumbnail).href)}"`;
    const place = `${safe(pathToFileURL(film).href)}#t=${start.toFixed(2)}`;
    return `<a href="${place}"><img alt=""${picture}><br>${safe(caption)}${said === '' ? '' : ` <q>${safe(said)}</q>`}<br><small>${safe(basename(film))} ${time(start)}–${time(end)}</small></a>`;
  });
  const title = safe(question);
  return `<!doctype html><meta charset="utf-8"><title>${title}</title><style>${style}</style><h1>${title}</h1><main>${cards.join('\n')}</main>\n`;
}

const safe = (text: string): string => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
