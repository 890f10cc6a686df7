// Tells models apart by content: two folders with the same fingerprint render the same clips, wherever they lie.
// Of large weight files only the header and evenly spread samples are read, so that a model of many gigabytes takes
// milliseconds; training again changes every sample.
import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { listFolder, type ModelComponent } from '../io/model-folder.ts';

const SAMPLES = 64;
const SAMPLE_BYTES = 32 * 1024;

/** Hex digest over configs, tokenizers and weights of components, in the order given, and over how they are used. */
export async function fingerprintOf(components: readonly ModelComponent[], usage: object = {}): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify(usage));
  for (const component of components) await addComponent(hash, component);
  return hash.digest('hex');
}

async function addComponent(hash: Hash, { name, folder, config, weights }: ModelComponent): Promise<void> {
  hash.update(JSON.stringify([name, config]));
  const files = await listFolder(folder);
  if (files.includes('tokenizer.json')) hash.update(await readFile(join(folder, 'tokenizer.json')));
  if (weights === undefined) return;
  const stored = [...weights.tensors].map(([tensor, { dtype, shape }]) => [tensor, dtype, shape]);
  hash.update(JSON.stringify(stored));
  const paths = new Set([...weights.tensors.values()].map(({ path }) => path));
  for (const path of paths) await addSamples(hash, path);
}

async function addSamples(hash: Hash, path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    hash.update(String(size));
    const stride = Math.max(SAMPLE_BYTES, Math.floor(size / SAMPLES));
    for (let at = 0; at < size; at += stride) hash.update(await readSample(file, at));
    hash.update(await readSample(file, Math.max(0, size - SAMPLE_BYTES)));
  } finally {
    await file.close();
  }
}

async function readSample(file: FileHandle, at: number): Promise<Uint8Array> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(SAMPLE_BYTES), 0, SAMPLE_BYTES, at);
  return buffer.subarray(0, bytesRead);
}
