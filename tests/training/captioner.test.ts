// The captioner in small: what is learned of it in each stage, that its loss falls, and that it then says of a few scenes what it was
// taught of them, through the files that it is written to.
import { expect, test } from 'vitest';
import { join } from 'node:path';
import { parseLlavaConfig } from '../../conditioning/llava-config.ts';
import { adamDefaults, flatLayout, initialState } from '../../graph/adamw.ts';
import { localEngine } from '../../graph/engine.ts';
import { openSafetensors } from '../../io/safetensors.ts';
import { captionerJson, captionerTokenizer, captionerTokenizerFiles, conversationLength, taught } from '../../training/captioner-recipe.ts'; // prettier-ignore
import type { CaptionerRecipe } from '../../training/captioner-recipe.ts';
import { exportCaptioner } from '../../training/captioner-files.ts';
import { captionerLoss, captionerTask, freshCaptioner, learned, PICTURES } from '../../training/captioner.ts';
import { conversationFeeds, drawConversation, FACT_WEIGHT, promptIds } from '../../training/captioner-words.ts';
import { judge, sceneSamples } from '../../training/evaluate-captioner.ts';
import { loopDefaults, train, type TrainingTask } from '../../training/loop.ts';
import { openRunFolder } from '../../training/run-folder.ts';
import { patchFeeds } from '../../training/said-patches.ts';
import { scenePictures } from '../../training/scene-pictures.ts';
import { motionIn, nounsIn, placeIn } from '../../training/scores/said.ts';
import { loadAtlas } from '../../training/world/atlas.ts';
import { caption, describe } from '../../training/world/captions.ts';
import { askAbout, CAPTION_PROMPTS, questionKinds } from '../../training/world/questions.ts';
import { randomOf } from '../../training/world/random.ts';
import { fullWorld, sampleScene, seenFromOther } from '../../training/world/scene.ts';
import { NOUN_NAMES, PLACES } from '../../training/world/vocabulary.ts';
import { openLlavaFolder, openLlavaReader } from '../../understanding/llava-reader.ts';
import { pixelsOf } from '../../understanding/pixels.ts';
import { scratch } from '../jobs/scratch.ts';

const small = { hidden_size: 48, intermediate_size: 96, num_hidden_layers: 2, num_attention_heads: 2 };
const vision = { ...small, model_type: 'clip_vision_model', image_size: 32, patch_size: 8, projection_dim: 16 };
const decoder = { ...small, model_type: 'llama', vocab_size: captionerTokenizerFiles().vocabularySize, tie_word_embeddings: true, eos_token_id: 3 }; // prettier-ignore
const json = captionerJson(decoder, vision);
const world = { ...fullWorld, nouns: ['cat', 'rocket', 'frog', 'sun'], styles: ['flat'] as const, twoActors: 0 };
const recipe: CaptionerRecipe = {
  json,
  config: parseLlavaConfig(json),
  world,
  batch: 4,
  captions: 0.5,
  stage: 'whole',
};
const atlas = await loadAtlas(['flat'], world.nouns);
const tokenizer = captionerTokenizer();

test('every word of captions, questions and answers is in its vocabulary', () => {
  const questions = Array.from({ length: 300 }, (_, i) => {
    const scene = sampleScene(i, fullWorld);
    return questionKinds.map((kind) => askAbout(scene, kind, i)).map((one) => `${one?.question ?? ''} ${one?.answer ?? ''}`); // prettier-ignore
  });
  const said = [...questions.flat(), ...Object.values(CAPTION_PROMPTS)].join(' ');
  expect(tokenizer.unknownWords(`${said} user: assistant:`)).toEqual([]);
});

test('reads out of captions what they say', () => {
  for (let seed = 0; seed < 400; seed++) {
    const scene = sampleScene(seed, { ...fullWorld, twoActors: 0 });
    const { text, hypernym } = describe(scene, seed, 'plain');
    const [actor] = scene.actors;
    const facts = { noun: actor!.noun, motion: actor!.motion, place: scene.place };
    const read = { noun: hypernym ? actor!.noun : nounsIn(text)[0], motion: motionIn(text), place: placeIn(text) };
    expect([text, read]).toEqual([text, facts]);
  }
});

test('of two actors either may be said first, with its own motion', () => {
  const [first, second] = [1, 2].map((seed) => sampleScene(seed, { ...fullWorld, twoActors: 0 }).actors[0]!);
  const actors = [{ ...first!, noun: 'cat', motion: 'jump' }, { ...second!, noun: 'dog', motion: 'spin' }] as const; // prettier-ignore
  const scene = { ...sampleScene(1, fullWorld), actors, place: 'meadow' } as const;
  const right = { noun: true, motion: true, place: true, noSecond: undefined, both: true };
  expect(judge(scene, 'A cat jumps once to the left of a dog in a meadow.')).toEqual(right);
  expect(judge(scene, 'A dog spins around to the right of a cat in a meadow.')).toEqual(right);
  expect(judge(scene, 'A dog jumps once to the right of a cat in a meadow.')).toEqual({ ...right, motion: false });
  expect(judge(scene, 'A cat jumps once above a cat in a meadow.')).toEqual({ ...right, both: false });
  expect(judge(scene, 'A fox jumps once above a cat in a meadow.')).toMatchObject({ noun: false, both: false });
  const alone = { ...scene, actors: [actors[0]] };
  expect(judge(alone, 'A cat jumps next to a dog on a beach.')).toEqual({ ...right, place: false, noSecond: false, both: undefined }); // prettier-ignore
});

test('learns all answers of a conversation, and of each just the answer', () => {
  const names = new Set(tokenizer.encode(NOUN_NAMES.join(' '), 512).ids.slice(1, -1));
  for (let seed = 0; seed < 200; seed++) {
    const scene = sampleScene(seed, fullWorld);
    const turns = drawConversation(scene, 0.5, randomOf(seed));
    const vocabulary = recipe.config.text.vocabularySize;
    const feeds = conversationFeeds(tokenizer, [turns], { length: conversationLength, vocabulary, pictures: 4 });
    const [words, targets] = [feeds['words']!.data as Int32Array, feeds['targets']!.data as Float32Array];
    const taughtWords: number[] = [];
    for (let at = 0; at < conversationLength; at++) {
      const next = targets.subarray(at * vocabulary, (at + 1) * vocabulary).findIndex((weight) => weight > 0);
      if (next >= 0) taughtWords.push(next);
      if (names.has(next)) expect(targets[at * vocabulary + next]).toBe(FACT_WEIGHT);
      if (next >= 0 && at + 1 < conversationLength) expect(next).toBe(words[at + 1]);
    }
    const answers = turns.map(({ answer }) => [...tokenizer.encode(answer, 64).ids].slice(1));
    const count = Array.from(turns.keys()).find((n) => answers.slice(0, n + 1).flat().length === taughtWords.length);
    expect(taughtWords).toEqual(answers.slice(0, count! + 1).flat());
    expect(count).toBeGreaterThanOrEqual(2);
  }
});

test('turns of a conversation see the pictures and not each other', () => {
  const turns = [
    { question: 'is there a cat?', answer: 'no' },
    { question: 'where is it?', answer: 'a meadow' },
  ];
  const pictures = 4;
  const vocabulary = recipe.config.text.vocabularySize;
  const feeds = conversationFeeds(tokenizer, [turns], { length: conversationLength, vocabulary, pictures });
  const [words, bias] = [feeds['words']!.data as Int32Array, feeds['bias']!];
  const [all, shared] = [bias.shape[3]!, feeds['before']!.data.length + pictures];
  const seenBy = (word: string): string => {
    const at = shared + words.lastIndexOf(tokenizer.encode(word, 8).ids[1]!);
    const row = (bias.data as Float32Array).subarray(at * all, (at + 1) * all);
    expect(row.subarray(0, shared).every((one) => one === 0)).toBe(true);
    return tokenizer.decode([...words].filter((_, i) => row[shared + i] === 0));
  };
  expect(seenBy('no')).toBe('is there a cat ? assistant : no');
  expect(seenBy('meadow')).toBe('where is it ? assistant : a meadow');
});

test('a scene can be told from either actor', () => {
  const scene = sampleScene(3, { ...fullWorld, twoActors: 1 });
  const other = seenFromOther(scene);
  expect(other.actors).toEqual([scene.actors[1], scene.actors[0]]);
  expect(other.relation).not.toBe(scene.relation);
  expect(seenFromOther(other)).toEqual(scene);
  for (let seed = 0; seed < 40; seed++) {
    const [told, ...asked] = drawConversation(sampleScene(seed, { ...fullWorld, twoActors: 1 }), 1, randomOf(seed));
    expect(told!.answer).not.toMatch(/right of|below/);
    expect(asked.filter(({ question }) => question.startsWith('is there')).length).toBe(2);
  }
});

test.each(['words', 'projection', 'both', 'whole'] as const)(
  'stage %s teaches its own parameters only',
  async (stage) => {
    const task = captionerTask({ ...recipe, stage }, atlas, freshCaptioner(recipe));
    const names = task.layout.specs.map(({ name }) => name);
    expect(names.every((name) => taught[stage].test(name))).toBe(true);
    const { feeds } = await task.batch(0, 0);
    const fed = captionerLoss({ ...recipe, stage }, 3).scope.specs().map(({ name }) => name).filter((name) => !names.includes(name)); // prettier-ignore
    expect(fed.filter((name) => feeds[name] === undefined)).toEqual([]);
  },
);

test('says of a few scenes what it was taught of them', { timeout: 600_000 }, async () => {
  const folder = await scratch();
  const scenes = [3, 4, 5, 6].map((seed) => sampleScene(seed, world));
  const turns = scenes.map((scene, i) => ({ question: CAPTION_PROMPTS.plain, answer: caption(scene, i, 'plain').toLowerCase() })); // prettier-ignore
  const before = promptIds(tokenizer, '').before.length;
  const feeds = {
    ...conversationFeeds(
      tokenizer,
      turns.map((turn) => [turn]),
      { length: conversationLength, vocabulary: recipe.config.text.vocabularySize, pictures: PICTURES * 16 },
    ),
    pixels: pixelsOf(scenes.flatMap((scene) => scenePictures(scene, atlas, 32))),
    ...patchFeeds(scenes, recipe.config, tokenizer),
  };
  const task: TrainingTask = {
    layout: flatLayout(captionerLoss(recipe, before).scope.specs()),
    lossOf: () => captionerLoss(recipe, before),
    batch: () => Promise.resolve({ bucket: 'all', samples: 4, feeds }),
  };
  const random = randomOf(2);
  const state = initialState(task.layout, () => random.next());
  const losses: number[] = [];
  const options = { ...loopDefaults, optimizer: 'adamw', steps: 160, warmupSteps: 10, adam: { ...adamDefaults, learningRate: 4e-3 }, threads: 1 } as const; // prettier-ignore
  await train(task, await openRunFolder(join(folder, 'run')), options, { state, onProgress: ({ loss }) => losses.push(loss) }); // prettier-ignore
  expect(losses.at(-1)).toBeLessThan(losses[0]! / 20);
  await exportCaptioner(folder, recipe, learned(freshCaptioner(recipe), state));
  const names = [...(await openSafetensors(join(folder, 'captioner', 'model.safetensors'))).tensors.keys()];
  expect(names).toContain('language_model.model.layers.1.self_attn.q_proj.weight');
  expect(names).toContain('multi_modal_projector.linear_1.weight');
  const engine = localEngine({ threads: 1 });
  const reader = await openLlavaReader(engine, await openLlavaFolder(join(folder, 'captioner')));
  const said: string[] = [];
  for (const scene of scenes) said.push(await reader.answer({ samples: sceneSamples(scene, atlas, 32) }, CAPTION_PROMPTS.plain)); // prettier-ignore
  await engine.close();
  expect(said.map((text) => text.toLowerCase())).toEqual(turns.map(({ answer }) => answer));
});

test('asks each patch for the actor or the place that it shows', () => {
  expect(tokenizer.unknownWords([...NOUN_NAMES, ...PLACES].join(' '))).toEqual([]);
  const scene = { ...sampleScene(1, fullWorld), camera: 'static', place: 'meadow' } as const;
  const [actor] = sampleScene(1, { ...fullWorld, twoActors: 0 }).actors;
  const still = { ...actor!, motion: 'still', size: 0.4, y: 0.25, grounded: false } as const;
  const actors = [{ ...still, noun: 'cat', x: 0.25 }, { ...still, noun: 'dog', x: 0.75, motion: 'spin' }] as const; // prettier-ignore
  const feeds = patchFeeds([{ ...scene, actors }], recipe.config, tokenizer);
  const word = (picture: number, row: number, column: number): string => {
    const vocabulary = recipe.config.text.vocabularySize;
    const from = (picture * 16 + row * 4 + column) * vocabulary; // of 4x4 patches
    const labels = (feeds['said.words']!.data as Float32Array).subarray(from, from + vocabulary);
    return tokenizer.decode([labels.indexOf(Math.max(...labels))]);
  };
  const shown = (picture: number): string[] => Array.from({ length: 16 }, (_, i) => word(picture, Math.floor(i / 4), i % 4)); // prettier-ignore
  expect(new Set(shown(0).filter((_, i) => i % 4 < 2))).toEqual(new Set(['cat', 'meadow']));
  expect(new Set(shown(0).filter((_, i) => i % 4 > 1))).toEqual(new Set(['dog', 'meadow']));
  // In the second picture each moment is a quarter of it.
  const [both, none] = [['cat', 'dog', 'cat', 'dog'], Array<string>(4).fill('meadow')];
  expect(shown(1)).toEqual([...both, ...none, ...both, ...none]);
  const motions = feeds['said.motion']!.data as Float32Array;
  expect(motions.reduce((sum, one) => sum + one)).toBe(shown(0).filter((one) => one !== 'meadow').length + 8);
});
