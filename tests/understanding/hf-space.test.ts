// CLIP and SigLIP by transformers.js: models of the true format with random weights.
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { framesOf } from '../../io/frames.ts';
import { openHfSpace } from '../../understanding/hf-space.ts';
import { scratch } from '../jobs/scratch.ts';
import { writeTinyChat, writeTinyClip } from './tiny-hub-models.ts';

const plain = (red: number, blue: number) => {
  const data = Uint8Array.from({ length: 40 * 30 * 3 }, (_, i) => [red, 0, blue][i % 3]!);
  return framesOf(data, 1, 30, 40);
};
const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, value, i) => sum + value * b[i]!, 0);

describe.each(['clip', 'siglip'] as const)('the space of a %s', (kind) => {
  it('has places of length 1 for texts and for the middle of three pictures', async () => {
    const folder = await scratch();
    await writeTinyClip(join(folder, 'tiny'), kind);
    const space = await openHfSpace('tiny', 'hf:tiny', { cacheFolder: folder, modelFolders: [folder] });
    expect(space).toMatchObject({ name: 'hf:tiny', width: 8 });
    const [dog, cat, again] = [
      await space.ofText('the dog'),
      await space.ofText('a cat'),
      await space.ofText('the dog'),
    ];
    expect(dot(dog, dog)).toBeCloseTo(1, 5);
    expect(dog).toEqual(again);
    expect(dot(dog, cat)).toBeLessThan(0.999);
    const at = (seconds: number, red: number, blue: number) => ({ seconds, shot: 0, picture: plain(red, blue) });
    const still = await space.ofMoment({ samples: [at(0, 255, 0)] });
    const other = await space.ofMoment({ samples: [at(0, 0, 255)] });
    const both = await space.ofMoment({ samples: [at(0, 255, 0), at(1, 0, 255)] });
    expect(dot(still, still)).toBeCloseTo(1, 5);
    expect(dot(both, still)).toBeGreaterThan(dot(other, still));
    await space.close();
  });
});

it('refuses a model of another kind', async () => {
  const folder = await scratch();
  await writeTinyChat(join(folder, 'chat'));
  const source = { cacheFolder: folder, modelFolders: [folder] };
  await expect(openHfSpace('chat', 'hf:chat', source)).rejects.toThrow(
    'hf:chat is of the kind llava, not clip or siglip',
  );
});
