// Takes a model out of the hub's cache. Models in other folders are their owner's, and are never removed.
import { removeCached } from '../io/hub-cache.ts';
import { requireHubAddress } from './pull-model.ts';
import type { HubSettings } from './settings.ts';

export interface RemovedModel {
  readonly model: string;
  readonly freedBytes: number;
}

/** Removes all of `owner/name`, or one revision of it. @throws InvalidRequestError when it is not there */
export async function removePulledModel(text: string, { cacheFolder }: HubSettings): Promise<RemovedModel> {
  const { id, revision } = requireHubAddress(text);
  const freedBytes = await removeCached(cacheFolder, id, text.includes('@') ? revision : undefined);
  return { model: text, freedBytes };
}
