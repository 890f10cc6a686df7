// A text-generation model in the hub's format writes an expansion, the same each time; what it writes is judged elsewhere.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openHfExpander } from '../../expansion/hf-expander.ts';
import { InvalidRequestError } from '../../graph/errors.ts';
import { modelsThatWrite } from '../../jobs/captioner-names.ts';
import { listExpanders } from '../../jobs/expander-names.ts';
import { scratch, settingsIn } from '../jobs/scratch.ts';
import { writeTinyWriter } from '../understanding/tiny-hub-models.ts';

test('a model in a folder writes, and can be named', async () => {
  const settings = settingsIn(await scratch());
  const source = { cacheFolder: settings.cacheFolder, modelFolders: settings.modelFolders };
  await writeTinyWriter(join(settings.modelFolders[0]!, 'writer'));
  const expander = await openHfExpander('writer', 'free', source);
  const [one, again] = [
    await expander.write('the house runs', { seed: 0 }),
    await expander.write('the house runs', { seed: 0 }),
  ];
  expect(one).toMatch(/^\s*a sits red/);
  expect(one).not.toContain('Wish:');
  expect(again).toBe(one);
  await expander.close();
  expect(await modelsThatWrite(settings)).toEqual(['writer']);
  expect(await listExpanders({ ...settings, language: { url: 'http://127.0.0.1:9/v1' } })).toEqual(['nano', 'openai', 'hf:writer']); // prettier-ignore
  await expect(openHfExpander('nowhere', 'free', source)).rejects.toThrow(InvalidRequestError);
});
