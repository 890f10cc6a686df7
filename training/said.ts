// What a tower must not lose: the facts that a caption states and a picture shows, read off its pooled state by linear heads that are
// trained with it and thrown away. Contrast alone keeps only what tells the clips of a batch apart, which motion seldom does.
import { add, constant, div, input, linear, logSoftmax, mul, neg, sum } from '../graph/build.ts';
import type { Node } from '../graph/node.ts';
import type { Parameters } from '../graph/parameters.ts';
import { tensor } from '../graph/tensor.ts';
import type { Tensor } from '../graph/tensor.ts';
import type { Scene } from './world/scene.ts';
import { MOTIONS, NOUN_NAMES, PLACES } from './world/vocabulary.ts';

const facts = { motion: MOTIONS, noun: NOUN_NAMES, place: PLACES } as const;
export type Fact = keyof typeof facts;
const names = Object.keys(facts) as Fact[];

/** Name prefix of the heads' parameters, which no model has. */
export const SAID = 'said';

/**
 * Labels `said.<fact>` [B,classes] of scenes: one-hot, but that two actors share the row of nouns, as either may be said first; a fact
 * that cannot be told from a row's input is a row of zeros.
 */
export function saidFeeds(
  scenes: readonly Scene[],
  isHidden: (fact: Fact, row: number) => boolean,
): Record<string, Tensor> {
  const valuesOf = ({ place, actors }: Scene): Record<Fact, readonly string[]> => ({
    motion: [actors[0]!.motion],
    noun: actors.map(({ noun }) => noun),
    place: [place],
  });
  return Object.fromEntries(
    names.map((fact) => {
      const classes: readonly string[] = facts[fact];
      const labels = new Float32Array(scenes.length * classes.length);
      scenes.forEach((scene, row) => {
        if (isHidden(fact, row)) return;
        const values = valuesOf(scene)[fact];
        for (const value of values) labels[row * classes.length + classes.indexOf(value)] = 1 / values.length;
      });
      return [`${SAID}.${fact}`, tensor(labels, [scenes.length, classes.length])];
    }),
  );
}

/** Sum over facts of the mean cross-entropy. states [B,D] */
export function saidLoss(p: Parameters, states: Node): Node {
  const [batch, width] = states.shape as [number, number];
  const losses = names.map((fact) => {
    const classes = facts[fact].length;
    const head = p(`${SAID}.${fact}.weight`, [classes, width], { kind: 'normal', std: width ** -0.5 });
    const labels = input(`${SAID}.${fact}`, [batch, classes]);
    return div(neg(sum(mul(logSoftmax(linear(states, head)), labels), [0, 1])), batch);
  });
  return losses.reduce((total, loss) => add(total, loss), constant(tensor(Float32Array.of(0), [])));
}
