// Trains nano's captioner, a LLaVA (Liu et al. 2023, section 4.2), on captions of the world and on questions whose answers the
// world knows. LLaVA begins with a decoder that can talk; ours learns to first, from words alone. Then the projection learns alone,
// then both; last, if wished, the tower too, whose patches are asked for what they show (said-patches.ts).
import { llavaFeatures, llavaLogits, llavaProjection, nextWordLoss, picturesInLine } from '../conditioning/llava.ts';
import { type LlavaConfig, tokensOfPicture } from '../conditioning/llava-config.ts';
import { flatLayout, initialState, views } from '../graph/adamw.ts';
import type { AdamState } from '../graph/adamw.ts';
import { add, input, mul } from '../graph/build.ts';
import { compile } from '../graph/compile.ts';
import { type ParameterScope, parameterScope, type ParameterSpec } from '../graph/parameters.ts';
import { openRuntimeSession } from '../graph/session.ts';
import type { RuntimeSession } from '../graph/session.ts';
import type { Tensor } from '../graph/tensor.ts';
import { pixelsOf } from '../understanding/pixels.ts';
import { PICTURE_TIMES, scenePictures } from './scene-pictures.ts';
import { captionerTokenizer, conversationLength, taught } from './captioner-recipe.ts';
import type { CaptionerRecipe, CaptionerStage } from './captioner-recipe.ts';
import { conversationFeeds, drawConversation, promptIds } from './captioner-words.ts';
import type { TrainingTask } from './loop.ts';
import { patchFeeds, patchLoss, SAID } from './said-patches.ts';
import type { Atlas } from './world/atlas.ts';
import { randomOf } from './world/random.ts';
import { sampleScene } from './world/scene.ts';

/** Pictures of a clip: the whole and the four in one. */
export const PICTURES = PICTURE_TIMES.length;

/** Of what the patches are asked for: nouns and motions are few among the words, and the tower learns them from little else. */
const SAID_WEIGHT = 0.2;

/** Tokens of a text's pictures. */
const pictureTokens = (config: LlavaConfig, stage: CaptionerStage): number =>
  stage === 'words' ? 0 : PICTURES * tokensOfPicture(config);

/** The loss over a batch of texts; inputs before, words, targets, bias, and features, or pixels and facts, where the stage has pictures. */
export function captionerLoss({ config, batch, stage }: CaptionerRecipe, beforeLength: number) {
  const scope = parameterScope();
  const p = scope.parameters;
  const { imageSize, channels, hiddenSize } = config.vision;
  const count = batch * PICTURES;
  const features = {
    words: () => undefined,
    projection: () => input('features', [count, tokensOfPicture(config), hiddenSize]),
    both: () => input('features', [count, tokensOfPicture(config), hiddenSize]),
    whole: () => llavaFeatures(p, config, input('pixels', [count, channels, imageSize, imageSize])),
  }[stage]();
  const projected = features && llavaProjection(p, config, features);
  const all = beforeLength + pictureTokens(config, stage) + conversationLength;
  const logits = llavaLogits(p, config, {
    before: input('before', [batch, beforeLength], 'int32'),
    pictures: projected && picturesInLine(projected, batch),
    words: input('words', [batch, conversationLength], 'int32'),
    bias: input('bias', [batch, 1, all, all]),
  });
  const targets = input('targets', [batch, conversationLength, config.text.vocabularySize]);
  const answers = nextWordLoss(logits, targets);
  if (stage !== 'whole') return { scope, graph: { loss: answers, parts: {} } };
  const said = patchLoss(p, config, features!, projected!);
  return { scope, graph: { loss: add(answers, mul(said, SAID_WEIGHT)), parts: { answers, said } } };
}

/** All parameters that are used, of every part. */
export function captionerParameters(recipe: CaptionerRecipe): readonly ParameterSpec[] {
  return captionerLoss({ ...recipe, stage: 'whole', batch: 1 }, 1).scope.specs();
}

/** Values for all parameters, as they are before any training. */
export function freshCaptioner(recipe: CaptionerRecipe): Record<string, Tensor> {
  const layout = flatLayout(captionerParameters(recipe));
  const random = randomOf(11);
  return views(layout, initialState(layout, () => random.next()).parameters);
}

/** A list of parameters of which only some are learned; the others are fed. */
function learning(scope: ParameterScope, which: RegExp): ParameterScope {
  const specs = () => scope.specs().filter(({ name }) => which.test(name));
  return { parameters: scope.parameters, node: (name) => scope.node(name), specs };
}

/**
 * The task of one stage.
 * @param frozen values of the parameters that the stage does not teach
 */
export function captionerTask(
  recipe: CaptionerRecipe,
  atlas: Atlas,
  frozen: Readonly<Record<string, Tensor>>,
  inspect?: TrainingTask['inspect'],
): TrainingTask {
  const { config, batch, stage, world } = recipe;
  const tokenizer = captionerTokenizer();
  const beforeLength = promptIds(tokenizer, '').before.length;
  const which = taught[stage];
  const lossOf = () => {
    const { scope, graph } = captionerLoss(recipe, beforeLength);
    return { scope: learning(scope, which), graph };
  };
  const used = captionerLoss(recipe, beforeLength).scope.specs();
  const fed = Object.fromEntries(used.filter(({ name }) => !which.test(name)).map(({ name }) => [name, frozen[name]!]));
  let eye: Promise<RuntimeSession> | undefined;
  const openEye = (): Promise<RuntimeSession> => {
    const { channels, imageSize } = config.vision;
    const pixels = input('pixels', [batch * PICTURES, channels, imageSize, imageSize]);
    const features = llavaFeatures(parameterScope().parameters, config, pixels);
    return openRuntimeSession(compile({ outputs: { features }, weights: (name) => frozen[name] }));
  };
  return {
    layout: flatLayout(lossOf().scope.specs()),
    lossOf,
    batch: async (step, index) => {
      const random = randomOf(step * 64 + index, 13);
      const scenes = Array.from({ length: batch }, () =>
        sampleScene(random.int(2 ** 31), { ...world, holdOut: 'train' }),
      );
      const said = scenes.map((scene) => drawConversation(scene, recipe.captions, random));
      const words = conversationFeeds(tokenizer, said, { length: conversationLength, vocabulary: config.text.vocabularySize, pictures: pictureTokens(config, stage) }); // prettier-ignore
      const feeds = { ...fed, ...words };
      if (stage === 'words') return { bucket: stage, samples: batch, feeds };
      const pixels = pixelsOf(scenes.flatMap((scene) => scenePictures(scene, atlas, config.vision.imageSize)));
      if (stage === 'whole') {
        return { bucket: stage, samples: batch, feeds: { ...feeds, pixels, ...patchFeeds(scenes, config, tokenizer) } };
      }
      eye ??= openEye();
      const { features } = await (await eye).run({ pixels });
      return { bucket: stage, samples: batch, feeds: { ...feeds, features: features! } };
    },
    ...(inspect && { inspect }),
  };
}

/** The captioner with what a stage has taught it so far, averaged; without the heads. */
export function learned(frozen: Readonly<Record<string, Tensor>>, state: AdamState): Record<string, Tensor> {
  const all = { ...frozen, ...views(state.layout, state.ema) };
  return Object.fromEntries(Object.entries(all).filter(([name]) => !name.startsWith(`${SAID}.`)));
}
