// Sends a file whole or in part, and says what it is, so that players can seek and browsers keep it. Clips and pictures appear by
// rename and never change, so size and time name their content.
import { open } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import { Readable } from 'node:stream';
import { parseRange } from './byte-range.ts';
import { notFound, Problem } from './problems.ts';

const types: Readonly<Record<string, string>> = {
  '.mp4': 'video/mp4',
  '.m4v': 'video/mp4',
  '.webm': 'video/webm',
  '.mov': 'video/quicktime',
  '.png': 'image/png',
  '.vtt': 'text/vtt; charset=utf-8',
  '.srt': 'application/x-subrip; charset=utf-8',
  '.json': 'application/json',
  '.txt': 'text/plain; charset=utf-8',
};

/** The answer to GET or HEAD for a file. @throws Problem 404 when it is gone, 416 */
export async function sendFile(path: string, request: Request): Promise<Response> {
  const file = await open(path).catch(() => {
    throw notFound('such content any more');
  });
  let isTaken = false;
  try {
    const { size, mtimeMs } = await file.stat();
    const etag = `"${size.toString(36)}-${Math.floor(mtimeMs * 1000).toString(36)}"`;
    const headers = headersOf(path, etag, new Date(mtimeMs));
    if (matches(request.headers.get('if-none-match'), etag)) return new Response(null, { status: 304, headers });
    const ifRange = request.headers.get('if-range');
    const range = ifRange === null || ifRange === etag ? parseRange(request.headers.get('range'), size) : 'all';
    if (range === 'none') throw new Problem(416, `The content has ${size} bytes.`, { code: 'range_not_satisfiable' });
    const { start, end } = range === 'all' ? { start: 0, end: size - 1 } : range;
    headers.set('Content-Length', String(end - start + 1));
    if (range !== 'all') headers.set('Content-Range', `bytes ${start}-${end}/${size}`);
    const status = range === 'all' ? 200 : 206;
    if (request.method === 'HEAD' || size === 0) return new Response(null, { status, headers });
    const stream = file.createReadStream({ start, end });
    isTaken = true; // the stream closes the file
    return new Response(Readable.toWeb(stream) as ReadableStream, { status, headers });
  } finally {
    if (!isTaken) await file.close();
  }
}

function headersOf(path: string, etag: string, modified: Date): Headers {
  return new Headers({
    'Content-Type': types[extname(path)] ?? 'application/octet-stream',
    'Content-Disposition': `inline; ${nameOf(path)}`,
    'Accept-Ranges': 'bytes',
    'Cache-Control': 'private, max-age=0, must-revalidate',
    'Last-Modified': modified.toUTCString(),
    ETag: etag,
  });
}

/** RFC 6266: a header holds no more than Latin letters, so the name itself is in `filename*`, which RFC 5987 encodes. */
function nameOf(path: string): string {
  const name = basename(path);
  const plain = name.replace(/[^ -~]|["\\%]/gu, '_');
  if (plain === name) return `filename="${name}"`;
  const encoded = encodeURIComponent(name).replace(/['()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`); // prettier-ignore
  return `filename="${plain}"; filename*=UTF-8''${encoded}`;
}

function matches(header: string | null, etag: string): boolean {
  const tags = header?.split(',').map((tag) => tag.trim().replace(/^W\//, '')) ?? [];
  return tags.includes(etag) || tags.includes('*');
}
