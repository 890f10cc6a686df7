// The random checkpoints' shapes beside what is known of the published ones: parameters of each transformer, and that each is read
// as the kind of model that it is.
import { expect, it } from 'vitest';
import { parseTransformerConfig } from '../../dit/config.ts';
import { parameterScope } from '../../graph/parameters.ts';
import { sizeOf } from '../../graph/tensor.ts';
import { transformerGraph } from '../../jobs/verify-model.ts';
import { indexJson, type PublishedName, publishedShapes, transformerJson } from '../../scripts/published-shapes.ts';

/** In billions. The seven published float32 files of VACE-14B are of 17.3; of VACE-1.3B it is 1.4 and fifteen blocks of 0.05. */
const billions: Readonly<Record<PublishedName, number>> = {
  ...{ '1.3b': 1.4, '14b': 14.3, 'i2v-14b': 16.4, 'flf2v-14b': 16.4, 'vace-1.3b': 2.2, 'vace-14b': 17.3 },
  ...{ '5b': 5.0, a14b: 14.3, 'i2v-a14b': 14.3 },
};

it.each(Object.entries(billions))('%s has %d billion parameters', (name, expected) => {
  const scope = parameterScope();
  const config = parseTransformerConfig(transformerJson(publishedShapes[name as PublishedName]));
  transformerGraph(config, 2)(scope.parameters);
  const parameters = scope.specs().reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  expect(Math.round(parameters / 1e8) / 10).toBe(expected);
});

it('has few layers of true width where few are wanted, hints only behind those', () => {
  const { num_layers: layers, vace_layers: hints, ...rest } = transformerJson(publishedShapes['vace-1.3b'], 3);
  expect({ layers, hints }).toEqual({ layers: 3, hints: [0, 2] });
  const { num_layers: all, vace_layers: _, ...whole } = transformerJson(publishedShapes['vace-1.3b']);
  expect(all).toBe(30);
  expect(rest).toEqual(whole);
});

it('says in model_index.json what tells the variants apart', () => {
  expect(indexJson(publishedShapes['i2v-14b'])).toHaveProperty('image_encoder');
  expect(indexJson(publishedShapes['5b'])).toMatchObject({ expand_timesteps: true });
  expect(indexJson(publishedShapes['i2v-a14b'])).toMatchObject({ boundary_ratio: 0.9, transformer_2: expect.any(Array) as unknown }); // prettier-ignore
});
