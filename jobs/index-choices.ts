// How films are looked at for the index: as the request says, and else as the latest film was, so that "tessera index films/" goes on
// as it began. Changed choices are another look, and so are towers that were trained again.
import { bestCaptioner, parseCaptionerName, parseSpeechName } from './captioner-names.ts';
import type { ParsedIndexRequest } from './index-request.ts';
import { findSpace, type NamedSpace } from './open-space.ts';
import type { IndexChoices } from './search-store.ts';
import type { Settings } from './settings.ts';

/** Choices that belong to a captioner, and go with it. */
const ofCaptioner = ['model', 'prompt', 'prefix', 'language'] as const;

/** The `speech` of those who want none any more. */
const SILENT = 'none';

/** @param paths of the films @throws InvalidRequestError for names of nothing, ModelFileError */
export async function chooseLook(
  request: ParsedIndexRequest,
  paths: readonly string[],
  latest: IndexChoices | undefined,
  settings: Settings,
): Promise<{ readonly choices: IndexChoices; readonly space: NamedSpace }> {
  const { captioner: asked, clip = latest?.clip ?? 'nano', every = latest?.['every'] } = request;
  const isAsBefore = asked === undefined && latest !== undefined;
  const captioner = isAsBefore ? latest.captioner : asked === undefined || asked === 'auto' ? await bestCaptioner(settings, paths) : asked; // prettier-ignore
  parseCaptionerName(captioner);
  const space = await findSpace(clip, settings);
  const { speech = latest?.['speech'] as string | undefined } = request;
  if (speech !== undefined && speech !== SILENT) parseSpeechName(speech);
  const heard = speech === undefined || speech === SILENT ? {} : { speech };
  const words = ofCaptioner.map((name) => [name, request[name] ?? (isAsBefore ? latest[name] : undefined)] as const);
  const sent = Object.fromEntries([['every', every] as const, ...words].filter(([, value]) => value !== undefined));
  return { choices: { captioner, clip: space.clip, space: space.name, ...heard, ...sent }, space };
}
