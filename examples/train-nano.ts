// Trains the towers that read prompts, on the procedural world; run it again and it goes on.
// Usage: tsx examples/train-nano.ts [steps] [folder]
import { readSettings, train } from '../index.ts';

const [steps = '2000', folder = readSettings().cacheFolder] = process.argv.slice(2);
const { step, finished } = await train({
  part: 'clip', // then 'vae', then 'dit', which reads both from the model folder
  run: `${folder}/runs/clip`,
  model: `${folder}/my-nano`,
  steps: Number(steps),
  onProgress: ({ step, loss }) => {
    if (step % 10 === 0) console.error(`step ${step}: loss ${loss.toFixed(3)}`);
  },
});
console.log(finished ? `done after ${step} steps` : `stopped after ${step} steps`);
