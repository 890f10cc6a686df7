// Waits for something to become true, for as long as a busy machine may need. Tests never assert how long things take.
import { setTimeout as sleep } from 'node:timers/promises';

const PATIENCE_MS = 600_000;

/** The first value of `look` that is not false or undefined. @throws what `look` throws */
export async function until<T>(what: string, look: () => Promise<T | false | undefined>, everyMs = 100): Promise<T> {
  const end = performance.now() + PATIENCE_MS;
  for (;;) {
    const found = await look();
    if (found !== false && found !== undefined) return found;
    if (performance.now() > end) throw new Error(`Waited in vain until ${what}.`);
    await sleep(everyMs);
  }
}
