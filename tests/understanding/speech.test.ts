// Whisper's own path by a model of its form: times of phrases, languages, sound of any length.
import { join } from 'node:path';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { InvalidRequestError } from '../../graph/errors.ts';
import type { Caption } from '../../understanding/cues.ts';
import { listen, openListener } from '../../understanding/speech.ts';
import { sharedScratch } from '../jobs/scratch.ts';
import { ffmpeg, tools } from './clips.ts';
import { writeTinyWhisper } from './tiny-whisper.ts';

const folder = await sharedScratch();
const source = { cacheFolder: join(folder, 'cache'), modelFolders: [folder] };
const LOW = 'sine=f=300';
const HIGH = 'sine=f=5000';

beforeAll(() => writeTinyWhisper(join(folder, 'whisper')));

/** What is heard in a sound that ffmpeg makes. */
async function heard(sound: string, language?: string, model = 'whisper'): Promise<Caption[]> {
  const path = join(folder, 'sound.wav');
  await ffmpeg('-f', 'lavfi', '-i', sound, path);
  const listener = await openListener(model, language, source);
  onTestFinished(() => listener.close());
  const captions: Caption[] = [];
  for await (const piece of listen(tools, path, listener)) captions.push(...piece.captions);
  return captions;
}

/** What is heard in 4 s by a model that says so. */
async function heardAs(says: string): Promise<Caption[]> {
  await writeTinyWhisper(join(folder, 'other'), says);
  return heard(`${LOW}:d=4`, undefined, 'other');
}

const phrase = (startSeconds: number, endSeconds: number, text: string): Caption => ({ startSeconds, endSeconds, text, source: 'heard' }); // prettier-ignore

describe('phrases have the times that the model gives them', () => {
  test('with the gap between them', async () => {
    expect(await heard(`${LOW}:d=4`)).toEqual([phrase(0, 1, 'a low tone'), phrase(1.5, 2, 'again')]);
  });

  test('in sound of more than half a minute counted from its beginning, and none after its end', async () => {
    expect(await heard(`${LOW}:d=31.8`)).toEqual([
      phrase(0, 1, 'a low tone'),
      phrase(1.5, 2, 'again'),
      phrase(30, 31, 'a low tone'),
      phrase(31.5, 31.8, 'again'),
    ]);
  });

  test('in sound of less than a second', async () => {
    expect(await heard(`${LOW}:d=0.3`)).toEqual([phrase(0, 0.3, 'a low tone')]);
  });

  test('where two meet, the model goes on after them as long as there is sound', async () => {
    const said = await heardAs('<|0.00|> a tone <|1.50|> <|1.50|>');
    expect(said).toEqual([phrase(0, 1.5, 'a tone'), phrase(1.5, 3, 'a tone'), phrase(3, 4, 'a tone')]);
  });

  test('one without an end lasts as long as the sound', async () => {
    expect(await heardAs('<|0.50|> a tone')).toEqual([phrase(0.5, 4, 'a tone')]);
  });

  test('one cannot end before it begins', async () => {
    const said = await heardAs('<|0.00|> a tone <|3.00|> <|3.00|> again <|2.00|>');
    expect(said).toEqual([phrase(0, 3, 'a tone'), phrase(3, 4, 'again')]);
  });

  test('one of no length does not keep the search for the next at its place for ever', async () => {
    expect(await heardAs('<|0.00|> a tone <|0.00|> <|0.00|>')).toEqual([phrase(0, 4, 'a tone')]);
  });
});

describe('nothing is said', () => {
  test('in silence', async () => {
    expect(await heard('aevalsrc=0:d=2')).toEqual([]);
  });

  test('in the rest of a frame that follows half a minute', async () => {
    expect((await heard(`${LOW}:d=30.05`)).map(({ startSeconds }) => startSeconds)).toEqual([0, 1.5]);
  });
});

describe('the language', () => {
  test.each(['German', 'de', 'GERMAN'])('may be named: %s', async (language) => {
    expect((await heard(`${LOW}:d=4`, language)).map(({ text }) => text)).toEqual(['ein tiefer Ton', 'wieder']);
  });

  test('is asked of the model where none is named', async () => {
    expect((await heard(`${HIGH}:d=4`)).map(({ text }) => text)).toEqual(['ein hoher Ton', 'wieder']);
    expect((await heard(`${HIGH}:d=4`, 'English')).map(({ text }) => text)).toEqual(['a high tone', 'again']);
  });

  test.each(['Klingon', 'French'])(
    'is refused before anything is heard where the model has none such: %s',
    async (language) => {
      const opening = openListener('whisper', language, source);
      await expect(opening).rejects.toThrow(InvalidRequestError);
      await expect(opening).rejects.toThrow(`does not know the language ${language}`);
    },
  );
});
