// LLaVA (Liu et al. 2023, section 4; transformers' LlavaForConditionalGeneration): patches of pictures, seen by CLIP's tower, are
// projected to where the decoder's words live, and stand in the text as words do. Tensor names are those of its files.
import { add, concat, div, gelu, linear, logSoftmax, mul, neg, reshape, slice, sum } from '../graph/build.ts';
import type { Node } from '../graph/node.ts';
import type { Parameters } from '../graph/parameters.ts';
import { clipVisionStates } from './clip-vision.ts';
import { llamaEmbeddings, llamaHead, llamaStates } from './llama.ts';
import type { LlavaConfig } from './llava-config.ts';

/** What the tower sees of pictures: [P,channels,imageSize,imageSize] -> [P,tokens,visionWidth], no further than is looked at. */
export function llavaFeatures(p: Parameters, config: LlavaConfig, pixels: Node): Node {
  const tower = { ...config.vision, layers: config.visionLayers };
  const seen = clipVisionStates(p.at('vision_tower'), tower, pixels).lastHiddenState;
  return config.classToken ? seen : slice(seen, 1, 1);
}

/** The projection: linear, GELU, linear. features [P,tokens,visionWidth] -> [P,tokens,D] */
export function llavaProjection(p: Parameters, config: LlavaConfig, features: Node): Node {
  const projector = p.at('multi_modal_projector');
  const width = config.text.hiddenSize;
  const dense = (name: string, x: Node): Node => {
    const own = projector.at(name);
    const weight = own('weight', [width, x.shape.at(-1)!], { kind: 'normal', std: x.shape.at(-1)! ** -0.5 });
    return linear(x, weight, config.projectorBias ? own('bias', [width], { kind: 'zeros' }) : undefined);
  };
  return dense('linear_2', gelu(dense('linear_1', features), 'none'));
}

export interface LlavaInputs {
  /** [B,M] int32, the words before the pictures. */
  readonly before: Node;
  /** Projected pictures of each text, [B,K,D]; left out, the text stands alone. */
  readonly pictures?: Node | undefined;
  /** [B,L] int32, the words behind them: question and answer, padded. */
  readonly words: Node;
  /** [1 or B,1,M+K+L,M+K+L], 0 where a position may look; causal if left out. */
  readonly bias?: Node;
}

/** Logits of the word that follows each of the words behind the pictures, [B,L,vocabulary]. */
export function llavaLogits(
  p: Parameters,
  { text }: LlavaConfig,
  { before, pictures, words, bias }: LlavaInputs,
): Node {
  const decoder = p.at('language_model');
  const [opening, closing] = [llamaEmbeddings(decoder, text, before), llamaEmbeddings(decoder, text, words)];
  const embedded = concat([opening, ...(pictures === undefined ? [] : [pictures]), closing], 1); // [B,M+K+L,D]
  const states = llamaStates(decoder, text, embedded, bias).at(-1)!;
  return llamaHead(decoder, text, slice(states, 1, embedded.shape[1]! - words.shape[1]!));
}

/** Weighted mean cross-entropy, of the words that are to be said or of other classes. @param targets [B,L,vocabulary], the words' weights, zero where nothing is learned */
export function nextWordLoss(logits: Node, targets: Node): Node {
  const axes = [0, 1, 2];
  return neg(div(sum(mul(logSoftmax(logits), targets), axes), add(sum(targets, axes), 1e-6)));
}

/** The pictures of each text one behind the other: [B*pictures,tokens,D] -> [B,pictures*tokens,D]. */
export function picturesInLine(features: Node, batch: number): Node {
  return reshape(features, [batch, -1, features.shape[2]!]);
}
