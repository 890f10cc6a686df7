// A model's folder as the files of a repository on the hub.
import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';

export async function filesOf(model: string): Promise<Record<string, Uint8Array>> {
  const files: Record<string, Uint8Array> = {};
  for (const entry of await readdir(model, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) files[relative(model, path)] = await readFile(path);
  }
  return files;
}
