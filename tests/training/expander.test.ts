// The expander in small: pairs pass the check, the loss is on captions alone and falls, and what is written to a folder opens, writes
// the same words by the same seed, and is held to the wish.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { problemsOf } from '../../expansion/check.ts';
import { expandWish } from '../../expansion/expand-wish.ts';
import { openExpanderFolder, openNanoExpander, wishIds } from '../../expansion/nano-expander.ts';
import { adamDefaults, initialState } from '../../graph/adamw.ts';
import { localEngine } from '../../graph/engine.ts';
import { floats } from '../../graph/tensor.ts';
import { drawPair } from '../../training/expander-pairs.ts';
import { expanderJson, expanderTokenizer, pairFeeds } from '../../training/expander.ts';
import type { ExpanderRecipe } from '../../training/expander.ts';
import { loopDefaults, train } from '../../training/loop.ts';
import { openRunFolder } from '../../training/run-folder.ts';
import { prepareExpander } from '../../training/train-expander.ts';
import { randomOf } from '../../training/world/random.ts';
import { scratch } from '../jobs/scratch.ts';

const tokenizer = expanderTokenizer();
const small = { hidden_size: 32, intermediate_size: 64, num_hidden_layers: 1, num_attention_heads: 2, num_key_value_heads: 2 }; // prettier-ignore
const recipe: ExpanderRecipe = { json: { ...expanderJson, ...small }, batch: 4, length: 64 };

test('pairs are in words that it knows, and right', () => {
  const random = randomOf(3);
  for (let i = 0; i < 100; i++) {
    const { wish, caption } = drawPair(random);
    expect([wish, problemsOf(wish, caption, { onlyKnown: true })]).toEqual([wish, []]);
    expect(tokenizer.unknownWords(caption)).toEqual([]);
  }
});

test('learns the words of captions and their ends alone', () => {
  const pair = { wish: 'kitty hopping, winter', caption: 'A cat jumps.' };
  const { ids, targets } = pairFeeds(tokenizer, [pair], { length: 16, vocabulary: recipe.json.vocab_size });
  const asked = wishIds(tokenizer, pair.wish).length;
  const learned = floats(targets!).reduce((sum, one) => sum + one, 0);
  expect(learned).toBe(5); // a, cat, jumps, the mark and the end
  expect(Array.from(ids!.data as Int32Array).indexOf(tokenizer.encode('cat', 8).ids[1]!)).toBe(asked + 1);
  expect(wishIds(tokenizer, 'kitty qwertz hopping')).toEqual(wishIds(tokenizer, 'kitty hopping'));
});

test('its loss falls, and its folder writes by the seed', async () => {
  const folder = await scratch();
  const run = await openRunFolder(join(folder, 'run'));
  const { task: whole, exportTo } = prepareExpander(recipe);
  const { inspect: _, ...task } = whole;
  const random = randomOf(1);
  const state = initialState(task.layout, () => random.next());
  const losses: number[] = [];
  const options = { ...loopDefaults, optimizer: 'adamw', steps: 30, warmupSteps: 5, adam: { ...adamDefaults, learningRate: 5e-3 }, threads: 1 } as const; // prettier-ignore
  await train(task, run, options, { state, onProgress: ({ loss }) => losses.push(loss) });
  expect(losses.at(-1)!).toBeLessThan(losses[0]! * 0.8);
  await exportTo(folder, state);
  const engine = localEngine({ threads: 1 });
  const expander = await openNanoExpander(engine, await openExpanderFolder(join(folder, 'expander')));
  const [one, again, other] = [await expander.write('a cat', { seed: 1 }), await expander.write('a cat', { seed: 1 }), await expander.write('a cat', { seed: 2 })]; // prettier-ignore
  expect(again).toBe(one);
  expect(other).not.toBe(one);
  const { text, isExpanded } = await expandWish('a wombat quibbles', expander, { seed: 0, style: 'world' });
  expect([text, isExpanded]).toEqual(['a wombat quibbles', false]);
  await engine.close();
});
