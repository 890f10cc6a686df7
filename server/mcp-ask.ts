// A question about a video, from an agent: one that was made here, or a film of this machine where the agent is a program of its user.
import { resolve } from 'node:path';
import { z } from 'zod';
import { askSchema, captionersThatAnswer } from '../jobs/ask.ts';
import { askInChild } from '../jobs/caption-process.ts';
import { InvalidRequestError, TesseraError } from '../jobs/errors.ts';
import type { Settings } from '../jobs/settings.ts';
import { parseFields } from './create-captions.ts';
import type { ToolOutcome, ToolRun } from './mcp-tools.ts';
import { invalidFields, notFound, Problem, withoutPaths } from './problems.ts';

const { question, captioner } = askSchema.shape;

export const askInput = z.strictObject({
  question,
  video: z.string().optional().describe('the id of a video that was made here'),
  path: z.string().optional().describe('a film on this machine; only where the agent is a program of its user'),
  captioner: captioner.describe('nano, or a vision-language model that is here (default: the best that is there)'),
});

export const askOutput = z.object({ answer: z.string(), captioner: z.string().describe('who answered') });

/** @throws Problem */
export async function askTool(args: Readonly<Record<string, unknown>>, run: ToolRun): Promise<ToolOutcome> {
  const { videos, soon, tellsPaths, signal } = run;
  const { video, path, captioner: wanted, question: asked } = parseFields(askInput, args);
  if ((video === undefined) === (path === undefined))
    throw invalidFields([{ param: 'video', message: 'or path must be given, one of them' }]);
  if (path !== undefined && !tellsPaths) throw invalidFields([{ param: 'path', message: 'is not opened over HTTP' }]);
  const { settings } = videos.queue;
  const chosen = await chooseCaptioner(wanted, settings);
  const film = path === undefined ? await soon(videos.file(video!, 'video')) : resolve(path);
  if (film === undefined) throw notFound('clip of this video; video_status tells how far it is');
  try {
    const answer = await askInChild({ video: film, question: asked, captioner: chosen }, { settings, signal });
    return { data: { ...answer, captioner: wanted ?? answer.captioner }, videos: [], texts: [answer.answer] };
  } catch (error) {
    // The captioner's trouble, not the queue's.
    if (!(error instanceof TesseraError) || error instanceof InvalidRequestError) throw error;
    throw new Problem(503, withoutPaths(error.message), { code: error.code.toLowerCase() });
  }
}

async function chooseCaptioner(wanted: string | undefined, settings: Settings): Promise<string> {
  const known = await captionersThatAnswer(settings);
  const chosen = wanted ?? known[0];
  if (chosen === undefined)
    throw new Problem(422, 'Nothing here answers questions: nano has no captioner yet, and there is no vision-language model. The owner can put one into TESSERA_MODELS, or set TESSERA_VISION_URL.', { code: 'no_captioner' }); // prettier-ignore
  if (!known.includes(chosen))
    throw invalidFields([{ param: 'captioner', message: `must be ${known.join(' or ') || 'left out'}: no other answers here` }]); // prettier-ignore
  return chosen === 'openai' ? `openai:${settings.vision!.url}` : chosen;
}
