// The model that a request asks for: loaded, its weights held as the request says, LoRA files merged into its transformer.
import { createHash } from 'node:crypto';
import type { TransformerConfig } from '../dit/config.ts';
import { InvalidRequestError } from '../graph/errors.ts';
import { parameterScope } from '../graph/parameters.ts';
import { leftOutNotices, loraKey, mergeLoras, type OpenLora, openLoras, parseLora } from './lora.ts';
import { loadModel, type Model, type Network } from './model.ts';
import type { ParsedRequest } from './request.ts';
import type { Settings } from './settings.ts';
import { openTinyDecoderFile } from './tiny-decoder-file.ts';
import { transformerGraph } from './verify-model.ts';
import { unroundedNotices, withWeightBytes, withWeightModes } from './weight-modes.ts';

/** @throws InvalidRequestError, ModelFileError */
export async function loadRequestedModel(
  request: Pick<ParsedRequest, 'model' | 'lora' | 'loraLenient' | 'decoder' | 'weights' | 'textWeights'>,
  settings: Settings,
): Promise<Model> {
  const { model: name, lora = [], loraLenient = false, decoder } = request;
  const loaded = await withDecoder(await loadModel(name, settings), decoder, settings);
  const model = await withWeightModes(loaded, request);
  if (lora.length === 0) return model;
  const { transformer, experts, fingerprint } = model;
  const choices = lora.map(parseLora);
  const single = choices.find(({ expert }) => expert !== undefined && experts === undefined);
  if (single !== undefined)
    throw new InvalidRequestError(
      `lora (=${single.expert}=${single.path}) is for one of two experts, and ${model.name} has one transformer. Leave ${single.expert}= out.`,
    );
  const loras = await openLoras(choices, parameterNames(transformer.config), loraLenient);
  const adapt = async (network: Network<TransformerConfig>, part: string): Promise<Network<TransformerConfig>> => {
    const place = { key: `${fingerprint} ${part}`, cacheFolder: settings.cacheFolder };
    const own = loras.filter(
      ({ expert }) => expert === undefined || expert === (part === 'transformer' ? 'high' : 'low'),
    );
    return own.length === 0 ? network : { ...network, weights: await mergeLoras(network.weights, own, place) };
  };
  const adapted: Model = {
    ...model,
    fingerprint: fingerprintWith(fingerprint, loras),
    newWords: loras.flatMap(({ words }) => words),
    transformer: await adapt(transformer, 'transformer'),
    ...(experts && { experts: { ...experts, low: await adapt(experts.low, 'transformer_2') } }),
  };
  const { notices = [], weightBytes } = model;
  const more = [...leftOutNotices(loras), ...unroundedNotices(model, adapted, request.weights)];
  return { ...(weightBytes ? withWeightBytes(adapted) : adapted), notices: [...notices, ...more] };
}

async function withDecoder(model: Model, decoder: string | undefined, settings: Settings): Promise<Model> {
  if (decoder === undefined) return model;
  const tinyDecoder = await openTinyDecoderFile(decoder, model, settings);
  const key = JSON.stringify([model.fingerprint, 'decoder', tinyDecoder.sha256]);
  return { ...model, tinyDecoder, fingerprint: createHash('sha256').update(key).digest('hex') };
}

/** Names of all tensors of a transformer, as its definition asks for them. */
function parameterNames(config: TransformerConfig): readonly string[] {
  const scope = parameterScope();
  transformerGraph(config, Math.max(config.patchSize[1], config.patchSize[2]))(scope.parameters);
  return scope.specs().map(({ name }) => name);
}

function fingerprintWith(fingerprint: string, loras: readonly OpenLora[]): string {
  return createHash('sha256').update(JSON.stringify([fingerprint, loraKey(loras)])).digest('hex'); // prettier-ignore
}
