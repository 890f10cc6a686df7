// The captioner that is trained here, nano's: a small LLaVA that knows the procedural world, what its captions say and what can be
// asked about them. Of real footage it knows nothing, so nobody gets it who did not ask for it.
import { InvalidRequestError } from '../graph/errors.ts';
import type { Engine } from '../graph/engine.ts';
import type { Captioner, Wish } from './captioner.ts';
import { openLlavaFolder, openLlavaReader } from './llava-reader.ts';

/** Long enough for a clip of the world, which lasts two seconds. */
const MOMENT_SECONDS = 4;
/** Dense enough to see how things move. */
const EVERY_SECONDS = 0.25;
const CAPTION_PROMPT = 'describe the clip.';

/**
 * @param folder of the captioner's files, captioner/ of a model
 * @throws InvalidRequestError for wishes that it does not understand, ModelFileError
 */
export async function openNanoCaptioner(
  engine: Engine,
  folder: string,
  { prompt, prefix, language }: Wish,
): Promise<Captioner> {
  const wish = Object.entries({ prefix, language }).find(([, value]) => value !== undefined);
  if (wish !== undefined)
    throw new InvalidRequestError(`The captioner "nano" was taught English sentences and takes no ${wish[0]}. Leave it out.`); // prettier-ignore
  const reader = await openLlavaReader(engine, await openLlavaFolder(folder));
  const unknown = reader.unknownWords(prompt ?? '');
  if (unknown.length > 0) {
    await reader.close();
    throw new InvalidRequestError(
      `The captioner "nano" was never taught ${unknown.map((word) => `"${word}"`).join(', ')}. Ask about what is there, how many, where it is, what it does, the sky, the weather or the camera.`,
    );
  }
  return {
    name: 'nano',
    how: 'a LLaVA of the procedural world',
    longestSide: reader.edge,
    momentSeconds: MOMENT_SECONDS,
    everySeconds: EVERY_SECONDS,
    concurrency: 1,
    describe: async (moment, _memory, signal) => ({
      text: await reader.answer(moment, prompt ?? CAPTION_PROMPT, signal),
    }),
    close: () => reader.close(),
  };
}
