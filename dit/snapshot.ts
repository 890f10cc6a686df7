// A render between two steps as named tensors, to be saved in a .safetensors file and read back.
import { floats, int32Tensor, tensor } from '../graph/tensor.ts';
import type { Tensor } from '../graph/tensor.ts';
import type { Snapshot } from './sample.ts';
import type { StepMemory } from './step-cache.ts';

/** The tensors to save. `shape` is that of the latents, for whoever opens the file. */
export function snapshotTensors({ latents, state, memory }: Snapshot, shape: readonly number[]): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>([
    ['latents', tensor(latents, shape)],
    ['step', int32Tensor([state.step], [1])],
  ]);
  state.predictions.forEach((values, i) => tensors.set(`prediction.${i}`, tensor(values, shape)));
  if (state.lastSample) tensors.set('last_sample', tensor(state.lastSample, shape));
  if (memory) memoryTensors(memory, shape).forEach((value, name) => tensors.set(`memory.${name}`, value));
  return tensors;
}

function memoryTensors(memory: StepMemory, shape: readonly number[]): Map<string, Tensor> {
  const { expert, computed, skipped, sensitivity, timestep, input, velocity, difference } = memory;
  const numbers = Float32Array.of(expert, computed, skipped, sensitivity, timestep);
  return new Map([
    ['numbers', tensor(numbers, [numbers.length])],
    ['input', tensor(input, shape)],
    ['velocity', tensor(velocity, shape)],
    ...(difference ? [['difference', tensor(difference, shape)] as const] : []),
  ]);
}

/** The snapshot that was saved, or undefined when the tensors are not one of latents of `size` values. */
export function readSnapshot(tensors: ReadonlyMap<string, Tensor>, size: number): Snapshot | undefined {
  const step = tensors.get('step')?.data[0];
  const values = (name: string): Float32Array | undefined => {
    const found = tensors.get(name);
    return found?.dtype === 'float32' && found.data.length === size ? floats(found) : undefined;
  };
  const latents = values('latents');
  if (latents === undefined || step === undefined) return undefined;
  const predictions: Float32Array[] = [];
  for (let next = values('prediction.0'); next; next = values(`prediction.${predictions.length}`))
    predictions.push(next);
  const state = { step: Number(step), predictions, lastSample: values('last_sample') ?? null };
  const numbers = tensors.get('memory.numbers');
  const memory = numbers?.dtype === 'float32' ? readMemory(floats(numbers), values) : undefined;
  return { latents, state, ...(memory && { memory }) };
}

function readMemory(numbers: Float32Array, values: (name: string) => Float32Array | undefined): StepMemory | undefined {
  const [expert = 0, computed = 0, skipped = 0, sensitivity = 0, timestep = 0] = numbers;
  const [input, velocity] = [values('memory.input'), values('memory.velocity')];
  if (input === undefined || velocity === undefined) return undefined;
  return { expert, computed, skipped, sensitivity, timestep, input, velocity, difference: values('memory.difference') };
}
