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
    ...[-0.75, -0.25, 0.25, 0.75, -0.75, -0.25, 0.25, 0.75],
  ];
  expect([...(data as Float32Array)]).toEqual([...one, ...one]);
});

test('only transformers with three channels more than they make take positions', () => {
  expect(takesPositions(parseTransformerConfig(transformerJson))).toBe(true);
  expect(takesPositions(parseTransformerConfig({ ...transformerJson, in_channels: 36, out_channels: 16 }))).toBe(false);
  expect(takesPositions(parseTransformerConfig({ ...transformerJson, in_channels: 16, out_channels: 16 }))).toBe(false);
});
