// Shape arithmetic shared by the op table: broadcasting, axes, permutations. Pure.
import { ShapeError } from './errors.ts';
import type { Shape } from './tensor.ts';

export const show = (shape: Shape): string => `[${shape.join(',')}]`;

export const sameShape = (a: Shape, b: Shape): boolean =>
  a.length === b.length && a.every((extent, i) => extent === b[i]);

/** The shape that two shapes broadcast to, as in numpy. */
export function broadcast(a: Shape, b: Shape, what = 'broadcast'): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const left = a[i - rank + a.length] ?? 1;
    const right = b[i - rank + b.length] ?? 1;
    if (left !== right && left !== 1 && right !== 1)
      throw new ShapeError(`${what}: ${show(a)} and ${show(b)} do not broadcast.`);
    return left === 1 ? right : left;
  });
}

/** A non-negative axis below `rank`; negative ones count from the end. */
export function axisOf(axis: number, rank: number): number {
  const positive = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || positive < 0 || positive >= rank)
    throw new ShapeError(`Axis ${axis} is outside rank ${rank}.`);
  return positive;
}

export function reducedShape(shape: Shape, axes: readonly number[], keepDims: boolean): Shape {
  if (new Set(axes).size < axes.length) throw new ShapeError(`Axes ${show(axes)} name one twice.`);
  return keepDims
    ? shape.map((extent, i) => (axes.includes(i) ? 1 : extent))
    : shape.filter((_, i) => !axes.includes(i));
}

/** `shape` with the extent of `axis` replaced. */
export function withExtent(shape: Shape, axis: number, extent: number): Shape {
  return shape.map((value, i) => (i === axis ? extent : value));
}

export function inversePermutation(perm: readonly number[]): readonly number[] {
  const inverse = new Array<number>(perm.length);
  perm.forEach((from, to) => (inverse[from] = to));
  return inverse;
}
