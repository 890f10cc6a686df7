// The smaller commands, as real processes.
import { writeFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { sharedScratch } from '../jobs/scratch.ts';
import { writeTinyModel } from '../jobs/tiny-model.ts';
import { tessera } from './program.ts';

const folder = await sharedScratch();
const weights = join(folder, 'models', 'broken', 'vae', 'diffusion_pytorch_model.safetensors');
beforeAll(async () => {
  await writeTinyModel(join(folder, 'models', 'tiny'));
  await writeTinyModel(join(folder, 'models', 'broken'));
  await writeFile(weights, (await readFile(weights)).subarray(0, -4));
});

describe('tessera', { timeout: 180_000 }, () => {
  it.each([
    ['--help'],
    ['generate', '--help'],
    ['models', 'verify', '--help'],
    ['train', 'dit', '--help'],
    ['doctor', '--help'],
  ])('explains itself: %s %s', async (...args) => {
    const { code, stdout } = await tessera(folder, args);
    expect(stdout).toMatch(/^Usage: tessera/);
    if (args.length > 1) expect(stdout).toContain('Examples:');
    expect(code).toBe(0);
  });

  it('has a version', async () => {
    const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
    expect((await tessera(folder, ['--version'])).stdout.trim()).toBe(version);
  });

  it('ends with 2 when it is not told what to do', async () => {
    const { code, stderr } = await tessera(folder, []);
    expect(stderr).toContain('Usage: tessera');
    expect(code).toBe(2);
  });
});

describe('tessera models', { timeout: 180_000 }, () => {
  it('lists what is there, and its health', async () => {
    const { code, stdout } = await tessera(folder, ['models', 'ls', '--json']);
    const models = JSON.parse(stdout) as { name: string; ok: boolean }[];
    expect(models).toContainEqual(expect.objectContaining({ name: 'tiny', ok: true, pipeline: 'WanPipeline' }));
    expect(models).toContainEqual(expect.objectContaining({ name: 'broken', ok: false }));
    expect(code).toBe(0);
    expect((await tessera(folder, ['models', 'ls'])).stdout).toMatch(/tiny +WanPipeline +240 k +\S+ kB +ok/);
  });

  it('verifies by name and by folder', async () => {
    const sound = await tessera(folder, ['models', 'verify', 'tiny', './models/tiny', '--all']);
    expect(sound.stdout.match(/ok \(5 components/g)).toHaveLength(2);
    expect(sound.code).toBe(0);
    const damaged = await tessera(folder, ['models', 'verify', 'broken']);
    expect(damaged.stdout).toContain(weights);
    expect(damaged.code).toBe(1);
    expect((await tessera(folder, ['models', 'verify', 'nothing'])).code).toBe(2);
  });
});

describe('tessera doctor', { timeout: 180_000 }, () => {
  it('reports every part and what to do about damage', async () => {
    const { code, stdout } = await tessera(folder, ['doctor', '--json']);
    const findings = JSON.parse(stdout) as { name: string; status: string; advice?: string }[];
    const statusOf = Object.fromEntries(findings.map(({ name, status }) => [name, status]));
    expect(statusOf).toMatchObject({
      node: 'ok',
      cores: 'ok',
      engine: 'ok',
      ffmpeg: 'ok',
      ffprobe: 'ok',
      'model tiny': 'ok',
      'model broken': 'problem',
    });
    expect(findings.filter(({ status }) => status !== 'ok').every(({ advice }) => advice !== undefined)).toBe(true);
    expect(code).toBe(1);
  });

  it('says which setting is wrong', async () => {
    const { code, stdout } = await tessera(folder, ['doctor'], { TESSERA_FFMPEG: '/nowhere/ffmpeg' });
    expect(stdout).toMatch(/✗ ffmpeg: The ffmpeg that was set, \/nowhere\/ffmpeg, does not run/);
    expect(code).toBe(1);
    expect((await tessera(folder, ['doctor'], { TESSERA_THREADS: 'x' })).stdout).toContain('TESSERA_THREADS (=x)');
  });
});

describe('tessera train and eval', { timeout: 180_000 }, () => {
  it.each([
    [['train', 'vae'], "required option '--steps <n>' not specified"],
    [['train', 'vae', '--steps', 'many'], 'steps (=many) must be a whole number above 0.'],
    [['train', 'dit', '--steps', '1', '--stage', 'vast'], 'vast'],
    [['train', 'clip', '--steps', '1', '--learning-rate', '2'], 'learning-rate (=2)'],
    [['train', 'ears', '--steps', '1'], 'ears'],
    [['eval', '--model', 'nothing'], 'there is no model of that name'],
    [['eval', '--model', 'tiny', '--stage', 'vast'], 'stage (=vast) must be one of'],
    [['eval', '--model', 'tiny', '--prompts', 'some'], 'prompts (=some)'],
    [['eval', '--model', 'tiny', '--steps', '0', '--sampler', 'magic'], 'sampler (="magic") must be one of'],
    [
      ['eval', '--model', 'tiny', '--only', 'path'],
      'only (=path) chooses among the ways to direct a clip. Give it with --direct <n>.',
    ],
    [
      ['train', 'lora', '--images', 'x', '--name', 'my x', '--model', 'tiny', '--out', weights],
      'safetensors exists already. Choose another name or ask to overwrite it.',
    ],
  ])('answers %j with exit code 2', async (args, words) => {
    const { code, stderr } = await tessera(folder, args);
    expect(stderr).toContain(words);
    expect(stderr).not.toContain('    at ');
    expect(code).toBe(2);
  });
});
