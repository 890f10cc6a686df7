// A training run on disk: checkpoint.safetensors (parameters, both moments, moving average, step), log.jsonl, samples/.
// The checkpoint appears by rename, so a run that was killed at any moment resumes from the last whole one.
import { appendFile, mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { AdamState, FlatLayout } from '../graph/adamw.ts';
import { initialState } from '../graph/adamw.ts';
import { ModelFileError } from '../graph/errors.ts';
import { sameShape, show } from '../graph/shape.ts';
import { floats, tensor } from '../graph/tensor.ts';
import type { SafetensorsFile } from '../io/safetensors.ts';
import { openSafetensors, readTensor, writeSafetensors } from '../io/safetensors.ts';
import { SAID } from './said.ts';

const parts = ['parameters', 'firstMoment', 'secondMoment', 'ema'] as const;

export interface RunFolder {
  readonly path: string;
  /**
   * The saved state, or a fresh one when the folder has none, which takes its weights from the files of `start`.
   * Parameters that the checkpoint lacks start fresh.
   */
  load(layout: FlatLayout, random: () => number, start?: readonly SafetensorsFile[]): Promise<AdamState>;
  save(state: AdamState): Promise<void>;
  /** Appends one line of JSON to log.jsonl. */
  log(line: Readonly<Record<string, unknown>>): Promise<void>;
  /** A file's place under samples/. */
  sample(name: string): string;
}

async function restore(checkpoint: string, state: AdamState, purpose: string): Promise<void> {
  const file = await openSafetensors(checkpoint);
  if ((file.metadata['purpose'] ?? '') !== purpose)
    throw new ModelFileError(`${checkpoint} is of another stage, with which this one cannot go on. Give --run another folder.`); // prettier-ignore
  const layout = JSON.parse(file.metadata['layout'] ?? '[]') as readonly {
    name: string;
    offset: number;
    size: number;
  }[];
  const saved = new Map(layout.map((entry) => [entry.name, entry]));
  for (const part of parts) {
    const flat = floats(await readTensor(file, part));
    state.layout.specs.forEach((spec, i) => {
      const entry = saved.get(spec.name);
      const start = state.layout.offsets[i]!;
      const size = (state.layout.offsets[i + 1] ?? state.layout.size) - start;
      if (entry === undefined) return;
      if (entry.size !== size) {
        throw new ModelFileError(
          `${checkpoint}: ${spec.name} has ${entry.size} values, the model ${size}. Use another run folder.`,
        );
      }
      state[part].set(flat.subarray(entry.offset, entry.offset + size), start);
    });
  }
  state.step = Number(file.metadata['step'] ?? 0);
}

/** The towers' losses' own; towers are exported without them, so a training that goes on from those learns them anew. */
const notExported = (name: string): boolean => name === 'logit_scale' || name.startsWith(`${SAID}.`);

/** Exported weights as the parameters and their average, moments at zero. */
async function takeWeights(files: readonly SafetensorsFile[], { layout, parameters, ema }: AdamState): Promise<void> {
  for (const [i, { name, shape }] of layout.specs.entries()) {
    if (notExported(name)) continue;
    const file = files.find(({ tensors }) => tensors.has(name)) ?? files[0]!; // which says that it has it not
    const weight = await readTensor(file, name);
    if (!sameShape(weight.shape, shape))
      throw new ModelFileError(`${file.path}: ${name} is ${show(weight.shape)}, the recipe's ${show(shape)}.`);
    parameters.set(floats(weight), layout.offsets[i]);
    ema.set(floats(weight), layout.offsets[i]);
  }
}

function layoutJson({ specs, offsets, size }: FlatLayout): string {
  return JSON.stringify(
    specs.map(({ name }, i) => ({ name, offset: offsets[i]!, size: (offsets[i + 1] ?? size) - offsets[i]! })),
  );
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/**
 * Opens or makes the folder of a run.
 * @param purpose of runs that others cannot go on with, such as those that keep an autoencoder's latents
 */
export async function openRunFolder(path: string, purpose = ''): Promise<RunFolder> {
  await mkdir(join(path, 'samples'), { recursive: true });
  const checkpoint = join(path, 'checkpoint.safetensors');
  return {
    path,
    load: async (layout, random, start = []) => {
      const state = initialState(layout, random);
      if (await exists(checkpoint)) await restore(checkpoint, state, purpose);
      else if (start.length > 0) await takeWeights(start, state);
      return state;
    },
    save: (state) =>
      writeSafetensors(
        checkpoint,
        parts.map((part) => [part, tensor(state[part], [state[part].length])] as const),
        { step: String(state.step), layout: layoutJson(state.layout), purpose },
      ),
    log: (line) => appendFile(join(path, 'log.jsonl'), `${JSON.stringify(line)}\n`),
    sample: (name) => join(path, 'samples', name),
  };
}
