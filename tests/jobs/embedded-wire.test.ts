import { describe, expect, it } from 'vitest';
import { ClientReader, greeting, partNotifications } from '../../jobs/embedded-wire.ts';

const message = (type: string, body: string): Buffer => {
  const head = Buffer.alloc(5);
  head.write(type, 'latin1');
  head.writeInt32BE(4 + body.length, 1);
  return Buffer.concat([head, Buffer.from(body)]);
};
const opening = (code: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeInt32BE(8, 0);
  bytes.writeInt32BE(code, 4);
  return bytes;
};
const start = opening(196608);
const extended = ['P', 'B', 'D', 'E', 'S'].map((type) => message(type, `${type}...`));

describe('ClientReader', () => {
  it('keeps an extended query together up to its Sync, however it arrives', () => {
    const query = message('Q', 'SELECT 1\0');
    const all = Buffer.concat([start, ...extended, query, message('X', '')]);
    for (const size of [1, 3, 7, all.length]) {
      const reader = new ClientReader();
      const chunks = Array.from({ length: Math.ceil(all.length / size) }, (_, i) =>
        all.subarray(i * size, (i + 1) * size),
      );
      expect(chunks.flatMap((chunk) => reader.push(chunk))).toEqual([
        { kind: 'start' },
        { kind: 'run', bytes: Buffer.concat(extended) },
        { kind: 'run', bytes: query },
        { kind: 'end' },
      ]);
    }
  });

  it('knows what comes before the start', () => {
    const reader = new ClientReader();
    expect(reader.push(opening(80877103))).toEqual([{ kind: 'encrypt' }]);
    expect(reader.push(opening(80877102))).toEqual([{ kind: 'cancel' }]);
    expect(reader.push(start)).toEqual([{ kind: 'start' }]);
  });
});

describe('answers', () => {
  it('are parted from notifications', () => {
    const [row, news, ready] = [message('D', 'row'), message('A', 'news'), message('Z', 'I')];
    const { answer, notifications } = partNotifications(Buffer.concat([news, row, news, ready]));
    expect(answer).toEqual(Buffer.concat([row, ready]));
    expect(notifications).toEqual(Buffer.concat([news, news]));
  });

  it('begin with a greeting that ends with ReadyForQuery', () => {
    expect(greeting('17.5').subarray(-6)).toEqual(message('Z', 'I'));
    expect(greeting('17.5').toString()).toContain('server_version\x0017.5\0');
  });
});
