// Rotary position embedding in three dimensions (Su et al. 2021, as WanRotaryPosEmbed): the head's pairs are shared out
// between time, height and width, each part with its own frequencies. Tables are computed in float64, once per shape.
import { constant } from '../graph/build.ts';
import type { Node } from '../graph/node.ts';
import { tensor } from '../graph/tensor.ts';
import { tokenCount } from './patchify.ts';
import type { TokenGrid } from './patchify.ts';

const THETA = 10000;

/** Cosines and sines of every token's rotations, constants [N, headDim/2]. */
export interface RopeTables {
  readonly cos: Node;
  readonly sin: Node;
}

/** Pairs of a head that turn with time, height and width: 128 -> 22, 21, 21. */
export function ropePairs(headDim: number): readonly [number, number, number] {
  const spatial = Math.floor(headDim / 6);
  return [headDim / 2 - 2 * spatial, spatial, spatial];
}

/** Angle of pair j of an axis at position x: x / theta^(j / pairs). Positions are token indices from 0. */
export function ropeTables(headDim: number, grid: TokenGrid): RopeTables {
  const { frames, rows, columns } = grid;
  const frequencies = ropePairs(headDim).map((pairs) =>
    Array.from({ length: pairs }, (_, j) => 1 / THETA ** (j / pairs)),
  );
  const angles = new Float64Array((tokenCount(grid) * headDim) / 2);
  let at = 0;
  for (let t = 0; t < frames; t++) {
    for (let h = 0; h < rows; h++) {
      for (let w = 0; w < columns; w++) {
        for (const [axis, position] of [t, h, w].entries()) {
          for (const frequency of frequencies[axis]!) angles[at++] = position * frequency;
        }
      }
    }
  }
  const shape = [tokenCount(grid), headDim / 2];
  return {
    cos: constant(tensor(Float32Array.from(angles, Math.cos), shape)),
    sin: constant(tensor(Float32Array.from(angles, Math.sin), shape)),
  };
}
