// Every example runs as a process, as its first lines say, on a tiny model.
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { sharedScratch } from '../jobs/scratch.ts';
import { writeTinyModel } from '../jobs/tiny-model.ts';

const examples = fileURLToPath(new URL('../../examples', import.meta.url));
const root = join(examples, '..');
const folder = await sharedScratch();
const tiny = join(folder, 'tiny');
beforeAll(() => writeTinyModel(tiny));

async function run(name: string, ...args: string[]): Promise<string> {
  const loader = join(root, 'node_modules/tsx/dist/esm/index.mjs');
  const options = { cwd: folder, env: { ...process.env, TESSERA_CACHE: join(folder, 'cache') } };
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--import', loader, join(examples, name), ...args],
    options,
  );
  return stdout;
}

/** What each example is called with, and what it must say. */
const calls: Readonly<Record<string, () => Promise<void>>> = {
  'generate.ts': async () => {
    expect(await run('generate.ts', tiny, 'clip.mp4')).toContain('clip.mp4: 5 frames of 32x32');
  },
  'sample-by-hand.ts': async () => {
    expect(await run('sample-by-hand.ts', tiny, 'clip.gif')).toBe('clip.gif: 5 frames\n');
    expect((await stat(join(folder, 'clip.gif'))).size).toBeGreaterThan(500);
  },
  'round-trip.ts': async () => {
    const said = await run('round-trip.ts', join(folder, 'clip.mp4'), tiny);
    expect(said).toMatch(/^latents \[1,8,2,2,2\], 240\.0 times fewer numbers\nPSNR \d+\.\d dB\n$/);
  },
  'compare-samplers.ts': async () => {
    expect(await run('compare-samplers.ts', tiny)).toMatch(/unipc .*\neuler .*\ndpmpp .*/);
  },
  'train-your-own.ts': async () => {
    const last = /step 600: error (\S+)/.exec(await run('train-your-own.ts'));
    expect(Number(last![1])).toBeLessThan(0.01);
  },
  'train-nano.ts': async () => {
    expect(await run('train-nano.ts', '1', folder)).toBe('done after 1 steps\n');
    expect((await stat(join(folder, 'my-nano', 'text_encoder', 'model.safetensors'))).size).toBeGreaterThan(1e5);
  },
};

describe('examples', () => {
  const names = readdirSync(examples).filter((name) => name.endsWith('.ts'));

  it('are all run here', () => {
    expect(Object.keys(calls).sort()).toEqual(names.sort());
  });

  it.each(Object.keys(calls))('%s is under 40 lines and does what it says', { timeout: 300_000 }, async (name) => {
    expect(readFileSync(join(examples, name), 'utf8').split('\n').length).toBeLessThanOrEqual(41);
    await calls[name]!();
  });
});
