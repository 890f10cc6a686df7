import { expect, test } from 'vitest';
import { parseTransformerConfig } from '../../dit/config.ts';
import { positionChannels, takesPositions } from '../../dit/position-channels.ts';
import { transformerJson } from '../../training/recipes.ts';

test('cells are told their centre in time, height and width, for each clip of a batch', () => {
  const { shape, data } = positionChannels([1, 2, 4], 2);
  expect(shape).toEqual([2, 3, 1, 2, 4]);
  const one = [
    ...[0, 0, 0, 0, 0, 0, 0, 0],
    ...[-0.5, -0.5, -0.5, -0.5, 0.5, 0.5, 0.5, 0.5],
    ...[-1.5, -0.5, 0.5, 1.5, -1.5, -0.5, 0.5, 1.5],
  ];
  expect([...(data as Float32Array)]).toEqual([...one, ...one]);
});

test('a tall frame is told to be a square one that goes on above and below', () => {
  const [square, tall] = [positionChannels([2, 2, 2]), positionChannels([2, 6, 2])];
  const rows = (values: ArrayLike<number>, height: number, from: number) =>
    Array.from({ length: 6 }, (_, plane) => Array.from(values).slice((plane * height + from) * 2, (plane * height + from + 2) * 2)); // prettier-ignore
  expect(rows(tall.data as Float32Array, 6, 2)).toEqual(rows(square.data as Float32Array, 2, 0));
});

test('only transformers with three channels more than they make take positions', () => {
  expect(takesPositions(parseTransformerConfig(transformerJson))).toBe(true);
  expect(takesPositions(parseTransformerConfig({ ...transformerJson, in_channels: 36, out_channels: 16 }))).toBe(false);
  expect(takesPositions(parseTransformerConfig({ ...transformerJson, in_channels: 16, out_channels: 16 }))).toBe(false);
});
