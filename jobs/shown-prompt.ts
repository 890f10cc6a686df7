// What is shown in place of a prompt, settled once, when a request is accepted: what its picture says, what an expander makes of it, and
// what the model will not show of it, in words for the user.
import { countNotices } from '../expansion/expand-wish.ts';
import { type Expanded, withExpansion } from './expand.ts';
import { hasOwnExpander } from './expander-names.ts';
import { filled, likenessOf, type Liking, withLikeness } from './like.ts';
import type { ParsedRequest } from './request.ts';
import type { Settings } from './settings.ts';
import { timedPrompts } from './timed-prompts.ts';

/**
 * Its picture is read first, so that an expander invents nothing where the picture says it.
 * @throws InvalidRequestError, ModelFileError, and the signal's reason
 */
export async function withShownPrompt(
  asked: ParsedRequest,
  model: Liking,
  settings: Settings,
  signal?: AbortSignal,
): Promise<Expanded> {
  const { request, notices } = await withLikeness(asked, model, settings);
  const { likeness, prompt, expand } = request;
  const wish = likeness === undefined || expand === undefined ? prompt : filled(prompt, likenessOf(likeness), model);
  const expanded = await withExpansion({ ...request, prompt: wish }, model, settings, signal);
  const counts = (await hasOwnExpander(model.folder)) ? timedPrompts(prompt).flatMap((part) => countNotices(part.prompt, model.name)) : []; // prettier-ignore
  return {
    request: { ...expanded.request, prompt },
    notices: [...new Set([...notices, ...counts, ...expanded.notices])],
  };
}
