// A LoRA of a few updates, from pictures to a clip: what is learned in minutes is scored elsewhere (docs/training-nano.md), here is the
// way of the file through training and rendering.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { NEW_WORDS_KEY } from '../../conditioning/new-words.ts';
import { localEngine } from '../../graph/engine.ts';
import { loadRequestedModel } from '../../jobs/adapted-model.ts';
import { generate } from '../../jobs/generate.ts';
import { standIns } from '../../training/concept.ts';
import { trainLora, type TrainLoraRequest } from '../../training/train-lora.ts';
import { settingsIn, sharedScratch } from '../jobs/scratch.ts';

const folder = await sharedScratch();
const settings = { ...settingsIn(folder), modelFolders: ['models'] };
const engine = localEngine({ threads: 1 });
const out = join(folder, 'red-disc.safetensors');
const request: TrainLoraRequest = {
  ...{ images: join(folder, 'images'), name: 'red disc', model: 'models/nano', run: join(folder, 'run'), out },
  ...{ steps: 2, rank: 2, learningRate: 0.05, threads: 1 },
};
afterAll(() => engine.close());

beforeAll(async () => {
  await mkdir(request.images);
  for (const [i, radius] of [20, 24, 28].entries()) {
    const disc = `<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"><circle cx="32" cy="32" r="${radius}" fill="#d02020"/></svg>`;
    await writeFile(join(request.images, `${i}.png`), await sharp(Buffer.from(disc)).png().toBuffer());
  }
});

let number = 0;
async function render(prompt: string, lora?: string) {
  const size = { width: 64, height: 64, frames: 5, steps: 2 };
  const output = join(folder, `${number++}.mp4`);
  const asked = { ...size, prompt, model: 'nano', output, ...(lora !== undefined && { lora: [lora] }) };
  const { clips, notices } = await generate(asked, { engine, settings });
  return { sha256: clips[0]!.sha256, notices };
}

it(
  'names what it learned, changes the clips that say it, and leaves the model as it was',
  { timeout: 240_000 },
  async () => {
    const before = await render('a red disc jumps');
    expect(before.notices).toEqual(['nano does not know these words: disc.']);
    const { finished, means } = await trainLora(request);
    expect(finished).toBe(true);
    expect(standIns).toContain(means);
    const { newWords } = await loadRequestedModel({ model: 'nano', lora: [out] }, settings);
    expect(newWords).toEqual([{ name: 'red disc', means }]);
    expect((await readFile(out)).toString('latin1', 0, 2000)).toContain(NEW_WORDS_KEY);
    const [learned, unlearned] = [await render('a red-disc jumps', out), await render(`a ${means} jumps`)];
    expect(learned.notices).toEqual([]);
    expect(learned.sha256).not.toBe(unlearned.sha256);
    expect((await render('a red disc jumps')).sha256).toBe(before.sha256);
    const again = { ...request, run: join(folder, 'again'), out: join(folder, 'again.safetensors') };
    await trainLora(again);
    expect(await readFile(again.out)).toEqual(await readFile(out)); // the same pictures teach the same
  },
);

it('may write its own file anew, and replaces no other unasked', async () => {
  const elsewhere = { ...request, images: join(folder, 'nowhere') }; // found missing once the file may be written
  await expect(trainLora(elsewhere)).rejects.toThrow('is no folder that can be read');
  await writeFile(out, 'somebody else wrote this');
  await expect(trainLora(elsewhere)).rejects.toThrow(
    `${out} exists already. Choose another name or ask to overwrite it.`,
  );
  await expect(trainLora({ ...elsewhere, overwrite: true })).rejects.toThrow('is no folder that can be read');
});
