// The engine alone: the bare matrix product that all shares refer to, nano's training step, opening a large checkpoint.
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { input, matmul, sum } from '../graph/build.ts';
import { compile } from '../graph/compile.ts';
import type { CompiledGraph, ValueInfo } from '../graph/compile.ts';
import { gradients } from '../graph/gradients.ts';
import { parameterScope } from '../graph/parameters.ts';
import { openRuntimeSession } from '../graph/session.ts';
import { int32Tensor, sizeOf, tensor } from '../graph/tensor.ts';
import type { Tensor } from '../graph/tensor.ts';
import { openSafetensors } from '../io/safetensors.ts';
import { transformerStages } from '../training/curriculum.ts';
import { autoencoderStages } from '../training/recipes.ts';
import { transformerLoss } from '../training/transformer.ts';
import { median, medianTime } from './measure.ts';
import type { Row } from './measure.ts';

/** Small reproducible values: the numbers do not matter, denormals would. Whole numbers are zeros. */
export function filler(graph: CompiledGraph): Record<string, Tensor> {
  const values = (count: number) => Float32Array.from({ length: count }, (_, i) => ((i * 7919) % 1000) / 1e4 - 0.05);
  const filled = ({ dtype, shape }: ValueInfo): Tensor =>
    dtype === 'int32' ? int32Tensor(new Int32Array(sizeOf(shape)), shape) : tensor(values(sizeOf(shape)), shape);
  return Object.fromEntries(graph.inputs.map((value) => [value.name, filled(value)]));
}

async function timeGraph(stage: string, graph: CompiledGraph, repeats: number, memoryPattern = true): Promise<Row> {
  const session = await openRuntimeSession(graph, { memoryPattern });
  const feeds = filler(graph);
  const milliseconds = await medianTime(repeats, () => session.run(feeds));
  await session.release();
  return { stage, milliseconds, flops: graph.flops };
}

export function bareProduct(): Promise<Row> {
  const size = 2048;
  const y = matmul(input('a', [size, size]), input('b', [size, size]));
  return timeGraph(`bare product ${size}³`, compile({ outputs: { y }, weights: () => undefined }), 9);
}

/** Forward, loss and all gradients of nano's transformer on four 17-frame clips of 128x128. */
export async function trainingStep(): Promise<Row> {
  const recipe = transformerStages.clips;
  const bucket = { frames: 17, width: 128, height: 128, batch: 4, share: 1 };
  const { scope, graph } = transformerLoss(recipe, autoencoderStages.clips.config, bucket);
  const names = scope.specs().map(({ name }) => name);
  const grads = gradients(
    graph.loss,
    names.map((name) => scope.node(name)),
  );
  const outputs = { loss: graph.loss, ...Object.fromEntries(names.map((name, i) => [`grad.${name}`, grads[i]!])) };
  return timeGraph('training step, 4 clips of 17x128x128', compile({ outputs, weights: 'inputs' }), 5, false);
}

const checkpointTensors = 32;
const checkpointWidth = 4096;

/** A sparse file: header of 32 float32 matrices of 4096², 2.1 GB of zeros behind it. */
async function sparseCheckpoint(path: string): Promise<void> {
  const bytes = checkpointWidth ** 2 * 4;
  const entries = Array.from({ length: checkpointTensors }, (_, i) => [
    `layers.${i}.weight`,
    { dtype: 'F32', shape: [checkpointWidth, checkpointWidth], data_offsets: [i * bytes, (i + 1) * bytes] },
  ]);
  const header = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const file = await open(path, 'w');
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  await file.write(Buffer.concat([length, header]));
  await file.truncate(8 + header.length + checkpointTensors * bytes);
  await file.close();
}

/** Header, graph, session over a memory-mapped 2 GB checkpoint. */
export async function openCheckpoint(): Promise<Row> {
  const folder = await mkdtemp(join(tmpdir(), 'tessera-bench-'));
  const path = join(folder, 'model.safetensors');
  await sparseCheckpoint(path);
  const openOnce = async (): Promise<number> => {
    const start = performance.now();
    const { weights } = await openSafetensors(path);
    const { parameters } = parameterScope();
    let x = input('x', [1, checkpointWidth]);
    for (let i = 0; i < checkpointTensors; i++) {
      x = matmul(x, parameters(`layers.${i}.weight`, [checkpointWidth, checkpointWidth]), { transB: true });
    }
    const session = await openRuntimeSession(compile({ outputs: { y: sum(x, [1]) }, weights }), { prepack: false });
    const milliseconds = performance.now() - start;
    await session.release();
    return milliseconds;
  };
  try {
    const times: number[] = [];
    for (let i = 0; i < 5; i++) times.push(await openOnce());
    return { stage: 'open a mapped 2.1 GB checkpoint', milliseconds: median(times) };
  } finally {
    await rm(folder, { recursive: true });
  }
}
