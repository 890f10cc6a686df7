// A tiny decoder in an engine: latents in, video out, one latent frame at a time in flat memory.
import { input } from '../graph/build.ts';
import { compile, type CompiledGraph } from '../graph/compile.ts';
import { type Engine, fetched, isKept, type Kept, type Value } from '../graph/engine.ts';
import { ShapeError } from '../graph/errors.ts';
import { parameterScope } from '../graph/parameters.ts';
import { type Tensor, zeros } from '../graph/tensor.ts';
import type { Weights } from '../graph/weights.ts';
import { clampValues, clipAxes, cut } from './frames.ts';
import { SessionCache } from './session-cache.ts';
import { asVideo, framesPerLatent, tinyDecode, type TinyDecoderConfig, tinyMemoryShapes } from './tiny-decoder.ts';

export interface TinyDecoderNetwork {
  readonly config: TinyDecoderConfig;
  readonly weights: Weights;
}

const OPEN_SESSIONS = 4;

export class TinyDecoder {
  readonly #network: TinyDecoderNetwork;
  readonly #engine: Engine;
  readonly #sessions: SessionCache;

  constructor(engine: Engine, network: TinyDecoderNetwork) {
    this.#network = network;
    this.#engine = engine;
    this.#sessions = new SessionCache(engine, OPEN_SESSIONS);
  }

  /** Latents [1,C,T,h,w] as the transformer makes them to video [1,3,t,H,W] in [-1,1]: one frame, then some for each latent frame. */
  async *decodeStream(latents: Tensor): AsyncGenerator<Tensor> {
    const { config } = this.#network;
    const [batch, channels, frames, h, w] = clipAxes(latents);
    if (batch !== 1 || channels !== config.latentChannels)
      throw new ShapeError(
        `A tiny decoder for ${config.latentChannels} channels takes no [${latents.shape.join(',')}].`,
      );
    const shapes = tinyMemoryShapes(config, h, w);
    let memory: Readonly<Record<string, Value>> = Object.fromEntries(
      Object.entries(shapes).map(([name, shape]) => [name, zeros(shape)]),
    );
    try {
      for (let t = 0; t < frames; t++) {
        const frame = { ...cut(latents, { frames: [t, t + 1] }), shape: [1, channels, h, w] };
        const feeds = { latents: frame, ...memory };
        const results = await this.#sessions.run(`${h}x${w}`, feeds, {
          graph: () => tinyDecoderGraph(this.#network, h, w),
          keeps: (name) => name !== 'video',
        });
        this.#drop(memory);
        memory = Object.fromEntries(Object.keys(shapes).map((name) => [name, results[`next.${name}`]!]));
        const video = clampValues(fetched(results, 'video'), -1, 1);
        yield t === 0 ? cut(video, { frames: [framesPerLatent(config) - 1, framesPerLatent(config)] }) : video;
      }
    } finally {
      this.#drop(memory);
    }
  }

  /** Floating point operations of decoding latents [C,T,h,w]. */
  flops([, frames, h, w]: readonly [number, number, number, number]): number {
    return frames * tinyDecoderGraph(this.#network, h, w).flops;
  }

  close(): Promise<void> {
    return this.#sessions.close();
  }

  #drop(memory: Readonly<Record<string, Value>>): void {
    this.#engine.drop(Object.values(memory).filter((value): value is Kept => isKept(value)));
  }
}

/** Decodes one latent frame of h x w cells, with what the blocks remember. */
export function tinyDecoderGraph({ config, weights }: TinyDecoderNetwork, h: number, w: number): CompiledGraph {
  const memory = Object.fromEntries(
    Object.entries(tinyMemoryShapes(config, h, w)).map(([name, shape]) => [name, input(name, shape)]),
  );
  const latents = input('latents', [1, config.latentChannels, h, w]);
  const decoded = tinyDecode(parameterScope().parameters.at('decoder'), config, latents, memory);
  const next = Object.entries(decoded.memory).map(([name, node]) => [`next.${name}`, node] as const);
  return compile({ outputs: { video: asVideo(decoded.frames), ...Object.fromEntries(next) }, weights });
}
