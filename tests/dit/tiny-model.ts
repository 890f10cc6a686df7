// A transformer small enough for tests, with weights that let every branch speak, and a way to run graphs of it.
import { parseTransformerConfig } from '../../dit/config.ts';
import { fillNormal } from '../../dit/noise.ts';
import { createRandom } from '../../dit/random.ts';
import type { Random } from '../../dit/random.ts';
import { flatLayout, initialState, views } from '../../graph/adamw.ts';
import { compile } from '../../graph/compile.ts';
import { fetched } from '../../graph/engine.ts';
import type { Engine } from '../../graph/engine.ts';
import type { Node } from '../../graph/node.ts';
import type { ParameterSpec } from '../../graph/parameters.ts';
import { floats, sizeOf, tensor } from '../../graph/tensor.ts';
import type { Shape, Tensor } from '../../graph/tensor.ts';

export const tinyConfig = parseTransformerConfig({
  patch_size: [1, 2, 2],
  num_attention_heads: 2,
  attention_head_dim: 12,
  in_channels: 4,
  out_channels: 4,
  text_dim: 8,
  freq_dim: 16,
  ffn_dim: 32,
  num_layers: 2,
});

export function normalTensor(random: Random, shape: Shape, scale = 1): Tensor & { data: Float32Array } {
  return tensor(
    fillNormal(random, new Float32Array(sizeOf(shape))).map((value) => value * scale),
    shape,
  );
}

/** Weights with no zero anywhere, so that a branch left out is noticed. */
export function speakingWeights(specs: readonly ParameterSpec[], seed = 1): Map<string, Tensor> {
  const random = createRandom(seed);
  return new Map(specs.map(({ name, shape }) => [name, normalTensor(random, shape, 0.3)]));
}

/** Weights as training starts with them. */
export function initialWeights(specs: readonly ParameterSpec[], seed = 1): Map<string, Tensor> {
  const layout = flatLayout(specs);
  return new Map(Object.entries(views(layout, initialState(layout, createRandom(seed).uniform).parameters)));
}

/** Opens, runs once, releases. Tensors of `values` are inputs and weights alike, by name. */
export async function evaluate<Name extends string>(
  engine: Engine,
  outputs: Readonly<Record<Name, Node>>,
  values: ReadonlyMap<string, Tensor>,
): Promise<Record<Name, Float32Array>> {
  const session = await engine.open(compile({ outputs, weights: (name) => values.get(name) }));
  const results = await session.run(Object.fromEntries(values));
  await session.release();
  const names = Object.keys(outputs) as Name[];
  return Object.fromEntries(names.map((name) => [name, floats(fetched(results, name))])) as Record<Name, Float32Array>;
}
