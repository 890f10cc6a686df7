// `npm run bench:directions -- [clips]`: what each way to direct a clip costs beside the same clip of words alone, in one process. Medians
// of whole renders by nano, files and autoencoder included; the first of each also opens graphs.
import { generate } from '../jobs/generate.ts';
import { readSettings } from '../jobs/settings.ts';
import { Studio } from '../jobs/studio.ts';
import { openDirectingStudio, type RenderTo } from '../training/directing-studio.ts';
import { evaluateDirections } from '../training/evaluate-directions.ts';
import { medianTime } from './measure.ts';

const clips = Number(process.argv[2] ?? '5');
const model = 'models/nano';
const studio = new Studio(readSettings(), 'local');
const renderTo: RenderTo = async (request, output) =>
  void (await generate({ ...request, model: 'nano', output }, { studio }));
const row = (name: string, milliseconds: number, ratio: number): void =>
  console.log(`${name.padEnd(36)} ${(milliseconds / 1000).toFixed(2).padStart(6)} s ${ratio.toFixed(2).padStart(6)} x`);

await using plain = await openDirectingStudio(model, renderTo);
let seed = 0;
const words = (): Promise<unknown> => plain.render({ prompt: 'A penguin jumps on a snowy field.', seed: seed++ });
const base = await medianTime(clips, words);
row('words alone', base, 1);
for (const [name, { milliseconds }] of Object.entries(await evaluateDirections(model, renderTo, { clips }))) {
  row(name, milliseconds, milliseconds / base);
}
await studio.close();
