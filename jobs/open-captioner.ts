// Opens the captioner and the listener that a request means. A new captioner is named here and in captioner-names.ts.
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { childEngine } from '../graph/child-engine.ts';
import { ModelFileError } from '../graph/errors.ts';
import type { Captioner, Wish } from '../understanding/captioner.ts';
import { openDetectorCaptioner } from '../understanding/detector-captioner.ts';
import { openHfCaptioner } from '../understanding/hf-captioner.ts';
import { openNanoCaptioner } from '../understanding/nano-captioner.ts';
import { openEndpointCaptioner } from '../understanding/openai-captioner.ts';
import { type Listener, openListener } from '../understanding/speech.ts';
import type { Download, ModelSource } from '../understanding/transformers.ts';
import type { ParsedCaptionRequest } from './caption-request.ts';
import { type ChosenCaptioner, ownCaptioner, parseCaptionerName, parseSpeechName, wishOf } from './captioner-names.ts';
import { findModel } from './model-names.ts';
import type { Settings } from './settings.ts';

type OnDownload = ((download: Download) => void) | undefined;

/** @throws InvalidRequestError, ModelFileError, JobFailedError */
export async function openCaptioner(
  request: ChosenCaptioner,
  settings: Settings,
  onDownload?: OnDownload,
): Promise<Captioner> {
  const { concurrency, retries, timeout, model } = request;
  const { kind, what } = parseCaptionerName(request.captioner);
  const wish = wishOf(request, kind);
  if (kind === 'detector') return openDetectorCaptioner(wish);
  if (kind === 'nano') return openNano(what, settings, wish);
  if (kind === 'hf') return openHfCaptioner(what, wish, sourceOf(settings, onDownload));
  const key = settings.vision?.key;
  return openEndpointCaptioner({ url: what, model, key, concurrency, retries, timeoutSeconds: timeout }, wish);
}

/** The captioner of a model, in a process of its own. */
async function openNano(model: string, settings: Settings, wish: Wish): Promise<Captioner> {
  const { folder } = await findModel(model, settings);
  const own = ownCaptioner(folder);
  if (!(await stat(join(own, 'config.json')).then(() => true, () => false))) // prettier-ignore
    throw new ModelFileError(`The model ${model} has no captioner (${own}). Train one by "tessera train captioner", or use another.`); // prettier-ignore
  const engine = await childEngine(settings.threads === undefined ? {} : { threads: settings.threads });
  try {
    const captioner = await openNanoCaptioner(engine, own, wish);
    return { ...captioner, close: () => captioner.close().finally(() => engine.close()) };
  } catch (error) {
    await engine.close();
    throw error;
  }
}

/** @throws InvalidRequestError, ModelFileError, JobFailedError */
export async function openSpeech(
  { speech, language }: ParsedCaptionRequest,
  settings: Settings,
  onDownload?: OnDownload,
): Promise<Listener | undefined> {
  if (speech === undefined) return undefined;
  return openListener(parseSpeechName(speech), language, sourceOf(settings, onDownload));
}

const sourceOf = ({ cacheFolder, modelFolders }: Settings, onDownload: OnDownload): ModelSource => ({
  cacheFolder,
  modelFolders,
  onDownload,
});
