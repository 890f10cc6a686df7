// Requests that no server should carry out, derived from the schema of requests: for every field what it does not take, and
// bodies, types and targets that are broken in other ways.
import { randomBytes } from 'node:crypto';
import type { z } from 'zod';

export interface MalformedBody {
  readonly body: string | Uint8Array<ArrayBuffer> | FormData;
  /** Content-Type; undefined where the body brings its own. */
  readonly type: string | undefined;
}

const JSON_TYPE = 'application/json';

/** Values of every kind; those that a field takes are left out for it. */
const values: readonly unknown[] = [
  null, true, 'word', '', '\u0000', '../../etc/passwd', -1, 0, 1.5, 1e308, 9e15 + 0.5, [], [1], {}, { $ne: 1 }, 'x'.repeat(6000),
]; // prettier-ignore

/** @param shape the schema's fields, each of which is sent with everything that it refuses */
export function malformedBodies(shape: Readonly<Record<string, z.ZodType>>): readonly MalformedBody[] {
  const bodies: MalformedBody[] = [];
  const send = (body: object | string): void =>
    void bodies.push({ body: typeof body === 'string' ? body : JSON.stringify(body), type: JSON_TYPE });
  for (const [field, schema] of Object.entries(shape)) {
    const refused = values.filter((value) => !schema.safeParse(value).success);
    for (const value of refused) send({ prompt: 'a cat', model: 'tiny', [field]: value });
    for (const value of refused.slice(0, 2)) {
      const form = new FormData();
      form.set('prompt', 'a cat');
      form.append(field, String(value));
      form.append(field, 'twice');
      bodies.push({ body: form, type: undefined });
    }
  }
  for (const value of values) send(JSON.stringify(value));
  for (const value of values) send({ prompt: 'a cat', model: 'tiny', size: value, seconds: value });
  send('{"prompt":"a cat","__proto__":{"output":"/tmp/x"},"constructor":1}');
  send(`${'['.repeat(20_000)}${']'.repeat(20_000)}`);
  for (const text of ['', '{', '{"prompt":', 'prompt=a cat', '\ufeff\ufeff{}', '{"prompt":"a"}}']) send(text);
  for (let i = 0; i < 10; i++) bodies.push({ body: new Uint8Array(randomBytes(50 * i)), type: JSON_TYPE });
  for (const type of [
    'text/plain',
    'multipart/form-data',
    'multipart/form-data; boundary=x',
    'application/xml',
    ';;;',
    'application/x-www-form-urlencoded',
  ]) {
    // prettier-ignore
    bodies.push({ body: '{"prompt":"a cat"}', type });
  }
  const file = new FormData();
  file.set('prompt', new Blob(['a cat']), 'prompt.txt');
  bodies.push({ body: file, type: undefined });
  return bodies;
}

const ids = ['nothing', 'clip-', 'clip-0123456789abcdef', '..', '%2e%2e%2f%2e%2e%2fetc%2fpasswd', '%00', '%ff', 'x'.repeat(3000), 'keys', 'clip-0123456789abcdef.video.json']; // prettier-ignore

/** Targets that are not there, and queries that make no sense. */
export const malformedTargets: readonly {
  readonly method: string;
  readonly path: string;
  readonly headers?: Record<string, string>;
}[] = [
  ...ids.flatMap((id) => ['', '/content', '/content?variant=thumbnail', '/events'].map((end) => ({ method: 'GET', path: `/v1/videos/x${id}${end}` }))), // prettier-ignore
  ...ids.filter((id) => id !== '..').map((id) => ({ method: 'DELETE', path: `/v1/videos/${id}` })),
  ...['limit=0', 'limit=101', 'limit=-1', 'limit=1e2', 'limit=', 'after=nothing', 'after=', 'order=up', 'order=ASC'].map((query) => ({ method: 'GET', path: `/v1/videos?${query}` })), // prettier-ignore
  ...['PUT', 'PATCH', 'DELETE', 'OPTIONS'].map((method) => ({ method, path: '/v1/videos' })),
  { method: 'GET', path: '/v1/models/..%2f..' },
  { method: 'GET', path: '/v2' },
  { method: 'POST', path: '/v1/videos', headers: { 'content-type': JSON_TYPE } },
  { method: 'POST', path: '/v1/videos', headers: { 'idempotency-key': 'x'.repeat(300), 'content-type': JSON_TYPE } },
];
