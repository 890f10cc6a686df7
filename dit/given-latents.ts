// Cells of a clip that are given and not generated: the picture that a clip starts from, the clip that it continues.
// The model sees them clean, their tokens at timestep 0, as Wan 2.2 TI2V was trained (per-token timesteps).
import { ShapeError } from '../graph/errors.ts';

export interface GivenLatents {
  /** Clean, normalised latents [C*T*H*W]; only given cells are read. */
  readonly values: Float32Array;
  /** [T*H*W], 1 where the cell is given. */
  readonly cells: Uint8Array;
  /** Whether each timestep group is given: one entry per token frame if frames are given whole, else one per token. */
  readonly groups: Uint8Array;
}

/** Latent frames [C,t,H,W] and where in the clip they stand. */
export interface FrameRun {
  readonly frames: Float32Array;
  readonly start: number;
}

/** What frames are given in. */
export interface Place {
  /** Of the whole clip's latents: [C,T,H,W]. */
  readonly shape: readonly [number, number, number, number];
  readonly patchSize: readonly [number, number, number];
}

/** Whole latent frames [C,t,H,W] that stand in the clip from `start` on. A picture is one frame at 0. */
export function givenFrames(frames: Float32Array, start: number, { shape, patchSize }: Place): GivenLatents {
  const [channels, total, height, width] = shape;
  const area = height * width;
  const count = frames.length / channels / area;
  if (!Number.isInteger(count) || start < 0 || start + count > total) {
    throw new ShapeError(`${frames.length} given values at frame ${start} do not fit latents [${shape.join(',')}].`);
  }
  const values = new Float32Array(channels * total * area);
  for (let c = 0; c < channels; c++) {
    values.set(frames.subarray(c * count * area, (c + 1) * count * area), (c * total + start) * area);
  }
  const cells = new Uint8Array(total * area).fill(1, start * area, (start + count) * area);
  return givenCells(values, cells, { shape, patchSize });
}

/** Several runs of whole latent frames, such as a clip's first ones and its last. */
export function givenRuns(runs: readonly FrameRun[], place: Place): GivenLatents | undefined {
  const [first, ...more] = runs.map(({ frames, start }) => givenFrames(frames, start, place));
  if (first === undefined || more.length === 0) return first;
  const values = Float32Array.from(first.values);
  const cells = Uint8Array.from(first.cells);
  for (const run of more) {
    values.forEach((_, i) => {
      if (run.cells[i % cells.length] === 1) values[i] = run.values[i]!;
    });
    cells.forEach((_, i) => (cells[i]! |= run.cells[i]!));
  }
  return givenCells(values, cells, place);
}

/** Any cells of the clip. A token counts as given when its first cell (first frame, top left) is. */
export function givenCells(values: Float32Array, cells: Uint8Array, { shape, patchSize }: Place): GivenLatents {
  const [, total, height, width] = shape;
  const [pt, ph, pw] = patchSize;
  const frames: Uint8Array[] = [];
  for (let t = 0; t < total; t += pt) {
    const frame: number[] = [];
    for (let h = 0; h < height; h += ph) {
      for (let w = 0; w < width; w += pw) frame.push(cells[(t * height + h) * width + w]!);
    }
    frames.push(Uint8Array.from(frame));
  }
  const whole = frames.every((frame) => frame.every((given) => given === frame[0]));
  const groups = Uint8Array.from(whole ? frames.map((frame) => frame[0]!) : frames.flatMap((frame) => [...frame]));
  return { values, cells, groups };
}

/** The latents with given cells in place. */
export function withGiven(latents: Float32Array, { values, cells }: GivenLatents): Float32Array {
  return latents.map((value, i) => (cells[i % cells.length] === 1 ? values[i]! : value));
}

/** The velocity, of given cells that which leads to them, so that they can be let go at any noise level. */
export function givenVelocity(
  velocity: Float32Array,
  latents: Float32Array,
  { values, cells }: GivenLatents,
  sigma: number,
): Float32Array {
  return velocity.map((value, i) => (cells[i % cells.length] === 1 ? (latents[i]! - values[i]!) / sigma : value));
}

/** The timestep of each group: 0 where it is given. */
export function givenTimesteps(timestep: number, { groups }: GivenLatents): Float32Array {
  return Float32Array.from(groups, (given) => (given === 1 ? 0 : timestep));
}

/** A copy of latent frames `from` up to, not including, `to` of latents [C,T,H,W], T of them in all. */
export function cutFrames(
  latents: Float32Array,
  channels: number,
  [total, from, to]: readonly [number, number, number],
) {
  const area = latents.length / channels / total;
  const cut = new Float32Array(channels * (to - from) * area);
  for (let c = 0; c < channels; c++) {
    cut.set(latents.subarray((c * total + from) * area, (c * total + to) * area), c * (to - from) * area);
  }
  return cut;
}
