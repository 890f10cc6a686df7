// The health of a model beyond its single files: every config is one that can be run, every tensor that the networks ask
// for is there and has the shape that the config says, and the parts fit each other. Damage is collected, not thrown.
import { decode, encode } from '../compressor/autoencoder.ts';
import { type AutoencoderConfig, spatialFactor, temporalFactor } from '../compressor/config.ts';
import { clipTextStates } from '../conditioning/clip-text.ts';
import { umt5States } from '../conditioning/umt5.ts';
import type { TransformerConfig } from '../dit/config.ts';
import { velocity } from '../dit/transformer.ts';
import { input } from '../graph/build.ts';
import { compile } from '../graph/compile.ts';
import type { Node } from '../graph/node.ts';
import { type Parameters, parameterScope } from '../graph/parameters.ts';
import type { Weights } from '../graph/weights.ts';
import { type ModelHealth, type VerifyOptions, verifyModelFolder } from '../io/model-health.ts';
import { edgeMultiple, loadModel, type Model } from './model.ts';
import type { Settings } from './settings.ts';

export type { ComponentHealth, FileHealth, ModelHealth } from '../io/model-health.ts';

/** Looks at every file of a model, then at how they fit. Reads all weights when `readAll` is set. */
export async function verifyModel(
  folder: string,
  settings: Settings,
  options: VerifyOptions = {},
): Promise<ModelHealth> {
  const health = await verifyModelFolder(folder, options);
  if (!health.ok) return health;
  const problems: string[] = [];
  await collect(problems, async () => {
    const model = await loadModel(folder, settings);
    for (const check of checks(model)) await collect(problems, check);
  });
  return { ...health, ok: problems.length === 0, problems };
}

/** Compiling asks for every tensor with its shape, and reads no weights. */
function checks(model: Model): readonly (() => void)[] {
  const { transformer, experts, autoencoder, textEncoder } = model;
  const cells = edgeMultiple(model) / spatialFactor(autoencoder.config);
  const networks = experts ? [transformer, experts.low] : [transformer];
  return [
    () => ask(textEncoderGraph(textEncoder), textEncoder.weights),
    ...networks.map(
      ({ config, weights }) =>
        () =>
          ask(transformerGraph(config, cells), weights),
    ),
    () => ask(autoencoderGraph(autoencoder.config), autoencoder.weights),
  ];
}

/** A network's definition on inputs of the smallest size, to ask for every tensor. */
export type GraphOf = (p: Parameters) => Node;

export function textEncoderGraph(textEncoder: Model['textEncoder']): GraphOf {
  const ids = input('ids', [1, 2], 'int32');
  return (p) => {
    if (textEncoder.kind === 'clip') return clipTextStates(p, textEncoder.config, ids).lastHiddenState;
    return umt5States(p, textEncoder.config, ids).lastHiddenState;
  };
}

/** One token; beside image tokens the reference takes no other number of text positions than 512. */
export function transformerGraph(config: TransformerConfig, cells: number): GraphOf {
  const { imageDim, posEmbedLength, vace, inChannels, patchSize, textDim } = config;
  const inputs = {
    latents: input('latents', [1, inChannels, patchSize[0], cells, cells]),
    timestep: input('timestep', [1]),
    text: input('text', [1, imageDim === null ? 1 : 512, textDim]),
  };
  if (vace !== null) {
    const control = input('control', [1, vace.inChannels, patchSize[0], cells, cells]);
    return (p) => velocity(p, config, { ...inputs, control });
  }
  if (imageDim === null) return (p) => velocity(p, config, inputs);
  const tokens = posEmbedLength === null ? [1, 1] : [2, posEmbedLength / 2];
  const image = input('image', [...tokens, imageDim]);
  return (p) => velocity(p, config, { ...inputs, image });
}

/** Two latent frames: the first does not pass through the layers that compress time. */
function autoencoderGraph(config: AutoencoderConfig): GraphOf {
  const edge = spatialFactor(config);
  const video = input('video', [1, 3, 1 + temporalFactor(config), edge, edge]);
  return (p) => decode(p, config, encode(p, config, video).mean);
}

function ask(define: GraphOf, weights: Weights): void {
  compile({ outputs: { result: define(parameterScope().parameters) }, weights });
}

async function collect(problems: string[], look: () => void | Promise<void>): Promise<void> {
  try {
    await look();
  } catch (error) {
    problems.push(error instanceof Error ? error.message : String(error));
  }
}
