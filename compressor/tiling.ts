// Large frames in overlapping tiles, so that memory depends on the tile and not on the frame. Reference: tiled_encode and
// tiled_decode: every tile starts with no past, overlaps are blended linearly, above first, then left, with the neighbour
// as it is after its own blending.
import { InvalidRequestError } from '../graph/errors.ts';
import { floats, type Tensor, zeros } from '../graph/tensor.ts';
import { type AutoencoderConfig, spatialFactor } from './config.ts';
import { type Box, clipAxes, paste } from './frames.ts';

/** Size and distance of tiles in pixels, as in diffusers' enable_tiling. For the encoder of a patched model they count patches. */
export interface Tiling {
  readonly tileHeight: number;
  readonly tileWidth: number;
  readonly strideHeight: number;
  readonly strideWidth: number;
}

/** The reference's defaults. */
export const defaultTiling = { tileHeight: 256, tileWidth: 256, strideHeight: 192, strideWidth: 192 } satisfies Tiling;

/** Along one axis: which stretch of the input each tile takes, and how results are joined, in positions of the output. */
export interface TileAxis {
  readonly inputs: readonly (readonly [from: number, to: number])[];
  /** Output positions from one tile to the next; more than these are not kept of a tile. */
  readonly stride: number;
  /** Output positions that are blended with the neighbour's end, in steps of `grain` of equal weight. */
  readonly overlap: number;
  readonly grain: number;
}

/** Rows and columns of tiles. */
export interface TileGrid {
  readonly rows: TileAxis;
  readonly columns: TileAxis;
}

/** The tiles of a frame of height x width pixels for the encoder; undefined where the frame is no larger than a tile. */
export function encodeTiles(
  config: AutoencoderConfig,
  tiling: Tiling,
  height: number,
  width: number,
): TileGrid | undefined {
  checkTiling(config, tiling);
  if (height <= tiling.tileHeight && width <= tiling.tileWidth) return undefined;
  const ratio = spatialFactor(config) / config.patchSize;
  const axis = (extent: number, tile: number, stride: number): TileAxis => ({
    inputs: stretches(extent, tile * config.patchSize, stride * config.patchSize),
    stride: stride / ratio,
    overlap: (tile - stride) / ratio,
    grain: 1,
  });
  return grid(axis, tiling, height, width);
}

/** The tiles of latents of height x width for the decoder; undefined where they are no larger than a tile. */
export function decodeTiles(
  config: AutoencoderConfig,
  tiling: Tiling,
  height: number,
  width: number,
): TileGrid | undefined {
  checkTiling(config, tiling);
  const ratio = spatialFactor(config);
  if (height <= tiling.tileHeight / ratio && width <= tiling.tileWidth / ratio) return undefined;
  const axis = (extent: number, tile: number, stride: number): TileAxis => ({
    inputs: stretches(extent, tile / ratio, stride / ratio),
    stride,
    overlap: tile - stride,
    grain: config.patchSize,
  });
  return grid(axis, tiling, height, width);
}

/** Runs every tile and joins the results into `shape`, [B,C,T,H,W] of the output. */
export async function joinTiles(
  { rows, columns }: TileGrid,
  shape: readonly number[],
  run: (box: Box) => Promise<Tensor>,
): Promise<Tensor> {
  const result = zeros(shape);
  let above: Tensor[] = [];
  for (const [i, rowRange] of rows.inputs.entries()) {
    const row: Tensor[] = [];
    for (const [j, columnRange] of columns.inputs.entries()) {
      const tile = await run({ rows: rowRange, columns: columnRange });
      if (i > 0) blend(above[j]!, tile, { axis: 3, ...rows });
      if (j > 0) blend(row[j - 1]!, tile, { axis: 4, ...columns });
      row.push(tile);
      const place = { row: i * rows.stride, column: j * columns.stride };
      paste(result, tile, { ...place, height: rows.stride, width: columns.stride });
    }
    above = row;
  }
  return result;
}

/** Fades the start of `after` in, in place, from the end of `before`, along axis 3 (down) or 4 (right). */
function blend(before: Tensor, after: Tensor, options: { axis: 3 | 4; overlap: number; grain: number }): void {
  const { axis, grain } = options;
  const [a, b] = [clipAxes(before), clipAxes(after)];
  const overlap = Math.min(a[axis], b[axis], options.overlap);
  const [from, to] = [floats(before), floats(after)];
  const [planes, lines] = [b[0] * b[1] * b[2], axis === 3 ? b[4] : b[3]];
  const index = (axes: typeof a, plane: number, along: number, line: number) =>
    axis === 3 ? (plane * axes[3] + along) * axes[4] + line : (plane * axes[3] + line) * axes[4] + along;
  for (let plane = 0; plane < planes; plane++) {
    for (let along = 0; along < overlap; along++) {
      const weight = Math.floor(along / grain) / (overlap / grain);
      for (let line = 0; line < lines; line++) {
        const at = index(b, plane, along, line);
        to[at] = from[index(a, plane, a[axis] - overlap + along, line)]! * (1 - weight) + to[at]! * weight;
      }
    }
  }
}

function grid(
  axis: (extent: number, tile: number, stride: number) => TileAxis,
  tiling: Tiling,
  height: number,
  width: number,
): TileGrid {
  return {
    rows: axis(height, tiling.tileHeight, tiling.strideHeight),
    columns: axis(width, tiling.tileWidth, tiling.strideWidth),
  };
}

function stretches(extent: number, tile: number, stride: number): [number, number][] {
  const count = Math.ceil(extent / stride);
  return Array.from({ length: count }, (_, i) => [i * stride, Math.min(i * stride + tile, extent)]);
}

function checkTiling(config: AutoencoderConfig, tiling: Tiling): void {
  const space = spatialFactor(config);
  const uneven = Object.entries(tiling).filter(([, pixels]) => pixels < space || pixels % space !== 0);
  if (uneven.length > 0) {
    const given = uneven.map(([name, pixels]) => `${name}=${pixels as number}`).join(', ');
    throw new InvalidRequestError(`Tiles must be multiples of ${space} pixels for this autoencoder, not ${given}.`);
  }
  if (tiling.strideHeight > tiling.tileHeight || tiling.strideWidth > tiling.tileWidth) {
    throw new InvalidRequestError('Tiles must overlap or touch: a stride is larger than its tile.');
  }
}
