// The health of a model beyond its single files: every config is one that can be run, every tensor that the networks ask
// for is there and has the shape that the config says, and the parts fit each other. Damage is collected, not thrown.
import { decode, encode } from '../compressor/autoencoder.ts';
import { spatialFactor } from '../compressor/config.ts';
import { clipTextStates } from '../conditioning/clip-text.ts';
import { umt5States } from '../conditioning/umt5.ts';
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
  const { autoencoder, experts } = model;
  const networks = [model.transformer, ...(experts ? [experts.low] : [])];
  const edge = edgeMultiple(model);
  return [
    () => ask(textEncoderNode(model), model.textEncoder.weights),
    ...networks.map(({ config, weights }) => () => {
      const cells = edge / spatialFactor(autoencoder.config);
      const image =
        config.imageDim === null
          ? undefined
          : input('image', [imageRows(config), imageLength(config), config.imageDim]);
      const length = image ? 512 : 1; // image-to-video models take no other number of text positions
      ask((p) => {
        const latents = input('latents', [1, config.inChannels, config.patchSize[0], cells, cells]);
        const text = input('text', [1, length, config.textDim]);
        return velocity(p, config, { latents, timestep: input('timestep', [1]), text, image });
      }, weights);
    }),
    () => {
      const edgeOfFrame = spatialFactor(autoencoder.config);
      const video = input('video', [1, 3, 1, edgeOfFrame, edgeOfFrame]);
      ask((p) => decode(p, autoencoder.config, encode(p, autoencoder.config, video).mean), autoencoder.weights);
    },
  ];
}

function imageRows({ posEmbedLength }: Model['transformer']['config']): number {
  return posEmbedLength === null ? 1 : 2;
}

function imageLength({ posEmbedLength }: Model['transformer']['config']): number {
  return posEmbedLength === null ? 257 : posEmbedLength / 2;
}

function textEncoderNode({ textEncoder }: Model): (p: Parameters) => Node {
  const ids = input('ids', [1, 2], 'int32');
  return (p) =>
    textEncoder.kind === 'clip'
      ? clipTextStates(p, textEncoder.config, ids).lastHiddenState
      : umt5States(p, textEncoder.config, ids, input('mask', [1, 2]));
}

function ask(define: (p: Parameters) => Node, weights: Weights): void {
  compile({ outputs: { result: define(parameterScope().parameters) }, weights });
}

async function collect(problems: string[], look: () => void | Promise<void>): Promise<void> {
  try {
    await look();
  } catch (error) {
    problems.push(error instanceof Error ? error.message : String(error));
  }
}
