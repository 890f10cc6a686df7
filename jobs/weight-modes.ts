// How a model's weights are held while it runs, where a request says so: widened to float32 in memory, in 16 bits in their files, or
// by the quantised copy beside them. Another way to hold them rounds differently, so it makes another model of it.
import { createHash } from 'node:crypto';
import { compile, type CompiledGraph } from '../graph/compile.ts';
import { parameterScope } from '../graph/parameters.ts';
import { productMatrices, quantisedNames, type QuantisedType } from '../graph/quantised-weights.ts';
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
export async function withWeightModes(loaded: Model, asked: WeightChoice): Promise<Model> {
  const { choice, notices } = withoutIdle(loaded, asked);
  const { weights, textWeights } = choice;
  const model: Model = notices.length === 0 ? loaded : { ...loaded, notices: [...(loaded.notices ?? []), ...notices] };
  if (weights === undefined && textWeights === undefined) return model;
  const { experts, textEncoder, fingerprint } = model;
  const hold = async <T extends Held>(network: T, part: QuantisedPart, mode: WeightMode | undefined): Promise<T> =>
    mode === undefined ? network : { ...network, ...(await heldAs(model, network, part, mode)) };
  const transformer = await hold(model.transformer, 'transformer', weights);
  const low = experts && (await hold(experts.low, 'transformer_2', weights));
  const text = await hold(textEncoder, 'text_encoder', textWeights);
  return withWeightBytes({
    ...model,
    fingerprint: digest([fingerprint, weights ?? null, textWeights ?? null]),
    transformer,
    ...(experts && low && { experts: { ...experts, low } }),
    textEncoder: { ...text, ...(textWeights && { modelId: digest([textEncoder.modelId, textWeights]) }) },
  });
}

/** f16 keeps 16-bit weights as they are; where a file has none it changes nothing, and is said to. */
function withoutIdle(model: Model, { weights, textWeights }: WeightChoice) {
  const { name, textEncoder } = model;
  const graph = stepGraph(model);
  const isIdle = (mode: WeightMode | undefined, networks: readonly Held[], of: GraphOf): boolean =>
    mode === 'f16' && !networks.some((network) => hasNarrow(network, of));
  const idle = {
    weights: isIdle(weights, transformersOf(model), graph),
    textWeights: isIdle(textWeights, [textEncoder], textEncoderGraph(textEncoder)),
  };
  const notice = (field: keyof WeightChoice, part: string): string =>
    `${field} (=f16) changes nothing: ${part} of ${name} is stored in 32 bits, without 16-bit weights that could stay so.`;
  return {
    choice: {
      weights: idle.weights ? undefined : weights,
      textWeights: idle.textWeights ? undefined : textWeights,
    },
    notices: [
      ...(idle.weights ? [notice('weights', 'the transformer')] : []),
      ...(idle.textWeights ? [notice('textWeights', 'the text encoder')] : []),
    ],
  };
}

function hasNarrow({ weights }: Held, graph: GraphOf): boolean {
  const scope = parameterScope();
  graph(scope.parameters);
  return scope.specs().some(({ name }) => ['float16', 'bfloat16'].includes(weights(name)?.dtype ?? ''));
}

/** The model, counting what its weights take of memory; of two experts one is open at a time. */
export function withWeightBytes(model: Model): Model {
  const steps = transformersOf(model).map((network) => ownBytes(network, stepGraph(model)));
  const { textEncoder } = model;
  const text = ownBytes(textEncoder, textEncoderGraph(textEncoder));
  return { ...model, weightBytes: { steps: Math.max(...steps), text } };
}

const transformersOf = ({ transformer, experts }: Model): readonly Held[] =>
  experts === undefined ? [transformer] : [transformer, experts.low];

function stepGraph({ transformer: { config } }: Model): GraphOf {
  return transformerGraph(config, Math.max(config.patchSize[1], config.patchSize[2]));
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
function ownBytes(held: Held, graph: GraphOf): number {
  const { widenedBytes, quantisedBytes } = compiled(held, graph);
  return widenedBytes + quantisedBytes;
}

function compiled({ weights, widen }: Held, graph: GraphOf): CompiledGraph {
  return compile({ outputs: { result: graph(parameterScope().parameters) }, weights, ...(widen && { widen }) });
}

/** Layers that were rounded before a LoRA changed them and are not any longer, and what that takes, in words for the user. */
export function unroundedNotices(before: Model, after: Model, mode: WeightMode | undefined): readonly string[] {
  if (mode !== 'int8' && mode !== 'int4') return [];
  const graph = stepGraph(before);
  const [now, then] = [transformersOf(after), transformersOf(before)];
  const lost = then.map((own, i) => roundedLayers(own, graph, mode) - roundedLayers(now[i]!, graph, mode));
  const layers = lost.reduce((sum, count) => sum + count, 0);
  if (layers === 0) return [];
  const more = Math.max(...then.map((own, i) => allBytes(now[i]!, graph) - allBytes(own, graph)));
  return [
    `A LoRA changes ${layers} layers that weights (=${mode}) rounded. They are not rounded any longer, which takes about ${inWords(more)} more memory.`,
  ];
}

function roundedLayers({ weights }: Held, graph: GraphOf, type: QuantisedType): number {
  const matrices = productMatrices([graph(parameterScope().parameters)]);
  return [...matrices.keys()].filter((name) => weights(quantisedNames(name, type).values) !== undefined).length;
}

function inWords(bytes: number): string {
  if (bytes < 1e6) return `${Math.ceil(bytes / 1e3)} kB`;
  return bytes < 1e9 ? `${Math.ceil(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}

/** Weights in files and in memory. */
function allBytes(held: Held, graph: GraphOf): number {
  const { mappedBytes, widenedBytes } = compiled(held, graph);
  return mappedBytes + widenedBytes;
}

const digest = (value: unknown): string => createHash('sha256').update(JSON.stringify(value)).digest('hex');
