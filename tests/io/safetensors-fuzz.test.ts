// Headers that were damaged at random, from a seed: each is read or refused with a ModelFileError, never anything else, and
// what is allocated for one is bounded by its own size, whatever it claims.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createRandom } from '../../dit/random.ts';
import { ModelFileError } from '../../graph/errors.ts';
import { openSafetensors, openSafetensorsIndex } from '../../io/safetensors.ts';
import { parseSafetensorsHeader } from '../../io/safetensors-header.ts';
import { scratch } from '../jobs/scratch.ts';

const header = JSON.stringify({
  __metadata__: { format: 'pt', 'naïve "key"': '\\u0000' },
  'blocks.0.attn1.to_q.weight': { dtype: 'F32', shape: [4, 3], data_offsets: [0, 48] },
  'blocks.0.attn1.to_q.bias': { dtype: 'BF16', shape: [3], data_offsets: [48, 54] },
  scalar: { dtype: 'F16', shape: [], data_offsets: [54, 56] },
  empty: { dtype: 'I64', shape: [0, 7], data_offsets: [56, 56] },
});
const dataBytes = 56;
const random = createRandom(6, 0);
const upTo = (most: number): number => Math.floor(random.uniform() * most);

const tokens = [
  '-1', '1e308', '9007199254740993', '18446744073709551616', '1.5', 'null', 'true', '[]', '{}', '""', '[[[[', '}}}}', '"F4"',
  '"F32"', '[0,0]', '[1e9,1e9,1e9]', '[4294967296,4294967296]', '"__proto__"', '"constructor"', '\ud800', '\0', ',', ':', '"',
]; // prettier-ignore

/** One damage: a byte, a piece that is gone or doubled, a number or a token in the place of another. */
function damage(bytes: Buffer): Buffer {
  const at = upTo(bytes.length);
  const length = upTo(Math.min(24, bytes.length - at));
  const [before, piece, after] = [bytes.subarray(0, at), bytes.subarray(at, at + length), bytes.subarray(at + length)];
  const number = /\d+/g;
  switch (upTo(6)) {
    case 0:
      return Buffer.concat([before, Buffer.of(upTo(256)), bytes.subarray(at + 1)]);
    case 1:
      return Buffer.concat([before, after]);
    case 2:
      return Buffer.concat([before, piece, piece, after]);
    case 3:
      return Buffer.concat([before, Buffer.from(tokens[upTo(tokens.length)]!), after]);
    case 4: {
      const wanted = upTo(12);
      let i = 0;
      return Buffer.from(
        bytes.toString('latin1').replace(number, (found) => (i++ === wanted ? tokens[upTo(8)]! : found)),
        'latin1',
      );
    }
    default:
      return before;
  }
}

function outcome(json: Uint8Array): 'read' | 'refused' {
  try {
    parseSafetensorsHeader(json, { path: '/file', realPath: '/file', sizeBytes: 8 + json.length + dataBytes });
    return 'read';
  } catch (error) {
    if (error instanceof ModelFileError && error.message.length < 2000 && error.message.includes('/file'))
      return 'refused';
    throw new Error(`${Buffer.from(json).toString('latin1')}: ${String(error)}`, { cause: error });
  }
}

test('damaged headers are read or refused, and nothing else', () => {
  const outcomes = { read: 0, refused: 0 };
  for (let i = 0; i < 4000; i++) {
    let bytes: Buffer = Buffer.from(header);
    for (let times = 1 + upTo(4); times > 0 && bytes.length > 0; times--) bytes = damage(bytes);
    outcomes[outcome(bytes)]++;
  }
  expect(outcome(Buffer.from(header))).toBe('read');
  expect(outcomes.read).toBeGreaterThan(0);
  expect(outcomes.refused).toBeGreaterThan(2000);
});

test('deep and long headers are refused without much memory', () => {
  const deep = '['.repeat(200_000);
  const long = `{"a":{"dtype":"F32","shape":[${'1,'.repeat(100_000)}1e9],"data_offsets":[0,48]}}`;
  const closed = `${deep}${']'.repeat(200_000)}`;
  for (const text of [`{"a":${deep}`, `{"a":${closed}}`, long]) expect(outcome(Buffer.from(text))).toBe('refused');
});

test.each(['dtype', 'shape', 'data_offsets', '__proto__'])('a %s that is nested deeply is refused by name', (field) => {
  const lists = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
  const objects = `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`;
  const entry = { dtype: '"F32"', shape: '[1]', data_offsets: '[0,4]' };
  for (const value of [lists, objects]) {
    const fields = Object.entries({ ...entry, [field]: value }).map(([name, text]) => `"${name}":${text}`);
    if (field === '__proto__') fields.push(`"__proto__":${value}`);
    expect(outcome(Buffer.from(`{"a":{${fields.join(',')}}}`))).toBe('refused');
  }
});

test('many lists in a large header make nothing larger than a few times its size', () => {
  const bytes = Buffer.from(`{"a":${'[[['.repeat(3_000_000)}`);
  const before = process.memoryUsage().rss;
  expect(outcome(bytes)).toBe('refused');
  expect(process.memoryUsage().rss - before).toBeLessThan(8 * bytes.length + 64e6);
});

test('an index that names something nested deeply is refused', async () => {
  const path = join(await scratch(), 'model.safetensors.index.json');
  await writeFile(path, `{"weight_map":{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}}`);
  await expect(openSafetensorsIndex(path)).rejects.toThrow(ModelFileError);
  await expect(openSafetensorsIndex(path)).rejects.toThrow(path);
});

test('a file that claims much makes nothing large', { timeout: 120_000 }, async () => {
  const path = join(await scratch(), 'x.safetensors');
  const before = process.memoryUsage();
  for (let i = 0; i < 100; i++) {
    const bytes = Buffer.alloc(8 + header.length + dataBytes);
    bytes.write(header, 8);
    const claims = [0n, 1n, BigInt(header.length), 99_999_999n, 100_000_001n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n];
    bytes.writeBigUInt64LE(claims[upTo(claims.length)]!);
    for (let times = upTo(3); times > 0; times--) bytes[upTo(bytes.length)] = upTo(256);
    await writeFile(path, bytes.subarray(0, 8 + upTo(bytes.length - 8)));
    await openSafetensors(path).then(
      () => undefined,
      (error: unknown) => expect(error).toBeInstanceOf(ModelFileError),
    );
  }
  const after = process.memoryUsage();
  expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(64e6);
});
