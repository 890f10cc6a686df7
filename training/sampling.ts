// Clips of prompts from models in training: the same sampler, guidance and decoder as `tessera generate`, run in this process
// with the weights in memory. For sample sheets and scores.
import { decode } from '../compressor/autoencoder.ts';
import type { AutoencoderConfig } from '../compressor/config.ts';
import { latentShape } from '../compressor/sizes.ts';
import type { TransformerConfig } from '../dit/config.ts';
import { openDenoiser } from '../dit/denoiser.ts';
import type { Condition } from '../dit/denoiser.ts';
import { guidedVelocity, type Velocity } from '../dit/guidance.ts';
import { initialNoise } from '../dit/noise.ts';
import { positionChannels, takesPositions } from '../dit/position-channels.ts';
import { sampleLatents } from '../dit/sample.ts';
import { createScheduler, samplerConfig } from '../dit/scheduler-config.ts';
import type { SamplerName } from '../dit/scheduler-config.ts';
import { cachedVelocity } from '../dit/step-cache.ts';
import { input } from '../graph/build.ts';
import { compile } from '../graph/compile.ts';
import { fetched, localEngine } from '../graph/engine.ts';
import { parameterScope } from '../graph/parameters.ts';
import { tensor } from '../graph/tensor.ts';
import type { Weights } from '../graph/weights.ts';
import { clipFrames } from './clip-batch.ts';
import type { PromptStates } from './prompt-states.ts';
import type { ClipSize } from './world/render.ts';

export interface SampledModel {
  readonly transformer: { readonly config: TransformerConfig; readonly weights: Weights };
  readonly autoencoder: { readonly config: AutoencoderConfig; readonly weights: Weights };
  readonly states: PromptStates;
}

export interface SamplingOptions {
  readonly steps: number;
  readonly guidance: number;
  readonly sampler: SamplerName;
  readonly shift: number;
  /** With step caching, as `tessera generate --fast`. */
  readonly fast?: boolean;
}

/** One clip [T,H,W,3] after the other, one per prompt; prompt i starts from the noise of seed i. */
export async function* sampleClips(
  model: SampledModel,
  prompts: readonly string[],
  size: ClipSize,
  { steps, guidance, sampler, shift, fast = false }: SamplingOptions,
): AsyncGenerator<Uint8Array, void> {
  const engine = localEngine();
  const { config } = model.autoencoder;
  const shape = latentShape(config, size) as [number, number, number, number, number];
  const grid = shape.slice(2) as [number, number, number];
  const { outChannels } = model.transformer.config;
  const positions = takesPositions(model.transformer.config) ? { channels: positionChannels(grid) } : {};
  const conditionOf = async (prompt: string) => ({ ...(await model.states([prompt])), ...positions });
  const empty = await conditionOf('');
  const denoiser = await openDenoiser(engine, {
    ...model.transformer,
    shape: [outChannels, ...grid],
    timesteps: 1,
    like: empty,
    batch: fast ? 1 : 2,
  });
  const latentsIn = input('latents', shape);
  const video = decode(parameterScope().parameters, config, latentsIn);
  const decoder = await engine.open(compile({ outputs: { video }, weights: model.autoencoder.weights }));
  const plane = grid[0] * grid[1] * grid[2];
  try {
    for (const [i, prompt] of prompts.entries()) {
      const positive = await conditionOf(prompt);
      const pass =
        (condition: Condition): Velocity =>
        async (seen, timesteps) =>
          (await denoiser.run(seen, timesteps, [condition]))[0]!;
      const velocity = fast
        ? cachedVelocity([{ conditional: pass(positive), unconditional: pass(empty), scale: guidance }], () => 0)
        : guidedVelocity(denoiser, { positive, negative: empty, scale: guidance });
      const latents = await sampleLatents({
        velocity,
        scheduler: createScheduler(samplerConfig(sampler, shift), { steps }),
        from: initialNoise(i, outChannels * plane),
      });
      const raw = latents.subarray(0, config.zDim * plane).map((value, j) => {
        const channel = Math.floor(j / plane);
        return value * config.latentsStd[channel]! + config.latentsMean[channel]!;
      });
      const decoded = await decoder.run({ latents: tensor(raw, shape) });
      yield clipFrames(fetched(decoded, 'video'), 0);
    }
  } finally {
    await engine.close();
  }
}
