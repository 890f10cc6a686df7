// `tessera generate` as people meet it: the real process, a tiny model, real files.
import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { scratch, sharedScratch } from '../jobs/scratch.ts';
import { writeTinyModel } from '../jobs/tiny-model.ts';
import { start, tessera } from './program.ts';

const folder = await sharedScratch();
beforeAll(() => writeTinyModel(join(folder, 'models', 'tiny')));

const LONG = 1000;
const waitFor = async (condition: () => Promise<boolean>): Promise<void> => {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 50));
};
const savedRenders = async (): Promise<string[]> => {
  const names = await readdir(join(folder, 'cache', 'renders')).catch(() => []);
  return names.filter((name) => !name.startsWith('.')); // a killed process may leave one that is half-written
};
const hasSaved = async (): Promise<boolean> => (await savedRenders()).length > 0;
const listed = async (): Promise<string[]> =>
  (await readdir(folder)).filter((name) => !['models', 'cache'].includes(name)).sort();

describe('tessera generate', { timeout: 180_000 }, () => {
  it('plans for the device that it is given, and writes nothing', async () => {
    const before = await listed();
    const request = ['generate', 'a cat', '--model', 'tiny', '--plan'];
    const { code, stdout } = await tessera(folder, [...request, '--steps', '4', '--fast', '--device', 'cuda']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/of a bare product on cuda|cuda does not work here \(.+\), so this runs on the CPU/);
    expect(stdout).toContain('fast skips none of 4 steps');
    expect(await listed()).toEqual(before);
  });

  it('prints all that --json promises and nothing else on standard output', async () => {
    const { code, stdout, stderr } = await tessera(folder, [
      'generate',
      'a cat jumps',
      '--model',
      'tiny',
      '-o',
      'a.mp4',
      '--seed',
      '7',
      '--json',
    ]);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    const result = JSON.parse(stdout) as Record<string, unknown>;
    expect(result).toMatchObject({
      path: join(folder, 'a.mp4'),
      size: '32x32',
      frames: 5,
      fps: 8,
      seed: 7,
      model: 'tiny',
    });
    expect(Object.keys(result['milliseconds'] as object)).toEqual(['load', 'text', 'steps', 'decode', 'encode']);
    expect(await listed()).toEqual(['a.json', 'a.mp4']);
  });

  it('renders the same bytes from the record', async () => {
    const { code, stdout } = await tessera(folder, ['generate', '--from', 'a.json', '-o', 'again.mp4']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/again\.mp4 {2}32x32, 5 frames at 8 fps, .* seed 7\nTook .* s\./);
    expect(await readFile(join(folder, 'again.mp4'))).toEqual(await readFile(join(folder, 'a.mp4')));
  });

  it('takes what is given over what is recorded', async () => {
    const { code, stdout } = await tessera(folder, [
      'generate',
      'a dog',
      '--from',
      'a.json',
      '-o',
      'other.gif',
      '--fps',
      '10',
      '--json',
    ]);
    expect(code).toBe(0);
    const sidecar = JSON.parse(await readFile(join(folder, 'other.json'), 'utf8')) as { request: object };
    expect(JSON.parse(stdout)).toMatchObject({ fps: 10, seed: 7 });
    expect(sidecar.request).toMatchObject({ prompt: 'a dog', seed: 7 });
  });

  it('tells words that the model does not know', async () => {
    const { code, stderr } = await tessera(folder, [
      'generate',
      'a zebra',
      '--model',
      'tiny',
      '-o',
      'z.webp',
      '--frames',
      '1',
    ]);
    expect(stderr).toBe('note: tiny does not know these words: zebra.\n');
    expect(code).toBe(0);
  });

  it.each([
    [['generate'], 'prompt (="") is empty'],
    [['generate', ' '], 'prompt (=" ") is empty'],
    [['generate', 'a', '--frames', '50'], 'frames (=50) must be 4k+1 for this model. Use 49 or 53.'],
    [['generate', 'a', '--width', '100'], 'Use 96 or 112'],
    [['generate', 'a', '--width', '1e9'], 'width (=1000000000) must be a whole number from 8 to 8192.'],
    [['generate', 'a', '--steps', 'many'], 'steps (="many")'],
    [['generate', 'a', '--width', '8192', '--height', '8192', '--frames', '10001'], 'memory'],
    [['generate', 'a', '--sampler', 'magic'], 'unipc, euler, dpmpp'],
    [['generate', 'a', '--colour', 'red'], "unknown option '--colour'"],
    [['generate', 'a', '-o', 'x.avi'], '.avi'],
    [['generate', 'a', '-o', 'a.mp4'], 'exists already'],
    [['generate', 'a', '-o', 'nowhere/x.mp4'], 'there is no folder'],
    [['generate', 'a', '--from', 'a.mp4'], 'it is no valid JSON'],
    [['generate', 'a', '--from', 'models/tiny/vae/config.json'], 'is not the record of a clip'],
    [['generate', 'a', '--model', 'wan'], 'There is tiny'],
    [['generate', 'a', '--model', './wan'], 'there is no such folder'],
    [['imagine'], "unknown command 'imagine'"],
  ])('answers %j with exit code 2', async (args, words) => {
    const before = await listed();
    const model = args[0] === 'generate' && !args.includes('--model') ? ['--model', 'tiny'] : [];
    const { code, stdout, stderr } = await tessera(folder, [...args, ...model]);
    expect(stderr).toContain(words);
    expect(stderr).not.toContain('    at ');
    expect(stdout).toBe('');
    expect(code).toBe(2);
    expect(await listed()).toEqual(before);
  });

  it('gives errors as JSON too', async () => {
    const { code, stdout } = await tessera(folder, ['generate', ' ', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'INVALID_REQUEST' } });
    expect(code).toBe(2);
  });

  it('names the file of a damaged model', async () => {
    const models = join(await scratch(), 'models');
    await mkdir(models);
    await cp(join(folder, 'models', 'tiny'), join(models, 'tiny'), { recursive: true });
    const weights = join(models, 'tiny', 'transformer', 'diffusion_pytorch_model.safetensors');
    await writeFile(weights, (await readFile(weights)).subarray(0, 5000));
    const { code, stderr } = await tessera(folder, ['generate', 'a cat', '--model', 'tiny', '-o', 'd.mp4'], {
      TESSERA_MODELS: models,
    });
    expect(stderr).toContain(weights);
    expect(code).toBe(1);
    await rm(join(models, 'tiny', 'transformer'), { recursive: true });
    const missing = await tessera(folder, ['generate', 'a cat', '--model', 'tiny'], { TESSERA_MODELS: models });
    expect(missing.stderr).toContain(`${join(models, 'tiny', 'transformer')}: there is no such folder`);
    expect(missing.code).toBe(1);
  });

  it('stops on Ctrl-C after the step, and goes on from there to the same bytes', { timeout: 240_000 }, async () => {
    const request = [
      'generate',
      'a penguin',
      '--model',
      'tiny',
      '--steps',
      String(LONG),
      '--frames',
      '33',
      '--width',
      '96',
      '--height',
      '96',
    ];
    const running = start(folder, [...request, '-o', 'long.mp4']);
    await waitFor(hasSaved);
    running.process.kill('SIGINT');
    const { code, stderr } = await running.ended;
    expect(stderr).toMatch(new RegExp(`stopped after step \\d+ of ${LONG}\\. The same request goes on from there\\.`));
    expect(code).toBe(130);
    expect(await listed()).not.toContain('long.mp4');

    const killed = start(folder, [...request, '-o', 'long.mp4']);
    const before = await readFile(join(folder, 'cache', 'renders', (await savedRenders())[0]!));
    await waitFor(async () => {
      const [name] = await savedRenders();
      const now = await readFile(join(folder, 'cache', 'renders', name!)).catch(() => before);
      return !now.equals(before) || killed.process.exitCode !== null;
    });
    killed.process.kill('SIGKILL');
    expect((await killed.ended).signal).toBe('SIGKILL');
    expect(await listed()).not.toContain('long.mp4');

    const resumed = await tessera(folder, [...request, '-o', 'long.mp4']);
    expect(resumed.stderr).toMatch(/^note: Going on after step \d+ of/);
    expect(resumed.code).toBe(0);
    expect(await savedRenders()).toEqual([]);
    const whole = await tessera(folder, [...request, '-o', 'whole.mp4']);
    expect(whole.stderr).toBe('');
    expect(await readFile(join(folder, 'long.mp4'))).toEqual(await readFile(join(folder, 'whole.mp4')));
  });

  it('says that the disk is full, leaves nothing half-written, and keeps the latents', async ({ skip }) => {
    const disk = join(await scratch(), 'disk');
    await mkdir(disk);
    const run = promisify(execFile);
    const mounted = await run('mount', ['-t', 'tmpfs', '-o', 'size=8k', 'tmpfs', disk]).then(() => true, () => false); // prettier-ignore
    if (!mounted) return skip('needs the right to mount a small disk');
    try {
      const request = [
        'generate',
        'a dog',
        '--model',
        'tiny',
        '--frames',
        '25',
        '--width',
        '96',
        '-o',
        join(disk, 'x.mp4'),
      ];
      const { code, stderr } = await tessera(folder, request);
      expect(stderr).toContain('the disk is full');
      expect(code).toBe(1);
      expect(await readdir(disk)).toEqual([]);
      expect(await hasSaved()).toBe(true);
      const retry = await tessera(folder, [...request.slice(0, -1), 'x.mp4']);
      expect(retry.stderr).toContain('Going on after step 4 of 4');
      expect(retry.code).toBe(0);
    } finally {
      await run('umount', [disk]);
    }
  });

  it('does not mind a reader that leaves', async () => {
    const running = start(folder, ['generate', '--help']);
    running.process.stdout?.destroy();
    expect((await running.ended).code).toBe(0);
  });
});
