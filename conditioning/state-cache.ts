// Text states that were computed before, by key: the same prompt need not load an 11 GB encoder twice.
// In memory for a process, in a folder for all processes of a machine. A cache never fails a render: what cannot be
// read is computed again, and what cannot be written is left out.
import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import writeFileAtomic from 'write-file-atomic';

/** States [n,D] as plain numbers, by a key from stateKey. */
export interface StateCache {
  get(key: string): Promise<Float32Array | undefined>;
  set(key: string, states: Float32Array): Promise<void>;
}

/** Hash of all that the states follow from. */
export function stateKey(modelId: string, prompt: string, maxLength: number): string {
  return createHash('sha256')
    .update(JSON.stringify(['states 1', modelId, prompt, maxLength]))
    .digest('hex');
}

/** Keeps the states that were used last, up to a number of prompts. */
export function memoryStateCache(prompts = 64): StateCache {
  const states = new Map<string, Float32Array>();
  const touch = (key: string, value: Float32Array) => {
    states.delete(key);
    states.set(key, value);
  };
  return {
    get: (key) => {
      const found = states.get(key);
      if (found !== undefined) touch(key, found);
      return Promise.resolve(found);
    },
    set: (key, value) => {
      touch(key, value.slice());
      const [oldest] = states.keys();
      if (states.size > prompts && oldest !== undefined) states.delete(oldest);
      return Promise.resolve();
    },
  };
}

/** Keeps states as files of float32 numbers (little-endian), one per prompt. The folder is made when it is needed. */
export function folderStateCache(folder: string): StateCache {
  const fileOf = (key: string) => join(folder, `${key}.f32`);
  return {
    get: async (key) => {
      const bytes = await readFile(fileOf(key)).catch(() => undefined);
      if (bytes === undefined || bytes.length === 0 || bytes.length % 4 !== 0) return undefined;
      return new Float32Array(new Uint8Array(bytes).buffer);
    },
    set: async (key, value) => {
      const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
      await mkdir(folder, { recursive: true })
        .then(() => writeFileAtomic(fileOf(key), bytes))
        .catch(() => undefined);
    },
  };
}
