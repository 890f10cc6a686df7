// What the captioner's tower must not lose: what each patch of its pictures shows. A patch's token is asked, as the decoder's own states
// are, for the word that names the actor there, or the place; and a head that is thrown away reads the actor's motion off it. Captions
// alone say too little of where what is, so that of two actors the second was not found.
import { llamaHead } from '../conditioning/llama.ts';
import { nextWordLoss } from '../conditioning/llava.ts';
import type { LlavaConfig } from '../conditioning/llava-config.ts';
import type { TextTokenizer } from '../conditioning/tokenizer.ts';
import { add, input, linear } from '../graph/build.ts';
import type { Node } from '../graph/node.ts';
import type { Parameters } from '../graph/parameters.ts';
import { tensor } from '../graph/tensor.ts';
import type { Tensor } from '../graph/tensor.ts';
import { PICTURE_TIMES } from './scene-pictures.ts';
import type { Actor, Scene } from './world/scene.ts';
import { actorBoxAt, boundsOf } from './world/track.ts';
import { MOTIONS } from './world/vocabulary.ts';

/** Name prefix of the head's parameters, which no model has. */
export const SAID = 'said';

/** Of a patch without an actor: there are many, and places are soon learned. */
const PLACE_WEIGHT = 0.1;

/** An actor's box, of which a patch's middle must be within this share: sprites leave the corners of theirs empty. */
const CORE = 0.85;

/** In the order of the tower's tokens: the first picture shows one moment, the second four, two by two; `edge` patches across each. */
function* patchesOf(edge: number): Generator<{ readonly x: number; readonly y: number; readonly at: number }> {
  for (const times of PICTURE_TIMES) {
    const side = Math.sqrt(times.length);
    for (let row = 0; row < edge; row++) {
      for (let column = 0; column < edge; column++) {
        const [x, y] = [(side * (column + 0.5)) / edge, (side * (row + 0.5)) / edge];
        yield { x: x % 1, y: y % 1, at: times[Math.floor(y) * side + Math.floor(x)]! };
      }
    }
  }
}

/** The actor that is seen at a point of a square frame, in fractions of it; the later is drawn over the earlier. */
function actorAt(
  scene: Scene,
  { x, y, at }: { readonly x: number; readonly y: number; readonly at: number },
): Actor | undefined {
  return scene.actors.findLast((actor) => {
    const { left, top, right, bottom } = boundsOf(actorBoxAt(scene, actor, at, { width: 1, height: 1 }), 1);
    const [middleX, middleY] = [(left + right) / 2, (top + bottom) / 2];
    return Math.abs(x - middleX) < (CORE * (right - left)) / 2 && Math.abs(y - middleY) < (CORE * (bottom - top)) / 2;
  });
}

/** Labels of the patches of scenes' pictures: `said.words` [B*pictures,patches,vocabulary], `said.motion` [B*pictures,patches,motions]. */
export function patchFeeds(
  scenes: readonly Scene[],
  config: LlavaConfig,
  tokenizer: TextTokenizer,
): Record<string, Tensor> {
  const edge = config.vision.imageSize / config.vision.patchSize;
  const { vocabularySize } = config.text;
  const rows = scenes.length * PICTURE_TIMES.length * edge ** 2;
  const [words, motions] = [new Float32Array(rows * vocabularySize), new Float32Array(rows * MOTIONS.length)];
  let row = 0;
  for (const scene of scenes) {
    for (const patch of patchesOf(edge)) {
      const actor = actorAt(scene, patch);
      const ids = tokenizer.encode(actor?.noun ?? scene.place, 8).ids.slice(1, -1);
      for (const id of ids) words[row * vocabularySize + id] = (actor === undefined ? PLACE_WEIGHT : 1) / ids.length;
      if (actor !== undefined) motions[row * MOTIONS.length + MOTIONS.indexOf(actor.motion)] = 1;
      row++;
    }
  }
  const shape = [scenes.length * PICTURE_TIMES.length, edge ** 2];
  return {
    [`${SAID}.words`]: tensor(words, [...shape, vocabularySize]),
    [`${SAID}.motion`]: tensor(motions, [...shape, MOTIONS.length]),
  };
}

/**
 * Cross-entropy of the patches' words and of their motions.
 * @param features of the tower, [P,tokens,visionWidth] @param projected [P,tokens,D]
 */
export function patchLoss(p: Parameters, { text }: LlavaConfig, features: Node, projected: Node): Node {
  const [pictures, patches, width] = features.shape as [number, number, number];
  const words = llamaHead(p.at('language_model'), text, projected);
  const head = p(`${SAID}.motion.weight`, [MOTIONS.length, width], { kind: 'normal', std: width ** -0.5 });
  return add(
    nextWordLoss(words, input(`${SAID}.words`, [pictures, patches, text.vocabularySize])),
    nextWordLoss(linear(features, head), input(`${SAID}.motion`, [pictures, patches, MOTIONS.length])),
  );
}
