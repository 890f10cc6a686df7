// CLIP's training objective (Radford et al. 2021, figure 3; transformers' CLIPModel): in a batch of pairs, every sentence
// must find its own picture among all pictures, and every picture its own sentence.
// Parameter names are CLIPModel's, so the two towers can be saved apart under the names of their own models.
import {
  add,
  clamp,
  constant,
  div,
  exp,
  l2Normalize,
  logSoftmax,
  matmul,
  mul,
  neg,
  sum,
  transpose,
} from '../graph/build.ts';
import type { Node } from '../graph/node.ts';
import type { Parameters } from '../graph/parameters.ts';
import { tensor } from '../graph/tensor.ts';
import { clipTextEmbeds, type ClipTextConfig } from './clip-text.ts';
import { clipImageEmbeds, clipVisionStates, type ClipVisionConfig } from './clip-vision.ts';

/** The paper's start value of the temperature: logit_scale = ln(1 / 0.07). */
export const LOGIT_SCALE_START = Math.log(1 / 0.07);

/** "Clipped to prevent scaling the logits by more than 100" (section 2.5). */
const LOGIT_SCALE_LIMIT = Math.log(100);

export interface ContrastiveInputs {
  /** The text tower's last states [B,L,D]: computed by the same graph where that tower learns too, or given. */
  readonly words: Node;
  /** [B,L] float32, 1 at the end-of-text token (see pooledPositions). */
  readonly pooled: Node;
  /** [B,channels,imageSize,imageSize] */
  readonly pixels: Node;
}

export interface ContrastiveLoss {
  /** Scalar: mean of the two cross-entropies. ln(B) at chance. */
  readonly loss: Node;
  /** [B,B], scaled cosines; row = sentence, column = picture. */
  readonly logits: Node;
  /** Unit vectors, [B,projection]. */
  readonly textEmbeds: Node;
  readonly imageEmbeds: Node;
  /** The pictures' pooled states [B,D]. */
  readonly pictures: Node;
}

/** The picture tower and both projections over B pairs, and the symmetric InfoNCE loss between them. */
export function contrastiveLoss(
  p: Parameters,
  text: ClipTextConfig,
  vision: ClipVisionConfig,
  inputs: ContrastiveInputs,
): ContrastiveLoss {
  const seen = clipImageEmbeds(p, vision, clipVisionStates(p, vision, inputs.pixels).lastHiddenState);
  const textEmbeds = l2Normalize(clipTextEmbeds(p, text, inputs.words, inputs.pooled), 1);
  const imageEmbeds = l2Normalize(seen.imageEmbeds, 1);
  const logits = mul(matmul(textEmbeds, imageEmbeds, { transB: true }), temperature(p)); // [B,B]
  const loss = div(add(pairLoss(logits), pairLoss(transpose(logits, [1, 0]))), 2);
  return { loss, logits, textEmbeds, imageEmbeds, pictures: seen.poolerOutput };
}

function temperature(p: Parameters): Node {
  const logitScale = p('logit_scale', [], { kind: 'constant', value: LOGIT_SCALE_START });
  return exp(clamp(logitScale, -LOGIT_SCALE_LIMIT, LOGIT_SCALE_LIMIT));
}

/** Cross-entropy of each row against its own column, averaged over rows. */
function pairLoss(logits: Node): Node {
  const batch = logits.shape[0]!;
  const ownPair = constant(identity(batch));
  return div(neg(sum(mul(logSoftmax(logits), ownPair), [0, 1])), batch);
}

function identity(size: number) {
  const data = new Float32Array(size * size);
  for (let i = 0; i < size; i++) data[i * size + i] = 1;
  return tensor(data, [size, size]);
}
