// What captioners are called, and which is the best that is there. Knows names and files, and loads none of them, so that a
// request can be checked long before a worker opens its captioner.
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { InvalidRequestError } from '../graph/errors.ts';
import { readSidecar, sidecarPath } from '../io/sidecar.ts';
import type { Wish } from '../understanding/captioner.ts';
import { refuseWishes } from '../understanding/wish.ts';
import type { ParsedCaptionRequest } from './caption-request.ts';
import { findModel } from './model-names.ts';
import type { Settings } from './settings.ts';

export interface CaptionerName {
  readonly kind: 'detector' | 'nano' | 'hf' | 'openai';
  /** A model's name or folder, an endpoint's address. */
  readonly what: string;
}

/** @throws InvalidRequestError for what names none */
export function parseCaptionerName(name: string): CaptionerName {
  if (name === 'detector') return { kind: 'detector', what: '' };
  if (/^nano(:|$)/.test(name)) return { kind: 'nano', what: name.slice(5) || 'nano' };
  const [, kind, what] = /^(hf|openai):(.+)$/s.exec(name) ?? [];
  if (kind !== undefined) return { kind: kind as 'hf' | 'openai', what: what! };
  throw new InvalidRequestError(
    `There is no captioner ${name}. Use auto, detector, nano, hf:<model> such as hf:HuggingFaceTB/SmolVLM-256M-Instruct, or openai:<address> such as openai:http://127.0.0.1:11434/v1.`,
  );
}

/** The model of `speech`. @throws InvalidRequestError */
export function parseSpeechName(name: string): string {
  const [, model] = /^hf:(.+)$/s.exec(name) ?? [];
  if (model !== undefined) return model;
  throw new InvalidRequestError(`speech (=${name}) must be hf:<model>, such as hf:onnx-community/whisper-base.`);
}

/** A request whose captioner is no longer `auto`. */
export type ChosenCaptioner = ParsedCaptionRequest & { readonly captioner: string };

/** The request with its captioner chosen, as far as it can be checked without opening it. @throws InvalidRequestError */
export async function withCaptioner(
  request: ParsedCaptionRequest,
  paths: readonly string[],
  settings: Settings,
): Promise<ChosenCaptioner> {
  const { captioner: asked = 'auto', speech } = request;
  if (speech !== undefined) parseSpeechName(speech);
  const captioner = asked === 'auto' ? await bestCaptioner(settings, paths) : asked;
  const { kind } = parseCaptionerName(captioner);
  if (kind === 'detector') refuseWishes(wishOf(request, kind));
  return { ...request, captioner };
}

/** What a captioner is asked with. One that has words of its own leaves the language to the speech, where that is listened to. */
export function wishOf({ prompt, prefix, language, speech }: ParsedCaptionRequest, kind: CaptionerName['kind']): Wish {
  const isOfSpeech = speech !== undefined && (kind === 'detector' || kind === 'nano');
  return { prompt, prefix, language: isOfSpeech ? undefined : language };
}

/**
 * An endpoint that is set and answers, else a vision-language model in the folders of models, else for clips that a model with a
 * captioner rendered its own, else the detector.
 */
export async function bestCaptioner(settings: Settings, paths: readonly string[] = []): Promise<string> {
  const { vision } = settings;
  if (vision?.url !== undefined) {
    const { answers } = await import('../understanding/openai-endpoint.ts');
    if (await answers(vision.url, vision.key)) return `openai:${vision.url}`;
  }
  const [model] = await modelsThatSee(settings);
  return model === undefined ? ((await captionerOfClips(paths, settings)) ?? 'detector') : `hf:${model}`;
}

/** Of the one model that rendered all of these, as their records tell; undefined where it has no captioner. */
async function captionerOfClips(paths: readonly string[], settings: Settings): Promise<string | undefined> {
  const makers = new Set<string>();
  for (const path of paths) {
    const record: Readonly<Record<string, unknown>> = await readSidecar(sidecarPath(path)).catch(() => ({}));
    const { request, output } = record as { request?: { model?: unknown }; output?: { file?: unknown } };
    if (output?.file !== basename(path) || typeof request?.model !== 'string') return undefined;
    makers.add(request.model);
  }
  const [maker, ...others] = makers;
  if (maker === undefined || others.length > 0 || !(await hasCaptioner(maker, settings))) return undefined;
  return maker === 'nano' ? maker : `nano:${maker}`;
}

/** Where a model keeps the captioner that was taught its world. */
export const ownCaptioner = (modelFolder: string): string => join(modelFolder, 'captioner');

/** Whether there is such a model, and it has a captioner. */
export const hasCaptioner = (model: string, settings: Settings): Promise<boolean> =>
  findModel(model, settings).then(({ folder }) => stat(join(ownCaptioner(folder), 'config.json'))).then(() => true, () => false); // prettier-ignore

/** Vision-language models in the folders of models, by name. */
export async function modelsThatSee({ modelFolders }: Settings): Promise<readonly string[]> {
  return modelsWhose(modelFolders, turnsPicturesIntoText);
}

/** Language models in the folders of models, by name. */
export async function modelsThatWrite({ modelFolders }: Settings): Promise<readonly string[]> {
  return modelsWhose(modelFolders, async (folder) => {
    const hasGraphs = await stat(join(folder, 'onnx')).then(() => true, () => false); // prettier-ignore
    return hasGraphs && /ForCausalLM|LMHeadModel/.test(await configOf(folder));
  });
}

/** Models in the folders that turn sound into text. */
export async function modelsThatHear({ modelFolders }: Settings): Promise<readonly string[]> {
  return modelsWhose(modelFolders, async (folder) =>
    /"(whisper|wav2vec2|hubert|moonshine)"/.test(await configOf(folder)),
  );
}

async function modelsWhose(folders: readonly string[], test: (folder: string) => Promise<boolean>): Promise<string[]> {
  const names: string[] = [];
  for (const folder of folders) {
    for (const name of (await readdir(folder).catch(() => [])).sort()) {
      if (!names.includes(name) && (await test(join(folder, name)))) names.push(name);
    }
  }
  return names;
}

/** A folder for transformers.js whose model takes pictures and writes. */
async function turnsPicturesIntoText(folder: string): Promise<boolean> {
  const isThere = (name: string): Promise<boolean> => stat(join(folder, name)).then(() => true, () => false); // prettier-ignore
  if (!(await isThere('onnx')) || !(await isThere('preprocessor_config.json'))) return false;
  const config = await configOf(folder);
  return /ImageTextToText|ForConditionalGeneration|VisionEncoderDecoder|ForVision2Seq/.test(config) && /"(vision_config|encoder|image_token_\w+)"/.test(config); // prettier-ignore
}

const configOf = (folder: string): Promise<string> => readFile(join(folder, 'config.json'), 'utf8').catch(() => '');
