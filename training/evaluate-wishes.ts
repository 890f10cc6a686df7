// `tessera eval --expand`: what nano shows of wishes that people might type, as they are and expanded by its own expander. The same seeds
// are sampled for both; what a clip shows is told without a trained network.
import { join } from 'node:path';
import { expandWish } from '../expansion/expand-wish.ts';
import { openExpanderFolder, openNanoExpander } from '../expansion/nano-expander.ts';
import { localEngine } from '../graph/engine.ts';
import { type EvaluationRequest, openSampledModel } from './evaluate.ts';
import { handWrittenWishes, type Wish } from './evaluate-expander.ts';
import { transformerStages } from './curriculum.ts';
import { scoreSamples } from './score-samples.ts';
import { makeReferences } from './scores/references.ts';
import type { SceneFacts } from './scores/score.ts';
import { share, type Share } from './scores/summary.ts';
import { loadAtlas } from './world/atlas.ts';
import { MOTIONS, type Place } from './world/vocabulary.ts';

export interface WishScores {
  /** Whether the named thing is what the clip shows best. */
  readonly asTheyAre: Share;
  readonly expanded: Share;
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
  const prompts = wishes.flatMap((wish, i) => {
    const facts = factsOfWish(wish);
    return [wish.wish, texts[i]!].map((prompt) => ({ prompt, facts }));
  });
  const scores = await scoreSamples(model, prompts, references, request);
  const verdicts = scores.map(({ nounRank }) => nounRank === 0);
  return {
    asTheyAre: share(verdicts.filter((_, i) => i % 2 === 0)),
    expanded: share(verdicts.filter((_, i) => i % 2 === 1)),
    changed: share(wishes.map(({ wish }, i) => texts[i] !== wish)),
  };
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
    relation: 'none',
    hypernym: false,
  };
}
