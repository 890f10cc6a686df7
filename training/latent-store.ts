// Encoded clips on disk, so that a training that goes on does not encode them again: a file of float32 values each.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

export interface LatentStore {
  /** Undefined if not there, or not whole. @param length values that a whole one has */
  read(key: string, length: number): Promise<Float32Array | undefined>;
  write(key: string, latents: Float32Array): Promise<void>;
}

async function hashOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

/**
 * What one autoencoder made of clips, by key: `<folder>/<hash of its weights>/<key>.f32`. A change to how the world is drawn is
 * not noticed: delete the folder then.
 */
export async function openLatentStore(folder: string, autoencoderWeights: string): Promise<LatentStore> {
  const own = join(folder, (await hashOf(autoencoderWeights)).slice(0, 16));
  await mkdir(own, { recursive: true });
  const fileOf = (key: string): string => join(own, `${key}.f32`);
  return {
    read: async (key, length) => {
      const bytes = await readFile(fileOf(key)).catch(() => undefined);
      if (bytes?.byteLength !== 4 * length) return undefined;
      return new Float32Array(Uint8Array.from(bytes).buffer);
    },
    write: (key, latents) => writeFile(fileOf(key), latents),
  };
}
