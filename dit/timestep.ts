// The embedding of the noise level: DDPM's sinusoids of the raw timestep (0..1000, fractions kept), then a small network.
// One timestep may hold for a whole sample, for each frame of tokens, or for each token; the cheap form of each is kept.
import { concat, constant, cos, mul, reshape, silu, sin } from '../graph/build.ts';
import { ShapeError } from '../graph/errors.ts';
import type { Node } from '../graph/node.ts';
import type { Parameters } from '../graph/parameters.ts';
import { tensor } from '../graph/tensor.ts';
import { width } from './config.ts';
import type { TransformerConfig } from './config.ts';
import { dense, zeros } from './linear.ts';
import { tokenCount } from './patchify.ts';
import type { TokenGrid } from './patchify.ts';

const MAX_PERIOD = 10000;

/** What the timesteps contribute; G groups of N/G neighbouring tokens share one timestep (1, frames, or N groups). */
export interface TimeEmbedding {
  /** For the output head: [B,G,D]. */
  readonly temb: Node;
  /** Shifts, scales and gates of the blocks: [B,G,6,D]. */
  readonly modulation: Node;
}

/** exp(-ln(10000) i / half) for i < half, every operation rounded to float32 as the reference's is. */
function frequencies(half: number): Float32Array {
  const rate = Math.fround(-Math.log(MAX_PERIOD));
  return Float32Array.from({ length: half }, (_, i) => Math.exp(Math.fround(Math.fround(rate * i) / half)));
}

/** timestep [B,G] -> [cos | sin] of timestep * frequency, [B,G,freqDim]. */
export function sinusoid(timestep: Node, freqDim: number): Node {
  const half = freqDim / 2;
  const table = constant(tensor(frequencies(half), [half]));
  const angles = mul(reshape(timestep, [...timestep.shape, 1]), table); // [B,G,freqDim/2]
  return concat([cos(angles), sin(angles)], -1);
}

/** timestep [B], [B,frames] or [B,N], in 0..1000. p is at `condition_embedder`. */
export function timeEmbedding(
  p: Parameters,
  config: TransformerConfig,
  timestep: Node,
  grid: TokenGrid,
): TimeEmbedding {
  const [batch, groups = 1] = timestep.shape as [number, number?];
  if (timestep.shape.length > 2 || ![1, grid.frames, tokenCount(grid)].includes(groups)) {
    throw new ShapeError(
      `timestep [${timestep.shape.join(',')}] must be [B], [B,${grid.frames}] (one per frame) or [B,${tokenCount(grid)}] (one per token).`,
    );
  }
  const dim = width(config);
  const waves = sinusoid(reshape(timestep, [batch, groups]), config.freqDim); // [B,G,freqDim]
  const hidden = silu(dense(p.at('time_embedder.linear_1'), waves, dim)); // [B,G,D]
  const temb = dense(p.at('time_embedder.linear_2'), hidden, dim); // [B,G,D]
  const modulation = dense(p.at('time_proj'), silu(temb), 6 * dim, zeros); // [B,G,6D]
  return { temb, modulation: reshape(modulation, [batch, groups, 6, dim]) };
}
