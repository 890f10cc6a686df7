// The writing loop around a Llama decoder (ends, limits, cancelling, memory), token choice, rotations and configurations.
import { afterAll, describe, expect, test } from 'vitest';
import { parseLlamaConfig } from '../../conditioning/llama-config.ts';
import { type Llama, openLlama } from '../../conditioning/llama-generate.ts';
import { ropeFrequencies, rotationTables } from '../../conditioning/llama-rope.ts';
import { greedyToken, nucleusToken } from '../../conditioning/sample-token.ts';
import { initialState, flatLayout, views } from '../../graph/adamw.ts';
import { input } from '../../graph/build.ts';
import { type Engine, localEngine } from '../../graph/engine.ts';
import { InvalidRequestError, ModelFileError } from '../../graph/errors.ts';
import { parameterScope } from '../../graph/parameters.ts';
import { llamaLogits } from '../../conditioning/llama.ts';

const json = {
  model_type: 'llama', vocab_size: 40, hidden_size: 16, intermediate_size: 24, num_hidden_layers: 2, num_attention_heads: 4,
  num_key_value_heads: 2, initializer_range: 0.5, eos_token_id: [0, 1],
}; // prettier-ignore
const config = parseLlamaConfig(json);

/** Numbers in [0,1) that are the same every time (a linear congruential generator). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
}

function randomWeights() {
  const scope = parameterScope();
  llamaLogits(scope.parameters, config, input('ids', [1, 2], 'int32'));
  const layout = flatLayout(scope.specs());
  const tensors = views(layout, initialState(layout, numbers(3)).parameters);
  return (name: string) => tensors[name];
}

describe('writing', () => {
  const engine = localEngine();
  afterAll(() => engine.close());
  let kept = 0;
  const watched: Engine = {
    ...engine,
    open: async (graph, options) => {
      const session = await engine.open(graph, options);
      const run: typeof session.run = (feeds, how) => ((kept += how?.keep?.length ?? 0), session.run(feeds, how));
      return { ...session, run };
    },
    drop: (values) => ((kept -= values.length), engine.drop(values)),
  };
  const open = (chunk = 8): Promise<Llama> =>
    openLlama(watched, { config, weights: randomWeights(), slots: 32, chunk });
  const prompt = Array.from({ length: 19 }, (_, i) => (7 * i + 2) % 40);

  test('the size of the pieces in which a prompt is read does not change the text', async () => {
    const texts = await Promise.all(
      [1, 5, 8, 19, 64].map(async (chunk) => (await open(chunk)).write(prompt, { maxNewTokens: 12, eosIds: [] })),
    );
    expect(new Set(texts.map(String)).size).toBe(1);
    expect(texts[0]).toHaveLength(12);
  });

  test('a second text starts afresh, and nothing stays in the engine', async () => {
    const llama = await open();
    const first = await llama.write(prompt, { maxNewTokens: 6, eosIds: [] });
    await llama.write([5, 6], { maxNewTokens: 6, eosIds: [] });
    expect(await llama.write(prompt, { maxNewTokens: 6, eosIds: [] })).toEqual(first);
    await llama.release();
    expect(kept).toBe(0);
  });

  test('ends after an ending token, which it returns, and tells every token', async () => {
    const llama = await open();
    const [first, second] = await llama.write(prompt, { maxNewTokens: 2, eosIds: [] });
    const told: number[] = [];
    const ended = await llama.write(prompt, { maxNewTokens: 9, eosIds: [second!], onToken: (id) => told.push(id) });
    expect(ended).toEqual(first === second ? [first] : [first, second]);
    expect(told).toEqual(ended);
  });

  test('the same seed writes the same text', async () => {
    const llama = await open();
    const write = (seed: number) =>
      llama.write(prompt, {
        maxNewTokens: 10,
        eosIds: [],
        choose: nucleusToken({ temperature: 1.5, topP: 0.95, random: numbers(seed) }),
      });
    expect(await write(1)).toEqual(await write(1));
    expect(await write(1)).not.toEqual(await write(2));
  });

  test('a text that does not fit is refused before anything runs', async () => {
    const llama = await open();
    await expect(llama.write(prompt, { maxNewTokens: 14 })).rejects.toThrow(InvalidRequestError);
    await expect(llama.write(prompt, { maxNewTokens: 14 })).rejects.toThrow(/19 tokens and 14 more.*32 in all/);
    await expect(llama.write([], { maxNewTokens: 3 })).rejects.toThrow(/empty/);
  });

  test('a cancelled text stops between tokens and frees its cache', async () => {
    const llama = await open();
    const cancel = new AbortController();
    const write = llama.write(prompt, {
      maxNewTokens: 10,
      eosIds: [],
      signal: cancel.signal,
      onToken: () => cancel.abort(),
    });
    await expect(write).rejects.toThrow(/abort/);
    expect(kept).toBe(0);
  });
});

describe('token choice', () => {
  const logits = Float32Array.of(1, 3, 3, -2, 2.5);

  test('greedy takes the first of the best', () => expect(greedyToken(logits)).toBe(1));

  test('a small nucleus and a low temperature are greedy', () => {
    const draws = Array.from({ length: 50 }, (_, seed) => numbers(seed)());
    for (const draw of draws) {
      expect(nucleusToken({ temperature: 1, topP: 1e-9, random: () => draw })(logits)).toBe(1);
      expect([1, 2]).toContain(nucleusToken({ temperature: 0.01, topP: 1, random: () => draw })(logits));
    }
  });

  test('draws follow the softmax, within the nucleus only', () => {
    const random = numbers(9);
    const counts = [0, 0, 0, 0, 0];
    for (let i = 0; i < 20000; i++) counts[nucleusToken({ temperature: 1, topP: 0.9, random })(logits)]!++;
    const [a, b] = [Math.exp(3), Math.exp(2.5)]; // ids 1, 2 and 4 hold 95 %; without 4 they hold 72 %
    expect(counts[0]! + counts[3]!).toBe(0);
    expect(counts[1]! / 20000).toBeCloseTo(a / (2 * a + b), 1);
    expect(counts[4]! / 20000).toBeCloseTo(b / (2 * a + b), 1);
  });

  test('the largest random number below 1 still draws a token', () => {
    const id = nucleusToken({ temperature: 1, topP: 1, random: () => 1 - 2 ** -53 })(logits);
    expect(id).toBe(3);
  });
});

describe('rotations', () => {
  test('position 0 does not turn; frequencies fall from 1', () => {
    const { cos, sin } = rotationTables(config, 0, 2);
    expect([...cos.data.slice(0, 2)]).toEqual([1, 1]);
    expect([...sin.data.slice(0, 2)]).toEqual([0, 0]);
    expect(cos.data[2]).toBeCloseTo(Math.cos(1), 6);
    expect(sin.data[3]).toBeCloseTo(Math.sin(1e-2), 6); // 10000^(-2/4)
  });

  test('a table from the middle is a part of the whole', () => {
    const whole = rotationTables(config, 0, 9).sin.data;
    expect(rotationTables(config, 4, 3).sin.data).toEqual(whole.slice(8, 14));
  });

  test('llama3 keeps fast turns, slows long ones by the factor, blends between; linear slows all', () => {
    const scaled = (rope_scaling: object) => ropeFrequencies(parseLlamaConfig({ ...json, head_dim: 16, rope_scaling }));
    const plain = ropeFrequencies(parseLlamaConfig({ ...json, head_dim: 16 }));
    const llama3 = scaled({
      rope_type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 128,
    }); // prettier-ignore
    const ratio = [...plain].map((frequency, i) => llama3[i]! / frequency);
    expect(ratio[0]).toBe(1);
    expect(ratio[1]).toBe(1);
    expect(ratio[2]).toBeGreaterThan(1 / 8);
    expect(ratio[2]).toBeLessThan(1);
    for (const slow of ratio.slice(3)) expect(slow).toBeCloseTo(1 / 8, 6);
    const linear = scaled({ type: 'linear', factor: 4 });
    expect([...linear]).toEqual([...plain].map((frequency) => Math.fround(frequency / 4)));
  });
});

describe('configurations', () => {
  test('heads, ends and rotations in the spellings of transformers 4 and 5', () => {
    expect(config).toMatchObject({ headDim: 4, kvHeads: 2, eosIds: [0, 1], tiedEmbeddings: false, ropeTheta: 10000 });
    expect(parseLlamaConfig({ model_type: 'llama' })).toMatchObject({
      heads: 32,
      kvHeads: 32,
      headDim: 128,
      eosIds: [],
    });
    const rope = { rope_theta: 5e5, rope_type: 'default' };
    expect(parseLlamaConfig({ ...json, rope_parameters: rope })).toMatchObject({
      ropeTheta: 5e5,
      ropeScaling: { type: 'default' },
    });
    expect(parseLlamaConfig({ ...json, eos_token_id: 7, rope_theta: 5e5 })).toMatchObject({
      ropeTheta: 5e5,
      eosIds: [7],
    });
  });

  test('what cannot be run is refused by name', () => {
    const refuse = (change: object) => () => parseLlamaConfig({ ...json, ...change }, 'llm/config.json');
    expect(refuse({ rope_scaling: { rope_type: 'yarn', factor: 4 } })).toThrow(ModelFileError);
    expect(refuse({ rope_scaling: { rope_type: 'yarn', factor: 4 } })).toThrow(/llm\/config\.json.*rope_scaling/s);
    expect(refuse({ hidden_act: 'gelu' })).toThrow(/hidden_act/);
    expect(refuse({ num_key_value_heads: 3 })).toThrow(/num_key_value_heads/);
    expect(refuse({ hidden_size: 18 })).toThrow(/num_attention_heads/);
    expect(refuse({ model_type: 'mistral' })).toThrow(/model_type/);
  });
});
