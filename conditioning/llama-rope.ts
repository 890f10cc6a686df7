// Rotary position tables of a Llama decoder (Su et al. 2021), with Llama 3.1's stretched frequencies.
// Computed in float32 step by step, as the reference does: far positions would show the difference.
import { type Tensor, tensor } from '../graph/tensor.ts';
import type { Llama3RopeScaling, LlamaConfig } from './llama-config.ts';

type RopeConfig = Pick<LlamaConfig, 'headDim' | 'ropeTheta' | 'ropeScaling'>;

/** cos and sin of position * frequency for the positions start … start + count - 1, each [count,headDim/2]. */
export function rotationTables(config: RopeConfig, start: number, count: number): { cos: Tensor; sin: Tensor } {
  const frequencies = ropeFrequencies(config);
  const cos = new Float32Array(count * frequencies.length);
  const sin = new Float32Array(count * frequencies.length);
  for (let i = 0; i < cos.length; i++) {
    const position = start + Math.floor(i / frequencies.length);
    const angle = Math.fround(position * frequencies[i % frequencies.length]!);
    cos[i] = Math.cos(angle);
    sin[i] = Math.sin(angle);
  }
  const shape = [count, frequencies.length];
  return { cos: tensor(cos, shape), sin: tensor(sin, shape) };
}

/** Radians per token of each pair of a head, [headDim/2]. */
export function ropeFrequencies({ headDim, ropeTheta, ropeScaling }: RopeConfig): Float32Array {
  const frequencies = Float32Array.from({ length: headDim / 2 }, (_, j) =>
    Math.fround(1 / Math.fround(ropeTheta ** Math.fround((2 * j) / headDim))),
  );
  if (ropeScaling.type === 'linear') return frequencies.map((frequency) => frequency / ropeScaling.factor);
  if (ropeScaling.type === 'llama3') return frequencies.map((frequency) => stretched(frequency, ropeScaling));
  return frequencies;
}

/**
 * Waves shorter than the original context stay, much longer ones are slowed by `factor`, those between are blended
 * (transformers' _compute_llama3_parameters).
 */
function stretched(frequency: number, scaling: Llama3RopeScaling): number {
  const { factor, lowFreqFactor, highFreqFactor, originalMaxPositions } = scaling;
  const wavelength = Math.fround((2 * Math.PI) / frequency); // tokens per turn
  if (wavelength < originalMaxPositions / highFreqFactor) return frequency;
  if (wavelength > originalMaxPositions / lowFreqFactor) return frequency / factor;
  const turns = originalMaxPositions / wavelength;
  const smooth = Math.fround((turns - lowFreqFactor) / (highFreqFactor - lowFreqFactor));
  return ((1 - smooth) * frequency) / factor + smooth * frequency;
}
