// Tiny autoencoders with random weights, and a way to run any graph of them, for the tests of this folder.
import { type AutoencoderConfig, parseAutoencoderConfig } from '../../compressor/config.ts';
import { autoencoderParameters } from '../../compressor/autoencoder.ts';
import { compile } from '../../graph/compile.ts';
import { fetched, localEngine } from '../../graph/engine.ts';
import type { Node } from '../../graph/node.ts';
import { floats, type Shape, sizeOf, type Tensor, tensor } from '../../graph/tensor.ts';
import type { Weights } from '../../graph/weights.ts';

const plain = { latents_mean: [0.5, -0.25, 0, 1], latents_std: [2, 1, 0.5, 4], z_dim: 4, num_res_blocks: 1 };

/** Wan 2.1's form: 4x4x4 compression. */
export const flat = parseAutoencoderConfig({
  ...plain,
  base_dim: 4,
  dim_mult: [1, 2, 2],
  temperal_downsample: [true, true],
});

/** Wan 2.2's form with three kinds of level and a wider decoder: 4 frames, 8x2 pixels of a patch. */
export const residual = parseAutoencoderConfig({
  ...plain,
  base_dim: 4,
  decoder_base_dim: 8,
  dim_mult: [1, 2, 4, 4],
  temperal_downsample: [false, true, true],
  is_residual: true,
  patch_size: 2,
  in_channels: 12,
  out_channels: 12,
});

export const forms = { flat, residual } satisfies Record<string, AutoencoderConfig>;

/** Uniform values in [-1,1), the same for the same seed. */
export function noise(shape: Shape, seed = 1): Tensor {
  let state = seed >>> 0;
  const values = Float32Array.from({ length: sizeOf(shape) }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
  return tensor(values, shape);
}

/** Random weights that keep activations near one; no layer is zero, unlike those that training starts from. */
export function randomWeights(config: AutoencoderConfig, seed = 7): Weights {
  const tensors = new Map<string, Tensor>();
  for (const [i, { name, shape }] of autoencoderParameters(config).entries()) {
    const values = noise(shape, seed * 1000 + i);
    const scale = name.endsWith('gamma') ? 1 : name.endsWith('bias') ? 0.3 : Math.sqrt(3 / sizeOf(shape.slice(1)));
    const data = floats(values).map((value) => (name.endsWith('gamma') ? 1 + value / 2 : value * scale));
    tensors.set(name, tensor(data, shape));
  }
  return (name) => tensors.get(name);
}

/** Runs a graph once in this process. */
export async function run(
  outputs: Readonly<Record<string, Node>>,
  feeds: Readonly<Record<string, Tensor>>,
  weights: Weights = () => undefined,
): Promise<Record<string, Tensor>> {
  const engine = localEngine();
  try {
    const session = await engine.open(compile({ outputs, weights }));
    const results = await session.run(feeds);
    return Object.fromEntries(Object.keys(outputs).map((name) => [name, fetched(results, name)]));
  } finally {
    await engine.close();
  }
}
