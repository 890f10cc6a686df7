// Two texts that the tokens attend to at once, each by a share: their states stand side by side, and the weight of each in attention is
// multiplied by its share, so that of two equal texts nothing is to be seen. Needs a transformer that takes a mask of words.
import { floats, type Tensor, tensor } from '../graph/tensor.ts';
import { maskOfShare } from './context.ts';
import type { Condition } from './denoiser.ts';

/** States [1,L,D] and their mask of words [1,L]. */
export type MaskedText = readonly [states: Tensor, mask: Tensor];

/** @param share of the other text, 0 to 1; without one, the first has all, in the same shape @returns [1,2L,D] and [1,2L] */
export function mixedText(
  one: MaskedText,
  other: MaskedText | undefined,
  share: number,
): Required<Pick<Condition, 'text' | 'textMask'>> {
  const [, length, width] = one[0].shape as [number, number, number];
  const states = new Float32Array(2 * length * width);
  const mask = new Float32Array(2 * length);
  const put = ([text, words]: MaskedText, at: number, part: number): void => {
    states.set(floats(text), at * width);
    mask.set(floats(words).map((isWord) => isWord * maskOfShare(part)), at); // prettier-ignore
  };
  put(one, 0, other === undefined ? 1 : 1 - share);
  if (other !== undefined) put(other, length, share);
  return { text: tensor(states, [1, 2 * length, width]), textMask: tensor(mask, [1, 2 * length]) };
}
