// Encoded clips that a training finds again when it goes on: whole ones, of the same autoencoder.
import { mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openLatentStore } from '../../training/latent-store.ts';

describe('the latents of a run', () => {
  let folder: string;
  beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'tessera-latents-'))));
  afterEach(() => rm(folder, { recursive: true }));

  const latents = Float32Array.from([1, -0.5, 1e-7]);

  it('are found again, by the same autoencoder alone', async () => {
    await writeFile(join(folder, 'one'), 'weights');
    await writeFile(join(folder, 'other'), 'other weights');
    await (await openLatentStore(folder, join(folder, 'one'))).write('a', latents);
    const again = await openLatentStore(folder, join(folder, 'one'));
    expect(await again.read('a', 3)).toEqual(latents);
    expect(await again.read('b', 3)).toBeUndefined();
    expect(await (await openLatentStore(folder, join(folder, 'other'))).read('a', 3)).toBeUndefined();
  });

  it('are made anew where a kill left half of them', async () => {
    await writeFile(join(folder, 'one'), 'weights');
    const store = await openLatentStore(folder, join(folder, 'one'));
    await store.write('a', latents);
    const [own] = (await readdir(folder, { withFileTypes: true })).filter((entry) => entry.isDirectory());
    await truncate(join(folder, own!.name, 'a.f32'), 7);
    expect(await store.read('a', 3)).toBeUndefined();
  });
});
