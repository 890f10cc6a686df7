// Graphs have static shapes, so each size of clip needs sessions of its own. They are opened when first needed, and the least
// recently used are released beyond a limit, so that a server which renders many sizes does not fill its memory.
import type { CompiledGraph } from '../graph/compile.ts';
import type { Engine, Session, Value } from '../graph/engine.ts';
import type { SessionOptions } from '../graph/session.ts';

/** A graph to be opened when it is not, and how; what is done with its outputs. */
export interface CachedRun {
  readonly graph: () => CompiledGraph;
  readonly options?: SessionOptions;
  /** Outputs that stay in the engine; none if left out. */
  readonly keeps?: (output: string) => boolean;
  /** Released when it has run, with all its memory. */
  readonly once?: boolean;
  /** Of these, which take the memory of a kept input, and of which. */
  readonly over?: Readonly<Record<string, string>>;
}

interface Entry {
  readonly outputs: readonly string[];
  readonly session: Promise<Session>;
  running: number;
}

/** Sessions of one engine by key. */
export class SessionCache {
  readonly #engine: Engine;
  readonly #limit: number;
  readonly #entries = new Map<string, Entry>(); // the least recently used first

  constructor(engine: Engine, limit: number) {
    this.#engine = engine;
    this.#limit = limit;
  }

  /** Runs the graph of this key, which is compiled and opened if it is not open. */
  async run(
    key: string,
    feeds: Readonly<Record<string, Value>>,
    { graph, options, keeps = () => false, over = {}, once = false }: CachedRun,
  ): Promise<Record<string, Value>> {
    const entry = this.#entries.get(key) ?? this.#open(graph(), options);
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    entry.running++;
    try {
      const session = await entry.session;
      return await session.run(feeds, { keep: entry.outputs.filter(keeps), over });
    } catch (error) {
      this.#forget();
      throw error;
    } finally {
      entry.running--;
      if (once) await this.#drop(key);
      await this.#trim();
    }
  }

  async close(): Promise<void> {
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    await Promise.all(entries.map(async ({ session }) => (await session).release()));
  }

  #open(graph: CompiledGraph, options?: SessionOptions): Entry {
    return { outputs: graph.outputs.map(({ name }) => name), session: this.#engine.open(graph, options), running: 0 };
  }

  /** After a failure: an engine's process that died took all its sessions with it, so the next run opens anew. */
  #forget(): void {
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    for (const { session } of entries) session.then((open) => open.release()).catch(() => undefined);
  }

  async #drop(key: string): Promise<void> {
    const entry = this.#entries.get(key);
    this.#entries.delete(key);
    await (await entry?.session)?.release();
  }

  async #trim(): Promise<void> {
    for (const [key, { running }] of this.#entries) {
      if (this.#entries.size <= this.#limit) return;
      if (running === 0) await this.#drop(key);
    }
  }
}
