// A transformer opened for sampling clips of one shape: compiles the graph, keeps its session, feeds it one clip's latents
// under one or two conditions. Guidance and samplers are built on it.
import { concat, input } from '../graph/build.ts';
import { compile } from '../graph/compile.ts';
import { fetched } from '../graph/engine.ts';
import type { Engine, Session } from '../graph/engine.ts';
import { ShapeError } from '../graph/errors.ts';
import type { Node } from '../graph/node.ts';
import { parameterScope } from '../graph/parameters.ts';
import { floats, sizeOf, tensor } from '../graph/tensor.ts';
import type { Tensor } from '../graph/tensor.ts';
import type { Weights } from '../graph/weights.ts';
import type { TransformerConfig } from './config.ts';
import { velocity } from './transformer.ts';

/** What a clip is to show. All conditions of one denoiser have the same fields and shapes. */
export interface Condition {
  /** Text states [1,L,textDim]. */
  readonly text: Tensor;
  /** [1,L]: 1 for a word, 0 for padding that is not attended to. */
  readonly textMask?: Tensor;
  /** Image tokens [1,L',imageDim]; two rows in first-and-last-frame models. */
  readonly image?: Tensor;
  /** Channels behind the noisy latents: mask and clean latents of image-to-video models, [1,inChannels-outChannels,T,H,W]. */
  readonly channels?: Tensor;
  /** Control latents of VACE models, [1,vace.inChannels,T,H,W]. */
  readonly control?: Tensor;
}

export interface DenoiserOptions {
  readonly config: TransformerConfig;
  readonly weights: Weights;
  /** When 16-bit weights become float32, see CompileRequest. */
  readonly widen?: 'once' | 'late';
  /** Of the latents: [outChannels,T,H,W]. */
  readonly shape: readonly [number, number, number, number];
  /** Timesteps per clip: 1, one per token frame, or one per token. */
  readonly timesteps: number;
  /** A condition like those that will be given: only its fields' shapes matter. */
  readonly like: Condition;
  /** Conditions per run. 2 runs guidance in one pass of twice the memory; 1 runs it in two. */
  readonly batch: 1 | 2;
}

export interface Denoiser {
  /** Velocities of one clip under each condition; their number is a multiple of the batch. */
  run(latents: Float32Array, timesteps: Float32Array, conditions: readonly Condition[]): Promise<Float32Array[]>;
  release(): Promise<void>;
}

/** Opens the transformer for one shape. Throws ModelFileError when weights are missing or do not fit the config. */
export async function openDenoiser(engine: Engine, options: DenoiserOptions): Promise<Denoiser> {
  const { batch, weights, widen } = options;
  const session = await engine.open(
    compile({ outputs: { velocity: graph(options) }, weights, ...(widen && { widen }) }),
  );
  return {
    async run(latents, timesteps, conditions) {
      if (conditions.length % batch !== 0) {
        throw new ShapeError(`${conditions.length} conditions do not divide into runs of ${batch}.`);
      }
      const velocities: Float32Array[] = [];
      for (let i = 0; i < conditions.length; i += batch) {
        velocities.push(
          ...(await runBatch(session, options, { latents, timesteps, conditions: conditions.slice(i, i + batch) })),
        );
      }
      return velocities;
    },
    release: () => session.release(),
  };
}

function graph({ config, shape, timesteps, like, batch }: DenoiserOptions): Node {
  const feed = (name: keyof Condition): Node | undefined => {
    const value = like[name];
    return value && input(name, [value.shape[0]! * batch, ...value.shape.slice(1)]);
  };
  const channels = feed('channels');
  const latents = input('latents', [batch, ...shape]);
  return velocity(parameterScope().parameters, config, {
    latents: channels ? concat([latents, channels], 1) : latents,
    timestep: input('timestep', [batch, timesteps]),
    text: feed('text')!,
    textMask: feed('textMask'),
    image: feed('image'),
    control: feed('control'),
  });
}

interface Batch {
  readonly latents: Float32Array;
  readonly timesteps: Float32Array;
  readonly conditions: readonly Condition[];
}

async function runBatch(session: Session, options: DenoiserOptions, batch: Batch): Promise<Float32Array[]> {
  const rows = batch.conditions.length;
  const feeds: Record<string, Tensor> = {
    latents: stack(batch.conditions.map(() => tensor(batch.latents, [1, ...options.shape]))),
    timestep: stack(batch.conditions.map(() => tensor(batch.timesteps, [1, options.timesteps]))),
  };
  for (const field of ['text', 'textMask', 'image', 'channels', 'control'] as const) {
    const parts = batch.conditions.flatMap((condition) => condition[field] ?? []);
    if (parts.length > 0) feeds[field] = stack(parts);
  }
  const result = floats(fetched(await session.run(feeds), 'velocity'));
  const size = result.length / rows;
  return batch.conditions.map((_, i) => result.subarray(i * size, (i + 1) * size));
}

/** Joins float32 tensors along their first axis. */
function stack(parts: readonly Tensor[]): Tensor {
  const [first] = parts;
  if (parts.length === 1) return first!;
  const size = sizeOf(first!.shape);
  const joined = new Float32Array(size * parts.length);
  parts.forEach((part, i) => joined.set(floats(part), i * size));
  return tensor(joined, [first!.shape[0]! * parts.length, ...first!.shape.slice(1)]);
}
