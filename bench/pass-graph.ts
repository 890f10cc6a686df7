// One pass of a model's transformer over a clip of some size, as a graph of its own.
import { latentShape } from '../compressor/sizes.ts';
import type { TransformerConfig } from '../dit/config.ts';
import { velocity } from '../dit/transformer.ts';
import { input } from '../graph/build.ts';
import { compile, type CompiledGraph } from '../graph/compile.ts';
import type { Node } from '../graph/node.ts';
import { parameterScope } from '../graph/parameters.ts';
import type { Model, Network } from '../jobs/model.ts';

export interface Size {
  readonly width: number;
  readonly height: number;
  readonly frames: number;
}

/** @param layers of the transformer's; all if left out */
export function passGraph(model: Model, size: Size, layers = model.transformer.config.layers): CompiledGraph {
  const { weights, widen }: Network<TransformerConfig> = model.transformer;
  return compile({ outputs: { velocity: passNode(model, size, layers) }, weights, ...(widen && { widen }) });
}

/** Operations of a pass of so many layers, which the folder need not have. */
export function wholePassFlops(model: Model, size: Size, layers: number): number {
  return compile({ outputs: { velocity: passNode(model, size, layers) }, weights: 'inputs' }).flops;
}

function passNode({ transformer, autoencoder, textLength }: Model, size: Size, layers: number): Node {
  const config = { ...transformer.config, layers };
  const [, , ...grid] = latentShape(autoencoder.config, size);
  return velocity(parameterScope().parameters, config, {
    latents: input('latents', [1, config.inChannels, ...grid]),
    timestep: input('timestep', [1]),
    text: input('text', [1, textLength, config.textDim]),
  });
}
