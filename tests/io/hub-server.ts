// A server on this machine that speaks the hub's protocol, as far as pulling needs it: revisions, trees in pages, files behind a
// redirect to another origin, ranges. It can be told to misbehave.
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export interface HubServerOptions {
  /** Files of the one repository by path; those named in `large` are kept as LFS objects. */
  readonly files: Readonly<Record<string, Uint8Array>>;
  readonly id?: string;
  /** Without it the repository looks as if it were not there. */
  readonly token?: string;
}

export interface Misbehaviour {
  /** Cuts each answer with content after so many bytes. */
  cutAfter?: number;
  /** Answers so many requests for content with status 503 first. */
  failures?: number;
  /** Sends the whole file whatever range was asked for. */
  ignoresRanges?: boolean;
  /** Flips a byte of what it sends. */
  corrupts?: boolean;
  /** Sends headers and then nothing. */
  stalls?: boolean;
  /** Sends so many bytes, and the rest when somebody lets it. */
  pause?: { readonly after: number; readonly until: Promise<void> };
}

export interface HubServer {
  readonly endpoint: string;
  readonly commit: string;
  readonly misbehaviour: Misbehaviour;
  /** Requests for content that came: path and range. */
  readonly asked: { path: string; range: string | undefined; authorization: string | undefined }[];
}

const commit = 'c0ffee'.padEnd(40, '0');
const isLarge = (path: string): boolean => path.endsWith('.safetensors');
const sha256 = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');
export const gitSha1 = (data: Uint8Array): string =>
  createHash('sha1').update(`blob ${data.length}\0`).update(data).digest('hex');

/** Serves until the test has ended. */
export async function hubServer(options: HubServerOptions): Promise<HubServer> {
  const { id = 'someone/tiny', files, token } = options;
  const misbehaviour: Misbehaviour = {};
  const asked: HubServer['asked'] = [];
  const store = await listen((request, response) => sendContent(request, response));
  const hub = await listen((request, response) => {
    const { pathname, searchParams } = new URL(request.url!, hub.address);
    if (token !== undefined && request.headers.authorization !== `Bearer ${token}`)
      return json(response, 401, { error: 'no' });
    const revision = new RegExp(`^/api/models/${id}/revision/(main|HEAD|v2|${commit})$`);
    if (revision.test(pathname)) return json(response, 200, { _id: '1', id, sha: commit, lastModified: '2026-01-01' });
    if (pathname === `/api/models/${id}/tree/${commit}`)
      return sendTree(response, Number(searchParams.get('page') ?? 0));
    const [, path] = new RegExp(`^/${id}/resolve/${commit}/(.*)$`).exec(pathname) ?? [];
    const name = path === undefined ? '' : decodeURIComponent(path);
    if (files[name] === undefined) return json(response, 404, { error: 'Entry not found' });
    if (!isLarge(name)) return sendContent(request, response, name);
    response.writeHead(302, { location: `${store.address}/objects?name=${encodeURIComponent(name)}` }).end();
  });

  function sendTree(response: ServerResponse, page: number): void {
    const paths = Object.keys(files);
    const entries = paths.slice(page * 3, page * 3 + 3).map((path) => {
      const data = files[path]!;
      const lfs = { oid: sha256(data), size: data.length, pointerSize: 130 };
      return { type: 'file', path, size: data.length, oid: gitSha1(data), ...(isLarge(path) && { lfs }) };
    });
    const next = `${hub.address}/api/models/${id}/tree/${commit}?recursive=true&page=${page + 1}`;
    const more = (page + 1) * 3 < paths.length;
    json(
      response,
      200,
      [{ type: 'directory', path: 'vae', size: 0, oid: '0' }, ...entries],
      more ? { link: `<${next}>; rel="next"` } : {},
    );
  }

  function sendContent(request: IncomingMessage, response: ServerResponse, plain?: string): void {
    const name = plain ?? new URL(request.url!, store.address).searchParams.get('name')!;
    const { range, authorization } = request.headers;
    asked.push({ path: name, range, authorization });
    if ((misbehaviour.failures ?? 0) > 0) {
      misbehaviour.failures!--;
      return void response.writeHead(503).end();
    }
    const from = misbehaviour.ignoresRanges === true ? 0 : Number(/^bytes=(\d+)-/.exec(range ?? '')?.[1] ?? 0);
    const whole = Buffer.from(files[name]!);
    if (misbehaviour.corrupts === true) whole[whole.length >> 1]! ^= 1;
    const body = whole.subarray(from);
    const headers = {
      'content-length': body.length,
      ...(from > 0 && { 'content-range': `bytes ${from}-${whole.length - 1}/${whole.length}` }),
    };
    response.writeHead(from > 0 ? 206 : 200, headers);
    const { cutAfter, pause, stalls } = misbehaviour;
    if (stalls === true) return response.flushHeaders();
    if (pause !== undefined && pause.after < body.length) {
      response.write(body.subarray(0, pause.after));
      return void pause.until.then(() => response.end(body.subarray(pause.after)));
    }
    if (cutAfter === undefined || cutAfter >= body.length) return void response.end(body);
    response.write(body.subarray(0, cutAfter), () => response.destroy());
  }

  return { endpoint: hub.address, commit, misbehaviour, asked };
}

function json(response: ServerResponse, status: number, value: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));
}

async function listen(answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const server: Server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { address: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}
