// The transformer of a model, or its two experts, opened for clips of one shape: gives the velocity that a sampler follows, with
// guidance, with the expert that the noise asks for, and with step caching where the request wants it fast.
import { type Condition, type Denoiser, openDenoiser } from '../dit/denoiser.ts';
import { expertAt, expertsByNoise, guidedVelocity, type Velocity } from '../dit/guidance.ts';
import { oneAtATime } from '../dit/one-at-a-time.ts';
import { tokenCount, tokenGrid } from '../dit/patchify.ts';
import { type CachedVelocity, cachedVelocity } from '../dit/step-cache.ts';
import type { Engine } from '../graph/engine.ts';
import type { Model } from './model.ts';
import type { Render } from './resolve-request.ts';

/** What a clip is to show, and what it is not, to the transformer. */
export interface Conditions {
  readonly positive: Condition;
  readonly negative: Condition;
}

export interface OpenVelocity {
  readonly velocity: Velocity | CachedVelocity;
  /** Floating point operations of one sampling step. */
  readonly flops: number;
}

interface Expert {
  readonly denoiser: Denoiser;
  readonly scale: number;
}

/** Up to so many tokens, both passes of guidance run as one batch: faster for small clips, twice the memory. */
const TOKENS_PER_BATCH = 8192;

/** Passes of a step that run as one. Step caching runs them one by one, as it may need only the first. */
export function passesAtOnce(tokens: number, scale: number, fast = false): 1 | 2 {
  return scale !== 1 && tokens <= TOKENS_PER_BATCH && !fast ? 2 : 1;
}

/** Bytes of weights from which stages load one after the other: what is open of one stage closes before the next. */
const LARGE_BYTES = 256 * 2 ** 20;

/** What was opened for one shape. */
interface Opened {
  readonly key: string;
  readonly experts: readonly Expert[];
  readonly flops: number;
  readonly isLarge: boolean;
}

/** Stays open from clip to clip as long as shapes stay the same. */
export class Transformers {
  readonly #model: Model;
  readonly #engine: Engine;
  #open: Opened | undefined;

  constructor(model: Model, engine: Engine) {
    this.#model = model;
    this.#engine = engine;
  }

  /** @param shape of the latents, [C,T,H,W] @param timesteps per clip: 1, one per token frame, or one per token */
  async velocity(
    render: Render,
    conditions: Conditions,
    { shape, timesteps }: { readonly shape: Denoising['shape']; readonly timesteps: number },
  ): Promise<OpenVelocity> {
    const { experts, flops } = await this.#openExperts({ render, shape, timesteps, like: conditions.positive });
    const boundary = this.#model.experts?.boundary;
    if (render.fast === true) {
      const passes = experts.map((expert) => separatePasses(expert, conditions));
      const at = (timestep: number): number => (boundary === undefined ? 0 : expertAt(boundary, timestep));
      return { velocity: cachedVelocity(passes, at), flops };
    }
    const [high, low] = experts.map(({ denoiser, scale }) => guidedVelocity(denoiser, { ...conditions, scale }));
    return { velocity: boundary !== undefined && low ? expertsByNoise(boundary, high!, low) : high!, flops };
  }

  /** Whether what is open takes so much that other stages should have the memory while it does not run. */
  get isLarge(): boolean {
    return this.#open?.isLarge ?? false;
  }

  async close(): Promise<void> {
    const open = this.#open?.experts ?? [];
    this.#open = undefined;
    await Promise.all(open.map(({ denoiser }) => denoiser.release()));
  }

  async #openExperts({ render, shape, timesteps, like }: Denoising): Promise<Opened> {
    const { transformer, experts } = this.#model;
    const tokens = tokenCount(tokenGrid(transformer.config, shape));
    const scales = [render.guidance, ...(experts ? [render.guidanceLow ?? render.guidance] : [])];
    const batches = scales.map((scale) => passesAtOnce(tokens, scale, render.fast));
    const key = JSON.stringify([shape, timesteps, scales, batches, shapesOf(like)]);
    if (this.#open?.key !== key) {
      await this.close();
      const meter = { flops: 0, weightBytes: 0 };
      const engine = meteredEngine(this.#engine, meter);
      const denoisers = await oneAtATime(
        [transformer, ...(experts ? [experts.low] : [])].map(
          (network, i) => () => openDenoiser(engine, { ...network, shape, timesteps, like, batch: batches[i]! }),
        ),
      );
      const open = denoisers.map((denoiser, i): Expert => ({ denoiser, scale: scales[i]! }));
      const runs = scales[0] === 1 || batches[0] === 2 ? 1 : 2;
      this.#open = { key, experts: open, flops: meter.flops * runs, isLarge: meter.weightBytes > LARGE_BYTES };
    }
    return this.#open;
  }
}

interface Denoising {
  readonly render: Render;
  readonly shape: readonly [number, number, number, number];
  readonly timesteps: number;
  readonly like: Condition;
}

const shapesOf = (condition: Condition): unknown =>
  Object.entries(condition).map(([field, value]: [string, { readonly shape: readonly number[] }]) => [
    field,
    value.shape,
  ]);

function separatePasses({ denoiser, scale }: Expert, { positive, negative }: Conditions) {
  const pass =
    (condition: Condition): Velocity =>
    async (latents, timesteps) =>
      (await denoiser.run(latents, timesteps, [condition]))[0]!;
  return { conditional: pass(positive), unconditional: pass(negative), scale };
}

/** The engine, noting what the graph costs that was opened through it last. */
function meteredEngine(engine: Engine, meter: { flops: number; weightBytes: number }): Engine {
  return {
    open: (graph, options) => {
      meter.flops = graph.flops;
      meter.weightBytes = graph.mappedBytes;
      return engine.open(graph, options);
    },
    drop: (values) => engine.drop(values),
    close: () => engine.close(),
  };
}
