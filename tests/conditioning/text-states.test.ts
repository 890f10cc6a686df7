// Text states as a video transformer gets them: cut at the text's end, zero behind it, and the same bytes from the cache.
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { clipTextStates } from '../../conditioning/clip-text.ts';
import { folderStateCache, memoryStateCache, stateKey } from '../../conditioning/state-cache.ts';
import { openTextEncoder, parseTextEncoderConfig, type TextEncoderSource } from '../../conditioning/text-states.ts';
import { createTokenizer } from '../../conditioning/tokenizer.ts';
import { umt5States } from '../../conditioning/umt5.ts';
import { wordLevelTokenizer } from '../../conditioning/word-level.ts';
import { input } from '../../graph/build.ts';
import { compile } from '../../graph/compile.ts';
import { type Engine, fetched, localEngine } from '../../graph/engine.ts';
import { parameterScope } from '../../graph/parameters.ts';
import { floats, int32Tensor } from '../../graph/tensor.ts';
import { largestError, readGolden } from '../goldens/folder.ts';

const engine = localEngine();
afterAll(() => engine.close());

const made = wordLevelTokenizer(['a', 'penguin', 'jumps', '.'], 16);
const tokenizer = createTokenizer(made.tokenizer, made.config);
const prompt = 'A penguin jumps.';

async function source(kind: 'clip' | 'umt5'): Promise<TextEncoderSource> {
  const [folder, name] =
    kind === 'clip' ? ['clip_text', 'text_gelu_eos98_masked'] : ['umt5_encoder', 'umt5_len37_masked'];
  const { config, weights } = await readGolden(folder, name);
  return { ...parseTextEncoderConfig(config), modelId: kind, weights, tokenizer, cache: memoryStateCache() };
}

/** The encoder run on exactly the text's tokens, without padding, mask or cache. */
async function bare(from: TextEncoderSource): Promise<Float32Array> {
  const { ids } = tokenizer.encode(prompt, 16);
  const inputIds = input('input_ids', [1, ids.length], 'int32');
  const p = parameterScope().parameters;
  const { lastHiddenState } =
    from.kind === 'clip' ? clipTextStates(p, from.config, inputIds) : umt5States(p, from.config, inputIds);
  const session = await engine.open(compile({ outputs: { lastHiddenState }, weights: from.weights }));
  const results = await session.run({ input_ids: int32Tensor(ids, [1, ids.length]) });
  return floats(fetched(results, 'lastHiddenState'));
}

/** An engine that counts how often graphs run. */
function counting(): { engine: Engine; runs: () => number } {
  let runs = 0;
  const open: Engine['open'] = async (graph, options) => {
    const session = await engine.open(graph, options);
    return { ...session, run: (feeds, how) => (runs++, session.run(feeds, how)) };
  };
  return { engine: { ...engine, open }, runs: () => runs };
}

describe.each(['clip', 'umt5'] as const)('%s', (kind) => {
  test('states are those of the bare text, then zeros', async () => {
    const from = await source(kind);
    const encoder = openTextEncoder(engine, from);
    const states = await encoder.encode(prompt, 40);
    const expected = await bare(from);
    expect(states.shape).toEqual([1, 40, encoder.width]);
    expect(expected.length).toBe(6 * encoder.width); // <bos> a penguin jumps . <eos>
    expect(largestError(states.data.subarray(0, expected.length), expected)).toBeLessThan(1e-5);
    expect(states.data.subarray(expected.length).every((value) => value === 0)).toBe(true);
  });

  test('the length that it is padded to changes nothing before it', async () => {
    const encoder = openTextEncoder(engine, await source(kind));
    const short = await encoder.encode(prompt, 6);
    const long = await encoder.encode(prompt, 32);
    expect(largestError(short.data, long.data.subarray(0, short.data.length))).toBeLessThan(1e-5);
  });

  test('a prompt that was encoded before is not run again, and has the same bytes', async () => {
    const { engine: counted, runs } = counting();
    const encoder = openTextEncoder(counted, await source(kind));
    const first = await encoder.encode(prompt, 16);
    const kept = first.data.slice();
    first.data.fill(7); // the caller's own
    const second = await encoder.encode(`  ${prompt}\n`, 16); // the same text once cleaned
    expect(second.data).toEqual(kept);
    expect(runs()).toBe(1);
    await encoder.encode('A penguin.', 16);
    expect(runs()).toBe(2);
  });

  test('after release it opens again by itself', async () => {
    const { engine: counted, runs } = counting();
    const encoder = openTextEncoder(counted, await source(kind));
    const before = await encoder.encode(prompt, 16);
    await encoder.release();
    await encoder.encode('A penguin.', 16);
    expect((await encoder.encode(prompt, 16)).data).toEqual(before.data);
    expect(runs()).toBe(2);
  });

  test('an empty prompt has the states of its special tokens', async () => {
    const encoder = openTextEncoder(engine, await source(kind));
    const { data } = await encoder.encode('', 8);
    expect(data.subarray(0, 2 * encoder.width).some((value) => value !== 0)).toBe(true);
    expect(data.subarray(2 * encoder.width).every((value) => value === 0)).toBe(true);
  });

  test('a prompt that is too long is cut and says so', async () => {
    const encoder = openTextEncoder(engine, await source(kind));
    expect(encoder.isTruncated(prompt, 6)).toBe(false);
    expect(encoder.isTruncated(prompt, 5)).toBe(true);
    expect((await encoder.encode(prompt, 5)).shape).toEqual([1, 5, encoder.width]);
    expect(encoder.unknownWords('A zeppelin jumps.')).toEqual(['zeppelin']);
  });
});

test('UMT5 has the graph of one length open at a time, even for prompts that come together', async () => {
  let [open, most] = [0, 0];
  const counted: Engine = {
    ...engine,
    open: async (graph, options) => {
      most = Math.max(most, ++open);
      const session = await engine.open(graph, options);
      return { ...session, release: async () => (open--, session.release()) };
    },
  };
  const encoder = openTextEncoder(counted, await source('umt5'));
  const long = 'penguin '.repeat(20);
  const together = await Promise.all([prompt, long, 'A penguin.'].map((text) => encoder.encode(text, 40)));
  const alone = await openTextEncoder(engine, await source('umt5')).encode(long, 40);
  expect(together[1]!.data).toEqual(alone.data);
  await encoder.release();
  expect([open, most]).toEqual([0, 1]);
});

test('CLIP cuts at its table of positions, whatever length is asked for', async () => {
  const encoder = openTextEncoder(engine, await source('clip')); // 16 positions
  const long = 'penguin '.repeat(30);
  expect(encoder.isTruncated(long, 48)).toBe(true);
  const { data } = await encoder.encode(long, 48);
  expect(data.subarray(15 * encoder.width, 16 * encoder.width).some((value) => value !== 0)).toBe(true);
  expect(data.subarray(16 * encoder.width).every((value) => value === 0)).toBe(true);
});

describe('a cache in a folder', () => {
  test('serves other processes, and a damaged file is computed again', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tessera-states-'));
    try {
      const cache = folderStateCache(join(folder, 'made', 'when-needed'));
      const { engine: counted, runs } = counting();
      const from = { ...(await source('clip')), cache };
      const first = await openTextEncoder(counted, from).encode(prompt, 16);
      const again = await openTextEncoder(counted, { ...from, cache }).encode(prompt, 16);
      expect(again.data).toEqual(first.data);
      expect(runs()).toBe(1);
      const [file] = await readdir(join(folder, 'made', 'when-needed'));
      expect(file).toBe(`${stateKey('clip', prompt, 16)}.f32`);
      await writeFile(join(folder, 'made', 'when-needed', file!), Buffer.alloc(20));
      expect((await openTextEncoder(counted, from).encode(prompt, 16)).data).toEqual(first.data);
      expect(runs()).toBe(2);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('one that cannot be written does not fail the prompt', async () => {
    const cache = folderStateCache('/dev/null/states');
    const encoder = openTextEncoder(engine, { ...(await source('clip')), cache });
    expect((await encoder.encode(prompt, 16)).shape).toEqual([1, 16, encoder.width]);
  });
});

test('the memory cache forgets the prompt that was used longest ago', async () => {
  const cache = memoryStateCache(2);
  await cache.set('a', Float32Array.of(1));
  await cache.set('b', Float32Array.of(2));
  await cache.get('a');
  await cache.set('c', Float32Array.of(3));
  expect([await cache.get('a'), await cache.get('b')]).toEqual([Float32Array.of(1), undefined]);
});

test('models, prompts and lengths have keys of their own', () => {
  const keys = [stateKey('m', 'p', 1), stateKey('m', 'p', 2), stateKey('m', 'q', 1), stateKey('n', 'p', 1)];
  expect(new Set(keys).size).toBe(4);
});
