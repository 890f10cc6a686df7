// The cadence of the causal autoencoder: a clip's first frame by itself, then groups of as many frames as make a latent frame.
import { InvalidRequestError } from '../graph/errors.ts';
import type { Tensor } from '../graph/tensor.ts';
import { clipAxes, cut, joinFrames } from './frames.ts';

/**
 * Regroups a clip's frames, which may come in pieces [B,C,n,H,W] of any length, into chunks of 1, `group`, `group`, ... frames.
 * @throws InvalidRequestError when frames are left over at the end, or none came
 */
export async function* regroup(
  pieces: AsyncIterable<Tensor> | Iterable<Tensor>,
  group: number,
): AsyncGenerator<Tensor> {
  let waiting: Tensor[] = [];
  let [count, total, wanted] = [0, 0, 1];
  for await (const piece of pieces) {
    waiting.push(piece);
    const frames = clipAxes(piece)[2];
    count += frames;
    total += frames;
    if (count < wanted) continue;
    const joined = joinFrames(waiting);
    let from = 0;
    for (; count - from >= wanted; wanted = group) {
      yield cut(joined, { frames: [from, from + wanted] });
      from += wanted;
    }
    count -= from;
    waiting = count > 0 ? [cut(joined, { frames: [from, from + count] })] : [];
  }
  if (count > 0 || total === 0) {
    const below = total - count;
    const advice = total === 0 ? 'Give at least 1.' : `Use ${below} or ${below + group}.`;
    throw new InvalidRequestError(`frames (=${total}) must be ${group}k+1 for this autoencoder. ${advice}`);
  }
}
