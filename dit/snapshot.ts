// A render between two steps as named tensors, to be saved in a .safetensors file and read back.
import { floats, int32Tensor, tensor } from '../graph/tensor.ts';
import type { Tensor } from '../graph/tensor.ts';
import type { Snapshot } from './sample.ts';

/** The tensors to save. `shape` is that of the latents, for whoever opens the file. */
export function snapshotTensors({ latents, state }: Snapshot, shape: readonly number[]): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>([
    ['latents', tensor(latents, shape)],
    ['step', int32Tensor([state.step], [1])],
  ]);
  state.predictions.forEach((values, i) => tensors.set(`prediction.${i}`, tensor(values, shape)));
  if (state.lastSample) tensors.set('last_sample', tensor(state.lastSample, shape));
  return tensors;
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
  return { latents, state: { step: Number(step), predictions, lastSample: values('last_sample') ?? null } };
}
