// Opens the captioner and the listener that a request means. A new captioner is named here and in captioner-names.ts.
import type { Captioner } from '../understanding/captioner.ts';
import { openDetectorCaptioner } from '../understanding/detector-captioner.ts';
import { openHfCaptioner } from '../understanding/hf-captioner.ts';
import { openEndpointCaptioner } from '../understanding/openai-captioner.ts';
import { type Listener, openListener } from '../understanding/speech.ts';
import type { Download, ModelSource } from '../understanding/transformers.ts';
import type { ParsedCaptionRequest } from './caption-request.ts';
import { bestCaptioner, parseCaptionerName, parseSpeechName } from './captioner-names.ts';
import type { Settings } from './settings.ts';

type OnDownload = ((download: Download) => void) | undefined;

/** @throws InvalidRequestError, ModelFileError, JobFailedError */
export async function openCaptioner(
  request: ParsedCaptionRequest,
  settings: Settings,
  onDownload?: OnDownload,
): Promise<Captioner> {
  const { prompt, prefix, language, concurrency, retries, timeout, model } = request;
  const wish = { prompt, prefix, language };
  const asked = request.captioner ?? 'auto';
  const { kind, what } = parseCaptionerName(asked === 'auto' ? await bestCaptioner(settings) : asked);
  if (kind === 'detector') return openDetectorCaptioner(wish);
  if (kind === 'hf') return openHfCaptioner(what, wish, sourceOf(settings, onDownload));
  const key = settings.vision?.key;
  return openEndpointCaptioner({ url: what, model, key, concurrency, retries, timeoutSeconds: timeout }, wish);
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
