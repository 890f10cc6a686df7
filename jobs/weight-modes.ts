// How a model's weights are held while it runs, where a request says so: widened to float32 in memory, in 16 bits in their files, or
// by the quantised copy beside them. Another way to hold them rounds differently, so it makes another model of it.
import { createHash } from 'node:crypto';
import { compile } from '../graph/compile.ts';
import { parameterScope } from '../graph/parameters.ts';
import type { Network, Model } from './model.ts';
import { besideCopy, openCopy, type QuantisedPart } from './quantised-copy.ts';
import { type GraphOf, textEncoderGraph, transformerGraph } from './verify-model.ts';
import type { WeightMode } from './weight-mode-names.ts';

export interface WeightChoice {
  /** Of the transformer, or of both experts. */
  readonly weights?: WeightMode | undefined;
  /** Of the text encoder. */
  readonly textWeights?: WeightMode | undefined;
}

/** The model with its weights held so. @throws InvalidRequestError naming the command that makes a copy that is not there */
export async function withWeightModes(model: Model, { weights, textWeights }: WeightChoice): Promise<Model> {
  if (weights === undefined && textWeights === undefined) return model;
  const { experts, textEncoder, fingerprint } = model;
  const hold = async <T extends Held>(network: T, part: QuantisedPart, mode: WeightMode | undefined): Promise<T> =>
    mode === undefined ? network : { ...network, ...(await heldAs(model, network, part, mode)) };
  const transformer = await hold(model.transformer, 'transformer', weights);
  const low = experts && (await hold(experts.low, 'transformer_2', weights));
  const text = await hold(textEncoder, 'text_encoder', textWeights);
  const { patchSize } = transformer.config;
  const steps = transformerGraph(transformer.config, Math.max(patchSize[1], patchSize[2]));
  return {
    ...model,
    fingerprint: digest([fingerprint, weights ?? null, textWeights ?? null]),
    transformer,
    ...(experts && low && { experts: { ...experts, low } }),
    textEncoder: { ...text, ...(textWeights && { modelId: digest([textEncoder.modelId, textWeights]) }) },
    weightBytes: { steps: ownBytes(transformer, steps), text: ownBytes(text, textEncoderGraph(textEncoder)) },
  };
}

type Held = Omit<Network<unknown>, 'config'>;

async function heldAs(
  { folder, name }: Model,
  { weights }: Held,
  part: QuantisedPart,
  mode: WeightMode,
): Promise<Held> {
  if (mode === 'f32') return { weights, widen: 'once' };
  if (mode === 'f16') return { weights, widen: 'late' };
  return { weights: besideCopy(weights, await openCopy({ folder, part, type: mode }, name)) };
}

/** Weights that leave their files for memory of their own when the graph is opened. */
function ownBytes({ weights, widen }: Held, graph: GraphOf): number {
  const outputs = { result: graph(parameterScope().parameters) };
  const { widenedBytes, quantisedBytes } = compile({ outputs, weights, ...(widen && { widen }) });
  return widenedBytes + quantisedBytes;
}

const digest = (value: unknown): string => createHash('sha256').update(JSON.stringify(value)).digest('hex');
