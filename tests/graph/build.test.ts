// Shapes that do not fit are refused where the node is added, so that the stack points at the mistake.
import { describe, expect, test } from 'vitest';
import * as g from '../../graph/build.ts';
import { ShapeError } from '../../graph/errors.ts';
import type { Node } from '../../graph/node.ts';
import { parameterScope } from '../../graph/parameters.ts';
import type { DType } from '../../graph/tensor.ts';

const x = (...shape: number[]): Node => g.input('x', shape);
const typed = (dtype: DType, ...shape: number[]): Node => g.input('x', shape, dtype);
const heads = { heads: 2 };

describe('a shape error', () => {
  test.each<readonly [string, () => Node, RegExp]>([
    ['a broken extent', () => x(2, 1.5), /\[2,1.5\]/],
    ['operands that do not broadcast', () => g.add(x(2, 3), x(2)), /\[2,3\].*\[2\]/],
    ['mixed types', () => g.mul(typed('int32', 2), 2), /int32 and float32/],
    ['an exponential of integers', () => g.exp(typed('int32', 2)), /int32/],
    ['an axis outside', () => g.sum(x(2, 3), [2]), /2.*rank 2/],
    ['an axis named twice', () => g.mean(x(2, 3), [1, -1]), /twice/],
    ['softmax of a scalar', () => g.softmax(x()), /scalar/],
    ['a reshape of another size', () => g.reshape(x(2, 3), [4, -1]), /\[2,3\].*\[4,-1\]/],
    ['two free extents', () => g.reshape(x(4), [-1, -1]), /reshape/],
    ['a short permutation', () => g.transpose(x(2, 3), [0]), /\[0\].*\[2,3\]/],
    ['an axis permuted twice', () => g.transpose(x(2, 3), [1, 1]), /\[1,1\]/],
    ['an empty slice', () => g.slice(x(5), 0, 3, 3), /3:3/],
    ['a slice outside', () => g.slice(x(5), 0, -9), /-4/],
    ['a broken step', () => g.slice(x(5), 0, 0, 5, 1.5), /1.5/],
    ['a concat of different rows', () => g.concat([x(2, 3), x(2, 4)], 0), /\[2,3\].*\[2,4\]/],
    ['a concat of nothing', () => g.concat([], 0), /rank 0/],
    ['pads for too few axes', () => g.pad(x(2, 3), [0], [0]), /\[2,3\]/],
    ['a negative pad', () => g.pad(x(3), [-1], [0]), /-1/],
    ['an expand that would shrink', () => g.expand(x(2, 3), [2, 1]), /\[2,3\].*\[2,1\]/],
    ['ids that are floats', () => g.gather(x(4, 2), x(3)), /float32/],
    ['ids of another shape than the values', () => g.scatterRows(x(4, 2), typed('int32', 3), 5), /\[4,2\].*\[3\]/],
    ['products whose summed axes differ', () => g.matmul(x(2, 3), x(2, 3)), /3 ≠ 2/],
    ['a vector in a product', () => g.matmul(x(2, 3), x(3)), /matrices/],
    ['a linear of another width', () => g.linear(x(1, 2, 3), x(5, 4)), /3 ≠ 4/],
    ['a convolution of other channels', () => g.conv(x(1, 2, 5), x(4, 3, 3)), /\[1,2,5\].*\[4,3,3\]/],
    ['a kernel larger than its input', () => g.conv(x(1, 2, 2), x(4, 2, 3)), /larger/],
    ['strides for too few axes', () => g.conv(x(1, 2, 5, 5), x(4, 2, 3, 3), { stride: [2] }), /2 spatial axes/],
    ['a bias of other channels', () => g.conv(x(1, 2, 5), x(4, 2, 3), { bias: x(2) }), /bias \[2\]/],
    ['a bias without a scale', () => g.layerNorm(x(2, 3), { bias: x(3), eps: 1 }), /scale/],
    ['a scale of another width', () => g.rmsNorm(x(2, 3), x(2), 1), /\[2\].*\[2,3\]/],
    ['heads that do not divide the width', () => g.attention(x(1, 2, 5), x(1, 2, 5), x(1, 2, 5), heads), /2 heads/],
    ['keys of another width', () => g.attention(x(1, 2, 4), x(1, 2, 6), x(1, 2, 6), heads), /\[1,2,6\]/],
    [
      'a bias larger than the scores',
      () => g.attention(x(1, 2, 4), x(1, 3, 4), x(1, 3, 4), { ...heads, bias: x(2, 1, 2, 3) }),
      /bias \[2,1,2,3\]/,
    ],
    ['tables of other tokens', () => g.rope(x(1, 3, 4), x(2, 1), x(2, 1), { ...heads, interleaved: true }), /\[2,1\]/],
    ['upsampling a row', () => g.upsampleNearest2(x(3)), /two axes/],
  ])('for %s', (_, build, message) => {
    let error: unknown;
    try {
      build();
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(ShapeError);
    expect(error).toMatchObject({ code: 'SHAPE', message: expect.stringMatching(message) as string });
    const frames = (error as Error)
      .stack!.split('\n')
      .filter((line) => line.includes('file:') || line.includes('/graph/'));
    const outside = frames.find((line) => !line.includes('/graph/') || line.includes('/tests/'));
    expect(outside).toContain('build.test.ts');
  });
});

test('what changes nothing adds no node', () => {
  const value = x(2, 3);
  for (const same of [
    g.reshape(value, [2, -1]),
    g.transpose(value, [0, 1]),
    g.slice(value, 1, 0),
    g.concat([value], 0),
    g.pad(value, [0, 0], [0, 0]),
    g.expand(value, [2, 3]),
    g.sum(value, []),
    g.cast(value, 'float32'),
    g.sumTo(value, [2, 3]),
  ])
    expect(same).toBe(value);
});

test('nodes are frozen', () => {
  expect(Object.isFrozen(g.add(x(2), 1))).toBe(true);
});

describe('parameters', () => {
  test('of the same name are one node, and come in order of first use', () => {
    const scope = parameterScope();
    const block = scope.parameters.at('blocks.0').at('attn');
    const weight = block('to_q.weight', [4, 4], { kind: 'zeros' });
    scope.parameters('head', [2]);
    expect(block('to_q.weight', [4, 4])).toBe(weight);
    expect(scope.node('blocks.0.attn.to_q.weight')).toBe(weight);
    expect(scope.specs()).toEqual([
      { name: 'blocks.0.attn.to_q.weight', shape: [4, 4], init: { kind: 'zeros' } },
      { name: 'head', shape: [2], init: { kind: 'normal', std: 0.02 } },
    ]);
  });

  test('cannot have two shapes', () => {
    const { parameters } = parameterScope();
    parameters('w', [2]);
    expect(() => parameters('w', [3])).toThrow('Parameter w was asked for as [2] and as [3].');
  });
});
