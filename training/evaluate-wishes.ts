// `tessera eval --expand`: what nano shows of wishes that people might type, as they are and expanded by its own expander, beside what it
// shows of plain captions that say the same. The same seeds are sampled for all three; what a clip shows is told without a trained network.
import { join } from 'node:path';
import { expandWish } from '../expansion/expand-wish.ts';
import { openExpanderFolder, openNanoExpander } from '../expansion/nano-expander.ts';
import { localEngine } from '../graph/engine.ts';
import { type EvaluationRequest, openSampledModel } from './evaluate.ts';
import { handWrittenWishes, type Wish } from './evaluate-expander.ts';
import { transformerStages } from './curriculum.ts';
import { type ScoredPrompt, scoreSamples } from './score-samples.ts';
import { makeReferences } from './scores/references.ts';
import { factsOf, type SceneFacts } from './scores/score.ts';
import { share, type Share, summarise } from './scores/summary.ts';
import { loadAtlas } from './world/atlas.ts';
import { describe } from './world/captions.ts';
import { fullWorld, sampleScene } from './world/scene.ts';
import { MOTIONS, type Place } from './world/vocabulary.ts';

export interface WishScores {
  /** Whether the named thing is what the clip shows best. */
  readonly asTheyAre: Share;
  readonly expanded: Share;
  /** Of the world's own plain captions of the same thing, motion and place. */
  readonly plainly: Share;
  /** Wishes that the expander changed. */
  readonly changed: Share;
}

export async function evaluateWishes(request: Omit<EvaluationRequest, 'captions'>): Promise<WishScores> {
  const { world } = transformerStages[request.stage];
  const nouns: readonly string[] = world.nouns;
  const wishes = handWrittenWishes().filter(({ thing }) => nouns.includes(thing)).slice(0, request.prompts); // prettier-ignore
  const texts = await expansionsOf(request.model, wishes);
  const model = await openSampledModel(request.model);
  const references = makeReferences(await loadAtlas(world.styles, nouns), world.styles, nouns);
  const shows = async (prompts: readonly ScoredPrompt[], turn: number): Promise<Share> => {
    const onProgress = (done: number): void => request.onProgress?.(turn * prompts.length + done, 3 * prompts.length);
    return summarise(await scoreSamples(model, prompts, references, { ...request, onProgress })).noun1;
  };
  const facts = wishes.map(factsOfWish);
  const typed = wishes.map(({ wish }, i) => ({ prompt: wish, facts: facts[i]! }));
  const expanded = texts.map((prompt, i) => ({ prompt, facts: facts[i]! }));
  return {
    asTheyAre: await shows(typed, 0),
    expanded: await shows(expanded, 1),
    plainly: await shows(facts.map(plainPrompt), 2),
    changed: share(wishes.map(({ wish }, i) => texts[i] !== wish)),
  };
}

/** The world's plain caption of what a wish names; where it only hints at the noun, it is not scored. */
function plainPrompt({ nouns, style, motion, place }: SceneFacts, seed: number): ScoredPrompt {
  const named = { nouns, styles: [style!], motions: [motion], places: [place] };
  const scene = sampleScene(seed, { ...fullWorld, ...named, twoActors: 0, cameraMoves: 0, weather: 0 });
  const { text, hypernym } = describe(scene, seed, 'plain');
  return { prompt: text, facts: factsOf(scene, hypernym) };
}

async function expansionsOf(model: string, wishes: readonly Wish[]): Promise<readonly string[]> {
  const engine = localEngine();
  try {
    const expander = await openNanoExpander(engine, await openExpanderFolder(join(model, 'expander')));
    const texts: string[] = [];
    for (const { wish } of wishes) texts.push((await expandWish(wish, expander, { seed: 0, style: 'world' })).text);
    return texts;
  } finally {
    await engine.close();
  }
}

function factsOfWish({ thing, motion, place }: Wish): SceneFacts {
  return {
    nouns: [thing],
    style: 'cartoon',
    motion: MOTIONS.find((one) => one === motion) ?? 'still',
    place: place as Place,
    colour: 'white',
    camera: 'static',
    weather: 'none',
    relation: 'none',
    hypernym: false,
  };
}
