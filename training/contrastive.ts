// Trains the CLIP towers on frames of the world and their captions. The text tower then conditions nano's transformer; so that the
// picture tower can learn on without it, a stage of its own holds the text tower still (LiT, Zhai et al. 2022).
// Progress is told by retrieval: among 48 unseen pictures, how often a caption finds its own first.
import type { ClipTextConfig } from '../conditioning/clip-text.ts';
import { clipTextStates, endOfTextStates } from '../conditioning/clip-text.ts';
import type { ClipVisionConfig } from '../conditioning/clip-vision.ts';
import { contrastiveLoss } from '../conditioning/contrastive.ts';
import type { AdamState } from '../graph/adamw.ts';
import { flatLayout, views } from '../graph/adamw.ts';
import { add, input } from '../graph/build.ts';
import { compile } from '../graph/compile.ts';
import { parameterScope } from '../graph/parameters.ts';
import { openRuntimeSession } from '../graph/session.ts';
import type { Tensor } from '../graph/tensor.ts';
import type { Weights } from '../graph/weights.ts';
import type { TrainingTask } from './loop.ts';
import { pairsSource } from './pairs.ts';
import type { Pairs, PairsRecipe } from './pairs.ts';
import { promptStates } from './prompt-states.ts';
import { saidFeeds, saidLoss } from './said.ts';
import { maxTextLength, worldTokenizer } from './words.ts';
import type { Atlas } from './world/atlas.ts';
import type { CaptionKind } from './world/captions.ts';
import { randomOf } from './world/random.ts';

export interface ContrastiveRecipe extends PairsRecipe {
  readonly text: ClipTextConfig;
  readonly vision: ClipVisionConfig;
}

/** Captions of a kind fit this many tokens; short ones make a shorter, cheaper batch. */
const lengthOf = { tag: 28, plain: 28, styled: 28, full: maxTextLength } satisfies Record<CaptionKind, number>;

const kinds = ['tag', 'plain', 'full'] as const;

/** What differs between the stages: where the words' states come from, and what the facts are read off. */
interface Stage {
  readonly lossOf: (kind: string) => ReturnType<TrainingTask['lossOf']> & { readonly logits: ReturnType<typeof input> };
  readonly lengthOf: Readonly<Record<CaptionKind, number>>;
  readonly bucketOf: (kind: CaptionKind) => string;
  readonly feedsOf: (pairs: Pairs) => Promise<Record<string, Tensor>>;
}

/** The task of training both towers from scratch on the world. */
export function contrastiveTask(recipe: ContrastiveRecipe, atlas: Atlas): TrainingTask {
  const { batch, text, vision } = recipe;
  return taskOf(recipe, atlas, {
    lossOf: (kind) => {
      const length = lengthOf[kind as CaptionKind];
      const scope = parameterScope();
      const pooled = input('pooled', [batch, length]);
      const ids = input('ids', [batch, length], 'int32');
      const words = clipTextStates(scope.parameters, text, ids).lastHiddenState;
      const { loss, logits } = contrastiveLoss(scope.parameters, text, vision, {
        words,
        pooled,
        pixels: pixelsOf(recipe),
      });
      const said = saidLoss(scope.parameters, endOfTextStates(words, pooled));
      return { scope, graph: { loss: add(loss, said), parts: { contrast: loss, said } }, logits };
    },
    lengthOf,
    bucketOf: (kind) => kind,
    feedsOf: ({ scenes, hinted, ids, pooled, pixels }) =>
      Promise.resolve({
        ids,
        pooled,
        pixels,
        ...saidFeeds(scenes, (fact, row) => fact === 'noun' && hinted[row]!),
      }),
  });
}

/**
 * The task of training the picture tower and both projections to a text tower that stays as it is, so that a transformer which
 * is conditioned by it stays of use. The facts are read off the pictures.
 * @param weights the text tower's
 */
export function pictureTowerTask(recipe: ContrastiveRecipe, atlas: Atlas, weights: Weights): TrainingTask {
  const { batch, text, vision } = recipe;
  const statesOf = promptStates(text, weights);
  const length = maxTextLength;
  return taskOf(recipe, atlas, {
    lossOf: () => {
      const scope = parameterScope();
      const words = input('words', [batch, length, text.hiddenSize]);
      const inputs = { words, pooled: input('pooled', [batch, length]), pixels: pixelsOf(recipe) };
      const { loss, logits, pictures } = contrastiveLoss(scope.parameters, text, vision, inputs);
      const said = saidLoss(scope.parameters, pictures);
      return { scope, graph: { loss: add(loss, said), parts: { contrast: loss, said } }, logits };
    },
    lengthOf: { tag: length, plain: length, styled: length, full: length },
    bucketOf: () => 'pictures',
    feedsOf: async ({ scenes, captions, inMoments, pooled, pixels }) => ({
      words: (await statesOf(captions)).text,
      pooled,
      pixels,
      ...saidFeeds(
        scenes,
        (fact, row) => (fact === 'motion' && !inMoments) || (fact !== 'place' && scenes[row]!.actors.length > 1),
      ),
    }),
  });
}

const pixelsOf = ({ batch, vision }: ContrastiveRecipe) =>
  input('pixels', [batch, 3, vision.imageSize, vision.imageSize]);

function taskOf(recipe: ContrastiveRecipe, atlas: Atlas, stage: Stage): TrainingTask {
  const { batch, text } = recipe;
  const draw = pairsSource(recipe, atlas, { text, tokenizer: worldTokenizer(), edge: recipe.vision.imageSize });

  const inspect = async (state: AdamState) => {
    const { logits } = stage.lossOf('full');
    const weights = views(state.layout, state.ema);
    const session = await openRuntimeSession(compile({ outputs: { logits }, weights: (name) => weights[name] }));
    const retrieval = async (holdOut: 'train' | 'heldout', alike: boolean): Promise<number> => {
      const pairs = draw(randomOf(77), { kind: 'full', length: stage.lengthOf.full, holdOut, alike });
      const results = await session.run(await stage.feedsOf(pairs));
      const scores = results['logits']!.data as Float32Array;
      const rows = Array.from({ length: batch }, (_, i) => scores.subarray(i * batch, (i + 1) * batch));
      return rows.filter((row, i) => row.every((score) => score <= row[i]!)).length / batch;
    };
    const found = { retrieval: await retrieval('heldout', false), retrievalAlike: await retrieval('train', true) };
    await session.release();
    return found;
  };

  return {
    layout: flatLayout(stage.lossOf('full').scope.specs()),
    lossOf: stage.lossOf,
    batch: async (step, index) => {
      const random = randomOf(step * 64 + index, 5);
      const kind = random.pick(kinds);
      const pairs = draw(random, { kind, length: stage.lengthOf[kind], holdOut: 'train' });
      return { bucket: stage.bucketOf(kind), samples: batch, feeds: await stage.feedsOf(pairs) };
    },
    inspect,
  };
}
