// A sentence to a clip, with progress and Ctrl-C. Usage: tsx examples/generate.ts [model] [output]
import { generate } from '../index.ts';

const [model = 'nano', output = 'penguin.mp4'] = process.argv.slice(2);
const controller = new AbortController();
process.once('SIGINT', () => controller.abort());

const { clips, milliseconds } = await generate(
  { prompt: 'a penguin jumps on a snowy field', model, output, seed: 7, overwrite: true },
  {
    signal: controller.signal, // stops after the running step; the same request goes on from there
    onNotice: (notice) => console.error(notice),
    onProgress: ({ stage, step, steps, remainingSeconds }) =>
      console.error(
        stage,
        `${step}/${steps}`,
        remainingSeconds === undefined ? '' : `${remainingSeconds.toFixed(1)} s`,
      ),
  },
);

for (const { path, width, height, frames } of clips) console.log(`${path}: ${frames} frames of ${width}x${height}`);
console.log(milliseconds);
