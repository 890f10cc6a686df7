// The latents of a render that is under way, on disk, so that whoever takes it up again goes on at the same step with the
// same bytes. Saved at most once a second, named by all that they follow from, and removed when the clip is there.
// Saving never fails a render: what cannot be written is work that would be done again.
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Snapshot } from '../dit/sample.ts';
import { readSnapshot, snapshotTensors } from '../dit/snapshot.ts';
import { sizeOf } from '../graph/tensor.ts';
import { openSafetensors, readTensor, writeSafetensors } from '../io/safetensors.ts';

export const SAVE_EVERY_MS = 1000;
/** A render that nobody took up for so long is forgotten. */
const KEEP_MS = 30 * 24 * 3600 * 1000;
/** A file that was being written when its process was killed. */
const KEEP_HALF_WRITTEN_MS = 3600 * 1000;

export class SavedLatents {
  /** Why the last save failed, if it did. */
  problem: unknown;
  readonly #path: string;
  readonly #shape: readonly number[];
  readonly #everyMs: number;
  #latest: Snapshot | undefined;
  #savedAt = performance.now();
  #isSaved = false;

  /** @param key from latentsKey @param shape of the latents */
  constructor(cacheFolder: string, key: string, shape: readonly number[], everyMs = SAVE_EVERY_MS) {
    this.#path = join(cacheFolder, 'renders', `${key}.safetensors`);
    this.#shape = shape;
    this.#everyMs = everyMs;
  }

  /** What an earlier process left, or undefined. A damaged file counts as none. */
  async load(): Promise<Snapshot | undefined> {
    try {
      const file = await openSafetensors(this.#path);
      const names = [...file.tensors.keys()];
      const tensors = await Promise.all(names.map(async (name) => [name, await readTensor(file, name)] as const));
      const snapshot = readSnapshot(new Map(tensors), sizeOf(this.#shape));
      this.#isSaved = snapshot !== undefined;
      return snapshot;
    } catch {
      await rm(this.#path, { force: true }).catch(() => undefined);
      return undefined;
    }
  }

  /** Takes note of a step; writes it if the last write is long enough ago. */
  async step(snapshot: Snapshot, isLast: boolean): Promise<void> {
    this.#latest = snapshot;
    const isDue = performance.now() - this.#savedAt >= this.#everyMs;
    if (isDue || (isLast && this.#isSaved)) await this.flush();
  }

  /** Writes the latest step, if it is not on disk yet. Returns the step that is on disk, or undefined. */
  async flush(): Promise<number | undefined> {
    const latest = this.#latest;
    if (latest === undefined) return undefined;
    try {
      await mkdir(dirname(this.#path), { recursive: true });
      await writeSafetensors(this.#path, snapshotTensors(latest, this.#shape));
      this.#isSaved = true;
    } catch (problem) {
      this.problem = problem;
      return undefined;
    } finally {
      this.#savedAt = performance.now();
    }
    return latest.state.step;
  }

  /** All steps are done, and more of the clip is to come: they are kept on disk until it is written, and not in memory. */
  async settle(): Promise<void> {
    await this.flush();
    this.#latest = undefined;
  }

  /** The clip is written: nothing will be resumed. */
  async remove(): Promise<void> {
    await sweep(dirname(this.#path));
    if (this.#isSaved) await rm(this.#path, { force: true }).catch(() => undefined);
  }
}

/** Removes what killed processes left behind and what is too old. */
async function sweep(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    const path = join(folder, name);
    const age = Date.now() - (await stat(path).then((found) => found.mtimeMs, () => Date.now())); // prettier-ignore
    if (age > (name.startsWith('.') ? KEEP_HALF_WRITTEN_MS : KEEP_MS))
      await rm(path, { force: true }).catch(() => undefined);
  }
}
