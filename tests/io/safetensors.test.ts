import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ModelFileError } from '../../graph/errors.ts';
import type { Tensor } from '../../graph/tensor.ts';
import { openSafetensors, openSafetensorsIndex, readTensor, writeSafetensors } from '../../io/safetensors.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tessera-safetensors-'));
});
afterAll(() => rm(folder, { recursive: true }));

const float = (values: number[], shape: number[]): Tensor => ({
  dtype: 'float32',
  shape,
  data: new Float32Array(values),
});

describe('a file written and read again', () => {
  test('keeps every type, shape, value and the metadata', async () => {
    const path = join(folder, 'all types.safetensors');
    const entries: [string, Tensor][] = [
      ['float', float([1.5, -2, 3e-8, 4, 5, 6], [2, 3])],
      ['scalar', float([7], [])],
      ['empty', float([], [0, 4])],
      ['long', { dtype: 'int64', shape: [2], data: new BigInt64Array([-1n, 1n << 60n]) }],
      ['int', { dtype: 'int32', shape: [1], data: new Int32Array([-5]) }],
      ['byte', { dtype: 'uint8', shape: [3], data: new Uint8Array([1, 2, 255]) }],
      ['signed', { dtype: 'int8', shape: [1], data: new Int8Array([-128]) }],
      ['flags', { dtype: 'bool', shape: [2], data: new Uint8Array([0, 1]) }],
      ['half', { dtype: 'float16', shape: [2], data: new Uint16Array([0x3c00, 0xc000]) }],
      ['brain', { dtype: 'bfloat16', shape: [2], data: new Uint16Array([0x3f80, 0xc000]) }],
      ['naïve.名', float([1], [1])],
    ];
    await writeSafetensors(path, entries, { format: 'pt', step: '12' });
    const file = await openSafetensors(path);
    expect(file.metadata).toEqual({ format: 'pt', step: '12' });
    expect([...file.tensors.keys()].sort()).toEqual(entries.map(([name]) => name).sort());
    for (const [name, tensor] of entries) expect(await readTensor(file, name, { raw: true })).toEqual(tensor);
    expect(await readTensor(file, 'half')).toEqual(float([1, -2], [2]));
    expect(await readTensor(file, 'brain')).toEqual(float([1, -2], [2]));
  });

  test('starts tensors that fill cache lines on one, and all others on their element size', async () => {
    const path = join(folder, 'aligned.safetensors');
    const shapes = [3, 16, 5, 64, 1];
    const entries = shapes.map((n, i): [string, Tensor] => [`t${i}`, float(Array<number>(n).fill(i), [n])]);
    await writeSafetensors(path, [['odd', { dtype: 'uint8', shape: [3], data: new Uint8Array(3) }], ...entries]);
    for (const { byteOffset, byteLength, dtype } of (await openSafetensors(path)).tensors.values()) {
      expect(byteOffset % (byteLength % 64 === 0 ? 64 : dtype === 'uint8' ? 1 : 4)).toBe(0);
    }
  });

  test('can halve floats, and refuses values that half precision cannot hold', async () => {
    const path = join(folder, 'half.safetensors');
    await writeSafetensors(path, new Map([['x', float([0.1, 65504], [2])]]), {}, { floats: 'float16' });
    const file = await openSafetensors(path);
    expect(file.tensors.get('x')).toMatchObject({ dtype: 'float16', byteLength: 4 });
    expect([...((await readTensor(file, 'x')).data as Float32Array)]).toEqual([0.0999755859375, 65504]);
    const tooLarge = writeSafetensors(path, [['big', float([70000], [1])]], {}, { floats: 'float16' });
    await expect(tooLarge).rejects.toThrow(/big.*70000 does not fit float16/);
    expect((await openSafetensors(path)).tensors.has('x')).toBe(true);
  });

  test('replaces an old file whole and leaves no temporary file', async () => {
    const own = await mkdtemp(join(folder, 'own-'));
    const path = join(own, 'w.safetensors');
    await writeSafetensors(path, [['a', float([1], [1])]]);
    await writeSafetensors(path, [['b', float([2], [1])]]);
    expect([...(await openSafetensors(path)).tensors.keys()]).toEqual(['b']);
    expect(await readdir(own)).toEqual(['w.safetensors']);
  });
});

describe('links and shards', () => {
  test('links are followed, and tensors carry the real path', async () => {
    const blobs = join(folder, 'blobs');
    const snapshot = join(folder, 'snapshot');
    await Promise.all([mkdir(blobs), mkdir(snapshot)]);
    await writeSafetensors(join(blobs, 'abc'), [['x', float([1], [1])]]);
    await symlink('../blobs/abc', join(snapshot, 'model.safetensors'));
    const file = await openSafetensors(join(snapshot, 'model.safetensors'));
    expect(file.tensors.get('x')?.path).toMatch(/blobs.abc$/);
    expect(file.path).toBe(join(snapshot, 'model.safetensors'));
  });

  test('an index joins its files, also when index and files are links', async () => {
    const model = await mkdtemp(join(folder, 'sharded-'));
    await writeSafetensors(join(model, 'blob1'), [['a', float([1], [1])], ['unused', float([9], [1])]]); // prettier-ignore
    await writeSafetensors(join(model, 'blob2'), [['b', float([2], [1])]]);
    await writeFile(
      join(model, 'blob3'),
      JSON.stringify({ metadata: {}, weight_map: { a: 'm-1.safetensors', b: 'm-2.safetensors' } }),
    );
    const links = [['blob1', 'm-1.safetensors'], ['blob2', 'm-2.safetensors'], ['blob3', 'm.safetensors.index.json']]; // prettier-ignore
    await mkdir(join(model, 'links'));
    for (const [to, name] of links) await symlink(`../${to}`, join(model, 'links', name!));
    const file = await openSafetensorsIndex(join(model, 'links', 'm.safetensors.index.json'));
    expect([...file.tensors.keys()]).toEqual(['a', 'b']);
    expect((await readTensor(file, 'b')).data).toEqual(new Float32Array([2]));
  });

  test.each([
    [
      'a tensor that is not in its file',
      { nothing: 'm.safetensors' },
      /"nothing" of .*m.safetensors: the index .* says/,
    ],
    ['a file outside the folder', { a: '../m.safetensors' }, /"a" of .*must be a .safetensors file beside the index/],
    ['an absolute file', { a: '/etc/passwd' }, /must be a .safetensors file beside the index/],
    ['no text', { a: 3 }, /must be a .safetensors file beside the index/],
    ['a file that is not there', { a: 'gone.safetensors' }, /gone.safetensors: there is no such file/],
  ])('an index naming %s is refused', async (_, weightMap, message) => {
    const model = await mkdtemp(join(folder, 'bad-index-'));
    await writeSafetensors(join(model, 'm.safetensors'), [['a', float([1], [1])]]);
    await writeFile(join(model, 'i.index.json'), JSON.stringify({ weight_map: weightMap }));
    await expectModelFileError(openSafetensorsIndex(join(model, 'i.index.json')), message);
  });

  test.each([['{'], ['[]'], ['{"weight_map": 3}'], ['']])('the index %j is refused', async (text) => {
    const path = join(folder, 'broken.index.json');
    await writeFile(path, text);
    await expectModelFileError(openSafetensorsIndex(path), /broken.index.json/);
  });
});

describe('files that are damaged or hostile', () => {
  const one = (fields: object): Record<string, unknown> => ({
    x: { dtype: 'F32', shape: [2], data_offsets: [0, 8], ...fields },
  });
  const headers: [string, unknown, RegExp][] = [
    ['a range beyond the file', one({ data_offsets: [0, 8000], shape: [2000] }), /"x" of .*ends at byte 8000/],
    ['a range that does not fit the shape', one({ shape: [3] }), /"x" of .*takes 12 bytes.*span 8/],
    ['a range backwards', one({ data_offsets: [8, 0] }), /span -8/],
    ['a negative offset', one({ data_offsets: [-8, 0] }), /data_offsets must be two whole numbers/],
    ['a fraction of an offset', one({ data_offsets: [0, 8.5] }), /data_offsets/],
    ['an offset beyond exact integers', one({ data_offsets: [0, 2 ** 60] }), /data_offsets/],
    ['three offsets', one({ data_offsets: [0, 8, 8] }), /data_offsets/],
    ['a negative size', one({ shape: [-2, -1] }), /shape must be a list of whole numbers/],
    ['a product that overflows', one({ shape: [2 ** 40, 2 ** 40] }), /takes .* bytes/],
    ['a shape that is no list', one({ shape: 2 }), /shape must be a list/],
    ['an unknown type', one({ dtype: 'F33' }), /dtype "F33" is not one/],
    ['no type', one({ dtype: undefined }), /dtype .* is not one/],
    ['a type that is a built-in name', one({ dtype: 'constructor' }), /dtype "constructor" is not one/],
    ['an entry that is no object', { x: [1] }, /"x" of .*no object/],
    ['a null entry', { x: null }, /no object/],
    ['metadata of numbers', { ...one({}), __metadata__: { a: 1 } }, /__metadata__/],
    ['no tensor for the data', {}, /8 bytes after the last tensor/],
    ['a gap', one({ shape: [1], data_offsets: [4, 8] }), /"x" of .*4 bytes before its data/],
    ['an overlap', { ...one({}), y: { dtype: 'F32', shape: [1], data_offsets: [4, 8] } }, /"y" of .*overlaps/],
    ['a number in place of the header', 3, /no JSON object/],
    ['a list in place of the header', [], /no JSON object/],
  ];
  test.each(headers)('%s is refused', async (_, header, message) => {
    await expectRefused(fileOf(JSON.stringify(header), 8), message);
  });

  const texts: [string, Buffer, RegExp][] = [
    ['an empty file', Buffer.alloc(0), /only 0 bytes/],
    ['a length alone', Buffer.from([2, 0, 0, 0, 0, 0, 0, 0]), /only 8 bytes/],
    ['a header that is cut short', fileOf(JSON.stringify(one({})), 0).subarray(0, 30), /ends within its header/],
    ['data that are cut short', fileOf(JSON.stringify(one({})), 7), /"x" of .*cut short/],
    ['data that go on', fileOf(JSON.stringify(one({})), 9), /1 bytes after the last tensor/],
    ['a huge header', Buffer.from('ffffffffffffff7f7b7d', 'hex'), /header claims 9223372036854775807 bytes/],
    ['JSON that ends early', fileOf('{"x":', 8), /no valid JSON/],
    ['bytes that are no UTF-8', fileOf(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 8), /no valid JSON/],
    [
      'a tensor that stands twice',
      fileOf(`{"x":${JSON.stringify(one({})['x'])},"\\u0078":{}}`, 8),
      /"x" of .*stands twice/,
    ],
    [
      'a field that stands twice',
      fileOf('{"x":{"dtype":"F32","shape":[2],"shape":[2],"data_offsets":[0,8]}}', 8),
      /"shape".*stands twice/,
    ],
    ['a million open brackets', fileOf(`{"x":${'['.repeat(1e6)}`, 8), /nests deeper/],
    ['a megabyte of name', fileOf(`{"${'\\"x'.repeat(4e5)}":1}`, 8), /\.\.\." of .*no object/],
    ['a zipped pickle', Buffer.from('PK\x03\x04aaaaaaaaaaaa', 'latin1'), /PyTorch pickle, which can run code/],
    ['an old pickle', Buffer.from('\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.', 'latin1'), /PyTorch pickle/],
    ['a GGUF file', Buffer.from('GGUF\x03\0\0\0\0\0\0\0'), /GGUF/],
    [
      'an LFS pointer',
      Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n'),
      /git lfs pull/,
    ],
    ['a web page', Buffer.from('<!DOCTYPE html><html>Access denied</html>'), /web page/],
  ];
  test.each(texts)('%s is refused', async (_, bytes, message) => {
    await expectRefused(bytes, message);
  });

  test('a missing file, a folder and a link to nowhere are told apart from damage', async () => {
    await symlink('/nowhere/at/all', join(folder, 'dangling.safetensors'));
    await expectModelFileError(
      openSafetensors(join(folder, 'none.safetensors')),
      /none.safetensors: there is no such file/,
    );
    await expectModelFileError(openSafetensors(join(folder, 'dangling.safetensors')), /its link leads nowhere/);
    await expectModelFileError(openSafetensors(folder), /no regular file/);
  });

  test('types that the engine lacks are an error only when asked for', async () => {
    const header = {
      x: { dtype: 'F8_E4M3', shape: [2], data_offsets: [0, 2] },
      ok: { dtype: 'U8', shape: [1], data_offsets: [2, 3] },
    };
    const path = join(folder, 'float8.safetensors');
    await writeFile(path, fileOf(JSON.stringify(header), 3));
    const file = await openSafetensors(path);
    expect(file.weights('ok')).toMatchObject({ dtype: 'uint8' });
    expect(file.weights('absent')).toBeUndefined();
    expect(() => file.weights('x')).toThrow(/"x" of .*F8_E4M3 is not supported/);
    await expectModelFileError(readTensor(file, 'x'), /F8_E4M3 is not supported/);
    await expectModelFileError(readTensor(file, 'absent'), /"absent" of .*no such tensor/);
  });

  test('names that every object has are names like others', async () => {
    const path = join(folder, 'proto.safetensors');
    await writeFile(path, fileOf('{"__proto__":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', 1));
    const file = await openSafetensors(path);
    expect([...file.tensors.keys()]).toEqual(['__proto__']);
    expect(file.weights('constructor')).toBeUndefined();
  });

  test('a file that was cut short after it was opened is noticed on reading', async () => {
    const path = join(folder, 'shrinks.safetensors');
    await writeSafetensors(path, [['x', float([1, 2, 3], [3])]]);
    const file = await openSafetensors(path);
    await writeFile(path, (await readFile(path)).subarray(0, -4));
    await expectModelFileError(readTensor(file, 'x'), /"x" of .*ended within its data/);
  });

  async function expectRefused(bytes: Buffer, message: RegExp): Promise<void> {
    const path = join(folder, 'hostile.safetensors');
    await writeFile(path, bytes);
    await expectModelFileError(openSafetensors(path), message);
    await expectModelFileError(openSafetensors(path), /hostile.safetensors/);
  }
});

function fileOf(json: string | Buffer, dataBytes: number): Buffer {
  const text = Buffer.from(json);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, Buffer.alloc(dataBytes)]);
}

async function expectModelFileError(promise: Promise<unknown>, message: RegExp): Promise<void> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ModelFileError);
  expect((error as Error).message).toMatch(message);
}
