// Which captioner a request means, and which one is the best that is there. A new captioner is named here.
import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { InvalidRequestError } from '../graph/errors.ts';
import type { Captioner } from '../understanding/captioner.ts';
import { openDetectorCaptioner } from '../understanding/detector-captioner.ts';
import { openHfCaptioner } from '../understanding/hf-captioner.ts';
import { answers, openEndpointCaptioner } from '../understanding/openai-captioner.ts';
import { type Listener, openListener } from '../understanding/speech.ts';
import type { Download, ModelSource } from '../understanding/transformers.ts';
import type { ParsedCaptionRequest } from './caption-request.ts';
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
  const name = asked === 'auto' ? await bestCaptioner(settings) : asked;
  if (name === 'detector') return openDetectorCaptioner(wish);
  const [, kind, what] = /^(hf|openai):(.+)$/s.exec(name) ?? [];
  if (kind === 'hf') return openHfCaptioner(what!, wish, sourceOf(settings, onDownload));
  if (kind === 'openai') {
    const key = settings.vision?.key;
    return openEndpointCaptioner({ url: what!, model, key, concurrency, retries, timeoutSeconds: timeout }, wish);
  }
  throw new InvalidRequestError(
    `There is no captioner ${name}. Use auto, detector, hf:<model> such as hf:HuggingFaceTB/SmolVLM-256M-Instruct, or openai:<address> such as openai:http://127.0.0.1:11434/v1.`,
  );
}

/** @throws InvalidRequestError, ModelFileError, JobFailedError */
export async function openSpeech(
  { speech, language }: ParsedCaptionRequest,
  settings: Settings,
  onDownload?: OnDownload,
): Promise<Listener | undefined> {
  if (speech === undefined) return undefined;
  const [, model] = /^hf:(.+)$/s.exec(speech) ?? [];
  if (model !== undefined) return openListener(model, language, sourceOf(settings, onDownload));
  throw new InvalidRequestError(`speech (=${speech}) must be hf:<model>, such as hf:onnx-community/whisper-base.`);
}

/** An endpoint that is set and answers, else a vision-language model in the folders of models, else the detector. */
export async function bestCaptioner({ vision, modelFolders }: Settings): Promise<string> {
  if (vision?.url !== undefined && (await answers(vision.url, vision.key))) return `openai:${vision.url}`;
  for (const folder of modelFolders) {
    for (const name of (await readdir(folder).catch(() => [])).sort()) {
      if (await turnsPicturesIntoText(join(folder, name))) return `hf:${name}`;
    }
  }
  return 'detector';
}

/** A folder for transformers.js whose model takes pictures and writes. */
async function turnsPicturesIntoText(folder: string): Promise<boolean> {
  const isThere = (name: string): Promise<boolean> => stat(join(folder, name)).then(() => true, () => false); // prettier-ignore
  if (!(await isThere('onnx')) || !(await isThere('preprocessor_config.json'))) return false;
  const config = await readFile(join(folder, 'config.json'), 'utf8').catch(() => '');
  return /ImageTextToText|ForConditionalGeneration|VisionEncoderDecoder|ForVision2Seq/.test(config) && /"(vision_config|encoder|image_token_\w+)"/.test(config); // prettier-ignore
}

const sourceOf = ({ cacheFolder, modelFolders }: Settings, onDownload: OnDownload): ModelSource => ({
  cacheFolder,
  modelFolders,
  onDownload,
});
