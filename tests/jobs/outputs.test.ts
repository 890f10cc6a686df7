import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { planOutputs } from '../../jobs/outputs.ts';
import type { Render } from '../../jobs/resolve-request.ts';
import { scratch } from './scratch.ts';

const render: Render = {
  prompt: 'a cat',
  negativePrompt: '',
  model: 'nano',
  width: 32,
  height: 32,
  frames: 5,
  fps: 8,
  steps: 2,
  sampler: 'euler',
  guidance: 1,
  shift: 1,
  seed: 0,
  clip: 0,
};
const renders = (count: number) => Array.from({ length: count }, (_, clip) => ({ ...render, clip }));

describe('planOutputs', () => {
  it('numbers the files of several clips', async () => {
    const folder = await scratch();
    const outputs = await planOutputs({ prompt: 'a', output: join(folder, 'x.mp4') }, renders(10));
    expect(outputs.map(({ path }) => basename(path))).toEqual(
      ['01', '02', '03', '04', '05', '06', '07', '08', '09', '10'].map((n) => `x-${n}.mp4`),
    );
    expect(basename(outputs[9]!.sidecar)).toBe('x-10.json');
  });

  it('numbers before the pattern of pictures', async () => {
    const folder = await scratch();
    const outputs = await planOutputs({ prompt: 'a', output: join(folder, 'x-%04d.png') }, renders(2));
    expect(outputs.map(({ path }) => basename(path))).toEqual(['x-1-%04d.png', 'x-2-%04d.png']);
    expect(basename(outputs[1]!.sidecar)).toBe('x-2.json');
  });

  it.each([
    ['A penguin jumps on a snowy field!', 'a-penguin-jumps-on-a-snowy-field.mp4'],
    ['Ein Käfer, schön 日本', 'ein-käfer-schön-日本.mp4'],
    ['🐧', 'clip.mp4'],
    ['../../etc/passwd', 'etc-passwd.mp4'],
    ['w '.repeat(500), /^w(-w){24}\.mp4$/],
  ])('names a clip after its prompt %#', async (prompt, name) => {
    const [output] = await planOutputs({ prompt }, renders(1));
    expect(basename(output!.path)).toMatch(name);
  });

  it.each(['taken.mp4', 'free.mp4'])('refuses %s when it or its record is there', async (name) => {
    const folder = await scratch();
    await writeFile(join(folder, 'taken.mp4'), '');
    await writeFile(join(folder, 'free.json'), '');
    const request = { prompt: 'a', output: join(folder, name) };
    await expect(planOutputs(request, renders(1))).rejects.toThrow('exists already');
    await expect(planOutputs({ ...request, overwrite: true }, renders(1))).resolves.toHaveLength(1);
  });

  it('refuses endings that it cannot write, folders that are not there, and odd sizes, before any work', async () => {
    const folder = await scratch();
    await mkdir(join(folder, 'inner'));
    const plan = (output: string, size = {}) =>
      planOutputs({ prompt: 'a', output: join(folder, output) }, [{ ...render, ...size }]);
    await expect(plan('x.avi')).rejects.toThrow('.avi');
    await expect(plan('missing/x.mp4')).rejects.toThrow('there is no folder');
    await expect(plan('x.mp4', { width: 33 })).rejects.toThrow('even');
    await expect(plan('x.png')).rejects.toThrow('x-%04d.png');
    await expect(plan('x.gif', { fps: 60 })).rejects.toThrow('50 frames a second');
  });
});
