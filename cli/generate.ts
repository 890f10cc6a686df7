// tessera generate: words in, clips out.
import { Command } from 'commander';
import type { GeneratedClip, GenerateResult } from '../jobs/generate.ts';
import { type GenerateRequest, generateSchema, settledFields } from '../jobs/request.ts';
import { deviceChoices, deviceSetting, readSettings, type Settings } from '../jobs/settings.ts';
import { readSidecar, type Sidecar } from '../jobs/sidecar.ts';
import { bytes, seconds } from './format.ts';
import { interruptible } from './interrupt.ts';
import { progressDisplay } from './progress-bar.ts';
import { describePlan } from './render-plan.ts';
import { addRequestOptions, sentFields } from './request-options.ts';

const examples = `
Examples:
  $ tessera generate "a penguin jumps on a snowy field" -o penguin.mp4
  $ tessera generate "a red car drives left in a city" --seed 7 --clips 4 -o car.webm
  $ tessera generate "a cat spins on a meadow" --steps 40 --guidance 6 -o cat-%04d.png
  $ tessera generate "a cat walks to the left" --image cat.png -o walk.mp4
  $ tessera generate "jumps on a beach" --like penguin.png -o like.mp4
  $ tessera generate "a cat walks on" --extend cat.mp4 -o longer.mp4
  $ tessera generate "a cat jumps" --between one.mp4 two.mp4 -o joined.mp4
  $ tessera generate "a 3D cat at night" --restyle cat.mp4 --strength 0.6 --box 0.5,0,0.5,1 -o night.mp4
  $ tessera generate "0-4: a dog walks; 4-8: it jumps" -o long.mp4
  $ tessera generate "kitty hopping around, winter" --expand=show -o kitty.mp4
  $ tessera generate "a fish swims left" --seconds 20 --loop -o loop.mp4
  $ tessera generate "a cat in rain" --model ./Wan2.1-T2V-1.3B-Diffusers --lora rain.safetensors:0.8 --lora film.safetensors
  $ tessera generate "a cat in rain" --model ./Wan2.1-T2V-1.3B-Diffusers --width 256 --height 256 --frames 17 --plan
  $ tessera generate --from penguin.json -o again.mp4

A model's own defaults hold for what is not given. Beside each clip stands a .json that --from renders again, to the same
bytes. A render that was stopped goes on where it was when the same command is given again.`;

export function generateCommand(): Command {
  const command = new Command('generate')
    .description('render clips of what a sentence says')
    .argument('[prompt...]', 'what the clip shows');
  return addRequestOptions(command, generateSchema.shape, ['prompt', ...settledFields])
    .option('--from <file>', 'take everything that is not given from the .json beside a clip')
    .option('--plan', 'say what it would take, stage by stage, and render nothing')
    .option('--device <name>', `where graphs run: ${deviceChoices.join(', ')} (default cpu, or TESSERA_DEVICE)`)
    .option('--captions', 'also write captions of what the clips show, beside them')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', examples)
    .action(run);
}

async function run(words: readonly string[], options: Readonly<Record<string, unknown>>): Promise<void> {
  const sidecar = typeof options['from'] === 'string' ? await readSidecar(options['from']) : undefined;
  const prompt = words.length > 0 ? { prompt: words.join(' ') } : {};
  const { expand, isShown } = expanderOf(options['expand']);
  const sent = { ...prompt, ...sentFields(generateSchema.shape, { ...options, expand }) };
  // The story parses the request again, so what was sent may be anything here.
  const request = { prompt: '', ...recordedOf(sidecar, sent), ...sent };
  const device = deviceSetting(options['device'] as string | undefined, 'device');
  const settings = { ...readSettings(), ...(device && { device }) };
  if (options['plan'] === true) return plan(request, settings, options['json'] === true);
  const { generate } = await import('../jobs/generate.ts');
  const display = progressDisplay();
  try {
    const result = await interruptible((signal) =>
      generate(request, {
        signal,
        settings,
        onProgress: (progress) => display.progress(progress),
        onNotice: (notice) => display.note(notice),
        ...(isShown && { onExpanded: (text: string) => display.note(`Expanded: ${text}`) }),
        ...(sidecar && { from: sidecar }),
      }),
    );
    display.stop();
    const captions =
      options['captions'] === true
        ? await captionsOf(result, (notice) => display.note(notice), options['overwrite'] === true)
        : [];
    print(result, captions, options['json'] === true);
  } finally {
    display.stop();
  }
}

/** What a record brings: the expansion of its prompt only where that prompt is rendered. */
function recordedOf(sidecar: Sidecar | undefined, sent: object): Partial<Sidecar['request']> {
  if (sidecar === undefined) return {};
  const { expand, expanded, ...recorded } = sidecar.request;
  if ('prompt' in sent || 'expand' in sent) return recorded;
  return { ...recorded, ...(expand !== undefined && { expand }), ...(expanded !== undefined && { expanded }) };
}

/** `show` before an expander, or alone, says what it wrote before that is rendered. */
function expanderOf(sent: unknown): { readonly expand: unknown; readonly isShown: boolean } {
  const [, name = ''] = typeof sent === 'string' ? (/^show(?::(.+))?$/s.exec(sent) ?? []) : [];
  const isShown = typeof sent === 'string' && /^show(:|$)/.test(sent);
  return { expand: isShown ? name || 'nano' : sent, isShown };
}

async function plan(request: GenerateRequest, settings: Settings, json: boolean): Promise<void> {
  const { planRender } = await import('../jobs/plan.ts');
  const made = await planRender(request, settings);
  console.log(json ? JSON.stringify(made) : describePlan(made));
  if (!made.fits) process.exitCode = 1;
}

/** Files with captions, of all clips. */
async function captionsOf(result: GenerateResult, onNotice: (notice: string) => void, overwrite: boolean) {
  const { captionClips } = await import('../jobs/caption-clips.ts');
  const captioned = await interruptible((signal) => captionClips(result.clips, { signal, onNotice, overwrite }));
  return captioned.flatMap(({ files }) => files);
}

function print(result: GenerateResult, captions: readonly string[], json: boolean): void {
  const clips = result.clips.map(describe);
  const total = Object.values(result.milliseconds).reduce((sum, ms) => sum + ms, 0) / 1000;
  if (json) {
    const { notices, milliseconds } = result;
    console.log(
      JSON.stringify({ ...clips[0], milliseconds, notices, clips, ...(captions.length > 0 && { captions }) }),
    );
    return;
  }
  for (const clip of clips) {
    const { path, size, frames, fps, sizeBytes, seed, clip: number } = clip;
    console.log(
      `${path}  ${size}, ${frames} frames at ${fps} fps, ${bytes(sizeBytes)}, seed ${seed}${number > 0 ? ` clip ${number}` : ''}`,
    );
  }
  for (const path of captions) console.log(`${path}  captions`);
  console.log(`${clips.length === 1 ? 'Took' : `${clips.length} clips took`} ${seconds(total)}.`);
}

/** A clip as `--json` prints it. */
function describe({ path, width, height, frames, fps, sizeBytes, sidecar, sha256, render }: GeneratedClip) {
  const { seed, clip, model } = render;
  const size = `${width}x${height}`;
  return { path, size, width, height, frames, fps, seed, clip, model, sizeBytes, sha256, sidecar };
}
