import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SavedLatents } from '../../jobs/saved-latents.ts';
import { scratch } from './scratch.ts';

const shape = [2, 1, 1, 2];
const snapshot = (step: number) => ({
  latents: Float32Array.of(step, 1, 2, 3),
  state: { step, predictions: [Float32Array.of(4, 5, 6, 7)], lastSample: Float32Array.of(8, 9, 10, 11) },
});

describe('SavedLatents', () => {
  it('gives back what was saved, and nothing once removed', async () => {
    const folder = await scratch();
    await new SavedLatents(folder, 'key', shape, 0).step(snapshot(3), false);
    const next = new SavedLatents(folder, 'key', shape);
    expect(await next.load()).toEqual(snapshot(3));
    await next.remove();
    expect(await new SavedLatents(folder, 'key', shape).load()).toBeUndefined();
  });

  it('writes no more often than asked, but the last step if there is an older one', async () => {
    const folder = await scratch();
    const saved = new SavedLatents(folder, 'key', shape, 60_000);
    await saved.step(snapshot(1), false);
    expect(await readdir(folder)).toEqual([]);
    expect(await saved.flush()).toBe(1);
    await saved.step(snapshot(2), false);
    expect((await new SavedLatents(folder, 'key', shape).load())?.state.step).toBe(1);
    await saved.step(snapshot(3), true);
    expect((await new SavedLatents(folder, 'key', shape).load())?.state.step).toBe(3);
  });

  it('takes a damaged file, or one of another shape, for none', async () => {
    const folder = await scratch();
    await new SavedLatents(folder, 'other', [4, 1, 1, 2], 0).step(snapshot(1), false).catch(() => undefined);
    await mkdir(join(folder, 'renders'), { recursive: true });
    await writeFile(join(folder, 'renders', 'key.safetensors'), 'half a file');
    expect(await new SavedLatents(folder, 'key', shape).load()).toBeUndefined();
  });

  it('forgets what killed processes left and what is older than a month', async () => {
    const renders = join(await scratch(), 'renders');
    await mkdir(renders);
    const hoursAgo = { 'a.safetensors': 1000, 'b.safetensors': 20, '.c.safetensors': 2, '.d.safetensors': 0 };
    for (const [name, hours] of Object.entries(hoursAgo)) {
      await writeFile(join(renders, name), '');
      const then = Date.now() / 1000 - hours * 3600;
      await utimes(join(renders, name), then, then);
    }
    await new SavedLatents(join(renders, '..'), 'key', shape).remove();
    expect((await readdir(renders)).sort()).toEqual(['.d.safetensors', 'b.safetensors']);
  });

  it('goes on where it cannot write, and tells why', async () => {
    const folder = await scratch();
    await writeFile(join(folder, 'file'), '');
    const saved = new SavedLatents(join(folder, 'file'), 'key', shape, 0);
    await saved.step(snapshot(1), false);
    expect(saved.problem).toBeInstanceOf(Error);
    await saved.remove();
  });
});
