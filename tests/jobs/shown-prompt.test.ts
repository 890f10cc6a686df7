// What the user is told of a prompt before it is shown.
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { localEngine } from '../../graph/engine.ts';
import { generate } from '../../jobs/generate.ts';
import { settingsIn, sharedScratch } from './scratch.ts';
import { writeTinyModel } from './tiny-model.ts';

const folder = await sharedScratch();
const settings = settingsIn(folder);
const engine = localEngine({ threads: 1 });
afterAll(() => engine.close());

it('says that models of the world do not count, part by part', async () => {
  const world = join(folder, 'models', 'world');
  await writeTinyModel(world);
  let number = 0;
  const notices = async (prompt: string): Promise<readonly string[]> => {
    const output = join(folder, `${number++}.mp4`);
    return (await generate({ prompt, model: 'world', steps: 1, output }, { engine, settings })).notices;
  };
  const several = '0-1: three cats jump; 1-2: they walk';
  expect((await notices(several)).join(' ')).not.toContain('does not count');
  await cp('models/nano/expander', join(world, 'expander'), { recursive: true });
  expect(await notices(several)).toContain(
    'world shows one thing, at most two of different kinds, and does not count: "three cats" will be fewer.',
  );
  expect((await notices('0-1: a cat; 1-2: a dog')).join(' ')).not.toContain('does not count');
});
