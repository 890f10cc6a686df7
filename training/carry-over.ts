// Carries a transformer over to the latents of another autoencoder. Both describe the same pixels, so the new latents of a token hold
// the old ones, turned: the turn is fitted over clips and folded into the first and the last layer. All between them, what the
// transformer knows of words and motion, stays; what the new latents tell beyond the old ones is learned by training on.
import { Matrix, SVD } from 'ml-matrix';
import { LAYOUT_CHANNELS } from '../dit/layout-channels.ts';
import type { TransformerConfig } from '../dit/config.ts';
import { POSITION_CHANNELS } from '../dit/position-channels.ts';
import { floats, tensor } from '../graph/tensor.ts';
import type { Tensor } from '../graph/tensor.ts';

/** What a transformer patchifies: latents [channels,T,H,W] and the rows and columns of them that make a token. */
export interface TokenGrid {
  readonly shape: readonly [channels: number, frames: number, height: number, width: number];
  readonly patch: readonly [rows: number, columns: number];
}

/** Tokens [T·H/rows·W/columns, rows·columns·channels] of latents, in the order of the transformer's last layer: rows, columns, channels. */
export function tokensOf(latents: Float32Array, { shape, patch }: TokenGrid): Matrix {
  const [channels, frames, height, width] = shape;
  const [rows, columns] = patch;
  const tokens: number[][] = [];
  for (let t = 0; t < frames; t++) {
    for (let y = 0; y < height; y += rows) {
      for (let x = 0; x < width; x += columns) {
        const token: number[] = [];
        for (let i = 0; i < rows; i++)
          for (let j = 0; j < columns; j++)
            for (let c = 0; c < channels; c++)
              token.push(latents[((c * frames + t) * height + y + i) * width + x + j]!);
        tokens.push(token);
      }
    }
  }
  return new Matrix(tokens);
}

/**
 * The turn [old,new] with orthonormal rows that takes new tokens nearest to the old ones (orthogonal Procrustes). Noise of
 * variance 1 stays noise of variance 1 under it.
 * @param product sum over tokens of old · newᵀ, [old,new] with old <= new
 */
export function fitTurn(product: Matrix): Matrix {
  const svd = new SVD(product, { autoTranspose: true });
  const kept = Math.min(product.rows, product.columns);
  const take = (matrix: Matrix) => matrix.subMatrix(0, matrix.rows - 1, 0, kept - 1);
  return take(svd.leftSingularVectors).mmul(take(svd.rightSingularVectors).transpose());
}

const firstLayer = 'patch_embedding.weight';
const lastLayer = 'proj_out';

interface Side {
  readonly config: TransformerConfig;
  readonly latentChannels: number;
}

/**
 * A transformer's weights for other latents. Layouts of a patch are summed over the square root of their number, which keeps the
 * variance of noise as well; positions are averaged.
 * @param turn [old latents of a token, new latents of a token] of fitTurn
 */
export function carriedOver(
  weights: Readonly<Record<string, Tensor>>,
  { from, to, turn }: { readonly from: Side; readonly to: Side; readonly turn: Matrix },
): Record<string, Tensor> {
  const whole = wholeTurn(from, to, turn);
  const inner = from.config.heads * from.config.headDim;
  const [before, after] = [from, to].map((side) => sideLayout(side));
  const first = Matrix.from1DArray(inner, before!.patch * before!.inputs, Array.from(floats(weights[firstLayer]!)));
  const out = Matrix.from1DArray(
    before!.patch * before!.outputs,
    inner,
    Array.from(floats(weights[`${lastLayer}.weight`]!)),
  );
  const bias = Matrix.columnVector(Array.from(floats(weights[`${lastLayer}.bias`]!)));
  // The first layer is a convolution, whose weights lie channel by channel; the last lies cell by cell.
  const byCell = permuted(first, channelFirst(before!.inputs, before!.patch));
  const turnedIn = permuted(byCell.mmul(whole), cellFirst(after!.inputs, after!.patch));
  const outputs = outputTurn(whole, before!, after!).transpose();
  const values = (matrix: Matrix, shape: readonly number[]) => tensor(Float32Array.from(matrix.to1DArray()), shape);
  return {
    ...weights,
    [firstLayer]: values(turnedIn, [inner, to.config.inChannels, ...to.config.patchSize]),
    [`${lastLayer}.weight`]: values(outputs.mmul(out), [after!.patch * after!.outputs, inner]),
    [`${lastLayer}.bias`]: values(outputs.mmul(bias), [after!.patch * after!.outputs]),
  };
}

/**
 * A transformer's weights for predicting the clip where it predicted the velocity, or the other way round. Velocity is noise minus clip, so
 * of the clip's part only the sign is wrong; that the noise is no longer wanted is learned by training on.
 */
export function predictingOther(weights: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
  const turned = ['weight', 'bias'].map((part) => {
    const name = `${lastLayer}.${part}`;
    const { shape } = weights[name]!;
    return [name, tensor(floats(weights[name]!).map((value) => -value), shape)] as const; // prettier-ignore
  });
  return { ...weights, ...Object.fromEntries(turned) };
}

interface SideLayout {
  readonly patch: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly latents: number;
}

const sideLayout = ({ config, latentChannels }: Side): SideLayout => ({
  patch: config.patchSize.reduce((product, size) => product * size, 1),
  inputs: config.inChannels,
  outputs: config.outChannels,
  latents: latentChannels,
});

/** [old inputs of a token, new inputs of a token], both cell by cell. */
function wholeTurn(from: Side, to: Side, turn: Matrix): Matrix {
  const [before, after] = [sideLayout(from), sideLayout(to)];
  const whole = Matrix.zeros(before.patch * before.inputs, after.patch * after.inputs);
  const spread = after.patch / before.patch;
  for (let row = 0; row < turn.rows; row++) {
    for (let column = 0; column < turn.columns; column++) {
      whole.set(place(row, before), place(column, after), turn.get(row, column));
    }
  }
  for (let cell = 0; cell < after.patch; cell++) {
    const old = Math.floor(cell / spread);
    for (let c = 0; c < LAYOUT_CHANNELS + POSITION_CHANNELS; c++) {
      const scale = c < LAYOUT_CHANNELS ? 1 / Math.sqrt(spread) : 1 / spread;
      whole.set(old * before.inputs + before.latents + c, cell * after.inputs + after.latents + c, scale);
    }
  }
  return whole;
}

/** Where the index of a latent among a token's latents lies among its inputs. */
const place = (index: number, { latents, inputs }: SideLayout): number =>
  Math.floor(index / latents) * inputs + (index % latents);

/** The rows and columns of a turn of inputs that are outputs as well: all but the positions. */
function outputTurn(whole: Matrix, before: SideLayout, after: SideLayout): Matrix {
  const kept = ({ patch, inputs, outputs }: SideLayout) =>
    Array.from({ length: patch * inputs }, (_, i) => i).filter((i) => i % inputs < outputs);
  return whole.selection(kept(before), kept(after));
}

const permuted = (matrix: Matrix, order: readonly number[]): Matrix =>
  matrix.selection(
    Array.from({ length: matrix.rows }, (_, i) => i),
    [...order],
  );

/** Columns that lie channel by channel, in the order cell by cell; and back. */
const channelFirst = (channels: number, patch: number): number[] =>
  Array.from({ length: channels * patch }, (_, i) => (i % channels) * patch + Math.floor(i / channels));
const cellFirst = (channels: number, patch: number): number[] =>
  Array.from({ length: channels * patch }, (_, i) => (i % patch) * channels + Math.floor(i / patch));
