// tessera generate: words in, clips out.
import { Command } from 'commander';
import type { GeneratedClip, GenerateResult } from '../jobs/generate.ts';
import { generateSchema } from '../jobs/request.ts';
import { readSidecar } from '../jobs/sidecar.ts';
import { bytes, seconds } from './format.ts';
import { interruptible } from './interrupt.ts';
import { progressDisplay } from './progress-bar.ts';
import { addRequestOptions, sentFields } from './request-options.ts';

const examples = `
Examples:
  $ tessera generate "a penguin jumps on a snowy field" -o penguin.mp4
  $ tessera generate "a red car drives left in a city" --seed 7 --clips 4 -o car.webm
  $ tessera generate "a cat spins on a meadow" --steps 40 --guidance 6 -o cat-%04d.png
  $ tessera generate --from penguin.json -o again.mp4

A model's own defaults hold for what is not given. Beside each clip stands a .json that --from renders again, to the same
bytes. A render that was stopped goes on where it was when the same command is given again.`;

export function generateCommand(): Command {
  const command = new Command('generate')
    .description('render clips of what a sentence says')
    .argument('[prompt...]', 'what the clip shows');
  return addRequestOptions(command, generateSchema.shape, ['prompt'])
    .option('--from <file>', 'take everything that is not given from the .json beside a clip')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', examples)
    .action(run);
}

async function run(words: readonly string[], options: Readonly<Record<string, unknown>>): Promise<void> {
  const sidecar = typeof options['from'] === 'string' ? await readSidecar(options['from']) : undefined;
  const prompt = words.length > 0 ? { prompt: words.join(' ') } : {};
  const sent = { ...prompt, ...sentFields(generateSchema.shape, options) };
  // The story parses the request again, so what was sent may be anything here.
  const request = { prompt: '', ...sidecar?.request, ...sent };
  const { generate } = await import('../jobs/generate.ts');
  const display = progressDisplay();
  try {
    const result = await interruptible((signal) =>
      generate(request, {
        signal,
        onProgress: (progress) => display.progress(progress),
        onNotice: (notice) => display.note(notice),
        ...(sidecar && { from: sidecar }),
      }),
    );
    display.stop();
    print(result, options['json'] === true);
  } finally {
    display.stop();
  }
}

function print(result: GenerateResult, json: boolean): void {
  const clips = result.clips.map(describe);
  const total = Object.values(result.milliseconds).reduce((sum, ms) => sum + ms, 0) / 1000;
  if (json) {
    const { notices, milliseconds } = result;
    console.log(JSON.stringify({ ...clips[0], milliseconds, notices, clips }));
    return;
  }
  for (const clip of clips) {
    const { path, size, frames, fps, sizeBytes, seed, clip: number } = clip;
    console.log(
      `${path}  ${size}, ${frames} frames at ${fps} fps, ${bytes(sizeBytes)}, seed ${seed}${number > 0 ? ` clip ${number}` : ''}`,
    );
  }
  console.log(`${clips.length === 1 ? 'Took' : `${clips.length} clips took`} ${seconds(total)}.`);
}

/** A clip as `--json` prints it. */
function describe({ path, width, height, frames, fps, sizeBytes, sidecar, sha256, render }: GeneratedClip) {
  const { seed, clip, model } = render;
  const size = `${width}x${height}`;
  return { path, size, width, height, frames, fps, seed, clip, model, sizeBytes, sha256, sidecar };
}
