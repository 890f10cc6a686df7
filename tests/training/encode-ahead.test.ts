// Scenes that another process encodes before the training comes to them are what it would have encoded itself.
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { transformerStages } from '../../training/curriculum.ts';
import { encodeAhead } from '../../training/encode-ahead.ts';
import { openStageLatents } from '../../training/stage-latents.ts';
import { worldOf } from '../../training/transformer.ts';
import { sampleScene } from '../../training/world/scene.ts';

test('scenes are encoded ahead, as they would be when they come', { timeout: 120_000 }, async () => {
  const [ahead, alone] = await Promise.all(
    ['ahead-', 'alone-'].map((name) => mkdtemp(join(tmpdir(), `tessera-${name}`))),
  );
  const model = 'models/nano';
  const encoded = async (): Promise<number> => {
    const files = await readdir(ahead!, { recursive: true });
    return files.filter((file) => file.endsWith('.f32')).length;
  };
  const end = encodeAhead({ stage: 'gate', model, run: ahead! });
  await vi.waitUntil(async () => (await encoded()) >= 8, { timeout: 100_000, interval: 100 });
  end();
  const recipe = transformerStages.gate;
  const [bucket] = recipe.buckets;
  const scenes = [0, 1, 2].map((seed) => sampleScene(seed, { ...worldOf(recipe, bucket), holdOut: 'train' }));
  const count = await encoded();
  const [found, made] = await Promise.all(
    [ahead!, alone!].map(async (run) =>
      (await openStageLatents(recipe, { model, run, keep: 8 })).latents(scenes, bucket),
    ),
  );
  expect(await encoded()).toBe(count); // all three were there
  for (const [i, latents] of made!.entries()) {
    const worst = latents.reduce((most, value, at) => Math.max(most, Math.abs(value - found![i]![at]!)), 0);
    expect(worst).toBeLessThan(1e-4);
  }
  await Promise.all([ahead!, alone!].map((run) => rm(run, { recursive: true })));
});
