// A model kept open from request to request: the engine, and the pipeline of the model that was used last. A worker renders
// its jobs in one studio, so that only the first one of a model waits for it to open.
import { childEngine } from '../graph/child-engine.ts';
import { type Engine, localEngine } from '../graph/engine.ts';
import { JobFailedError } from '../graph/errors.ts';
import type { Device } from '../graph/session.ts';
import { chooseDevice } from './device.ts';
import type { Model } from './model.ts';
import { Pipeline } from './pipeline.ts';
import { engineEnvironment, readSettings, type Settings } from './settings.ts';

/** `child` runs graphs in a child process, `local` in this one, whose event loop they block. */
export type EngineChoice = 'child' | 'local' | Engine;

/** For one render at a time. */
export class Studio {
  readonly settings: Settings;
  /** What the user should know about where graphs run. */
  notice: string | undefined;
  readonly #choice: EngineChoice;
  /** Where graphs are to run, once a device has been given up. */
  #device: Device | undefined;
  #engine: Engine | undefined;
  #pipeline: Pipeline | undefined;

  /** Starts nothing yet. @param choice an engine that is given stays open when the studio closes */
  constructor(settings: Settings = readSettings(), choice: EngineChoice = 'child') {
    this.settings = settings;
    this.#choice = choice;
  }

  /** The pipeline of a model; that of the last request when the model has not changed, with its graphs still open. */
  async open(model: Model): Promise<Pipeline> {
    if (this.#pipeline !== undefined && !isSame(this.#pipeline.model, model)) await this.#leave();
    this.#engine ??= await this.#start();
    this.#pipeline ??= new Pipeline(model, this.#engine, this.settings.cacheFolder);
    return this.#pipeline;
  }

  /** Ends the engine and forgets the model; the next `open` begins afresh. After a failure, for sessions may be lost. */
  async close(): Promise<void> {
    const engine = this.#engine;
    this.#engine = undefined;
    if (engine === this.#choice) return this.#leave();
    this.#pipeline = undefined; // its graphs end with the engine
    await engine?.close();
  }

  /**
   * Gives up a device whose driver ended the engine's process; the next `open` begins on the CPU. What a device refuses without
   * such an end runs on the CPU by itself (graph/session.ts).
   * @returns whether that was so
   */
  async leaveDevice(error: unknown): Promise<boolean> {
    const device = this.#engine?.device ?? 'cpu';
    const died = error instanceof JobFailedError && error.code === 'ENGINE_DIED';
    if (!died || device === 'cpu' || this.#engine === this.#choice) return false;
    await this.close();
    this.#device = 'cpu';
    this.notice = `${device} failed in the middle of the render, which begins anew on the CPU. ${error.message}`;
    return true;
  }

  async #start(): Promise<Engine> {
    if (typeof this.#choice === 'object') return this.#choice;
    const { threads, device: wanted = 'cpu' } = this.settings;
    const { device, notice = this.notice } = await chooseDevice(this.#device ?? wanted, threads);
    this.notice = notice;
    const options = { device, ...(threads !== undefined && { threads }) };
    return this.#choice === 'local' ? localEngine(options) : childEngine(options, { environment: engineEnvironment() });
  }

  async #leave(): Promise<void> {
    const pipeline = this.#pipeline;
    this.#pipeline = undefined;
    await pipeline?.close();
  }
}

/** A model that was trained on, or moved, is another one. */
function isSame(one: Model, other: Model): boolean {
  return one.fingerprint === other.fingerprint && one.folder === other.folder;
}
