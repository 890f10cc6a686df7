// Classifier-free guidance (Ho and Salimans 2022): away from what the model says without the prompt.
import type { Condition, Denoiser } from './denoiser.ts';

/** v(x, t): latents [C*T*H*W] and the timesteps of their groups ([1], [frames] or [tokens], 0..1000) -> velocity [C*T*H*W]. */
export type Velocity = (latents: Float32Array, timesteps: Float32Array) => Promise<Float32Array>;

export interface Guidance {
  readonly positive: Condition;
  /** The empty or the negative prompt. */
  readonly negative: Condition;
  /** 1 is the conditional velocity itself; larger follows the prompt more closely. */
  readonly scale: number;
}

/** Above so many tokens, two runs of one condition take half the memory at the same speed. */
const SMALL_CLIP_TOKENS = 2048;

/** Conditions per run of a denoiser for guidance: one run of both is a little faster (2 % at 320 tokens) while a clip is small. */
export function conditionsPerRun(scale: number, tokens: number): 1 | 2 {
  return scale === 1 || tokens > SMALL_CLIP_TOKENS ? 1 : 2;
}

/** unconditional + scale * (conditional - unconditional), in float32 as the reference computes it. */
export function guide(conditional: Float32Array, unconditional: Float32Array, scale: number): Float32Array {
  return conditional.map((value, i) => {
    const difference = Math.fround(value - unconditional[i]!);
    return unconditional[i]! + Math.fround(Math.fround(scale) * difference);
  });
}

/** The velocity that a sampler follows. At scale 1 the unconditional pass is not run. */
export function guidedVelocity(denoiser: Denoiser, { positive, negative, scale }: Guidance): Velocity {
  if (scale === 1) {
    return async (latents, timesteps) => (await denoiser.run(latents, timesteps, [positive]))[0]!;
  }
  return async (latents, timesteps) => {
    const [conditional, unconditional] = await denoiser.run(latents, timesteps, [positive, negative]);
    return guide(conditional!, unconditional!, scale);
  };
}

/** Index of the expert that has a timestep: the first one while the noise is high. */
export const expertAt = (boundary: number, timestep: number): 0 | 1 => (timestep >= boundary ? 0 : 1);

/** Two experts (Wan 2.2 A14B): `high` while the timestep is at least `boundary` (0..1000), `low` below. */
export function expertsByNoise(boundary: number, high: Velocity, low: Velocity): Velocity {
  return (latents, timesteps) => (expertAt(boundary, Math.max(...timesteps)) === 0 ? high : low)(latents, timesteps);
}
