// Idempotency-Key: a request that is sent again with its key, because its answer was lost, is the video that the first one made.
// What a key stood for is kept in a file for a day, so it holds over a restart. A request with another body is refused.
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import writeFileAtomic from 'write-file-atomic';
import { z } from 'zod';
import { invalidFields } from './problems.ts';

const KeyFile = z.object({ body: z.string(), id: z.string() });
const KEEP_MS = 24 * 3600 * 1000;
/** Old keys are looked for no more often. */
const FORGET_MS = 3600 * 1000;
const LONGEST_KEY = 255;

export class IdempotencyKeys {
  readonly #folder: string;
  /** Requests under way, so that a second one waits for the first. */
  readonly #running = new Map<string, Promise<unknown>>();
  #forgotAt = 0;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Forgets keys that are older than a day. */
  static async open(folder: string): Promise<IdempotencyKeys> {
    await mkdir(folder, { recursive: true });
    const keys = new IdempotencyKeys(folder);
    await keys.#forgetOld();
    return keys;
  }

  /**
   * The id that `make` gives, or the one that it gave for this key before. What it throws is not kept.
   * @throws Problem 422 for a key that stood for another body
   */
  async once(key: string, body: unknown, make: () => Promise<string>): Promise<{ id: string; isReplay: boolean }> {
    const refuse = (message: string) => invalidFields([{ param: 'Idempotency-Key', message }]);
    if (key.length > LONGEST_KEY) throw refuse(`must have at most ${LONGEST_KEY} characters`);
    const name = digest(key);
    while (this.#running.has(name)) await this.#running.get(name)!.catch(() => undefined);
    const running = this.#once(join(this.#folder, name), digest(JSON.stringify(body, withDigests)), make);
    this.#running.set(name, running);
    try {
      const found = await running;
      if (found === undefined) throw refuse('was sent before with another body. Take a new key for a new request');
      return found;
    } finally {
      this.#running.delete(name);
    }
  }

  async #once(path: string, body: string, make: () => Promise<string>) {
    const text = await readFile(path, 'utf8').catch(() => undefined);
    if (text !== undefined && !(await isOld(path))) {
      const known = KeyFile.parse(JSON.parse(text));
      return known.body === body ? { id: known.id, isReplay: true } : undefined;
    }
    if (Date.now() - this.#forgotAt > FORGET_MS) await this.#forgetOld();
    const id = await make();
    await writeFileAtomic(path, JSON.stringify({ body, id }));
    return { id, isReplay: false };
  }

  async #forgetOld(): Promise<void> {
    this.#forgotAt = Date.now();
    for (const name of await readdir(this.#folder)) {
      const path = join(this.#folder, name);
      if (await isOld(path)) await rm(path, { force: true });
    }
  }
}

async function isOld(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found !== undefined && Date.now() - found.mtimeMs > KEEP_MS;
}

const digest = (bytes: string | Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Files of a form by their checksum. */
const withDigests = (_: string, value: unknown): unknown => (value instanceof Uint8Array ? digest(value) : value);
