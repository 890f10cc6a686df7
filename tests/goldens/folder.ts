// Where the reference's recorded numbers lie, and how to read one case of them.
// The folder is TESSERA_GOLDENS, else tests/fixtures/goldens; its README.md tells the format and the tolerances.
// Cases are found by listing, so another folder of the same format is tested by the same code.
import { existsSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Tensor } from '../../graph/tensor.ts';
import type { Weights } from '../../graph/weights.ts';
import { openSafetensors, readTensor } from '../../io/safetensors.ts';

/** One recorded model: its configuration, weights, what went in and what came out. */
export interface GoldenCase {
  readonly config: Record<string, unknown>;
  readonly weights: Weights;
  readonly inputs: Map<string, Tensor>;
  readonly outputs: Map<string, Tensor>;
  readonly folder: string;
}

/** The folder that holds one folder per kind of model. */
export function goldensFolder(): string {
  return process.env['TESSERA_GOLDENS'] ?? fileURLToPath(new URL('../fixtures/goldens', import.meta.url));
}

/** Names of the cases of a kind (`wan_vae`, `clip_text`, ...): folders, or JSON files (`schedulers`) without their ending. */
export function goldenCases(kind: string): string[] {
  const folder = join(goldensFolder(), kind);
  if (!existsSync(folder)) return [];
  const entries = readdirSync(folder, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory() || entry.name.endsWith('.json'));
  return names.map((entry) => entry.name.replace(/\.json$/, '')).sort();
}

/** Reads a case that is a folder; its weights stay in the file. */
export async function readGolden(kind: string, name: string): Promise<GoldenCase> {
  const folder = join(goldensFolder(), kind, name);
  const weightsFile = ['diffusion_pytorch_model.safetensors', 'model.safetensors'].find((file) =>
    existsSync(join(folder, file)),
  );
  if (weightsFile === undefined) throw new Error(`${folder} holds no weights (.safetensors).`);
  return {
    config: await readJson(join(folder, 'config.json')),
    weights: (await openSafetensors(join(folder, weightsFile))).weights,
    inputs: await readTensors(join(folder, 'inputs.safetensors')),
    outputs: await readTensors(join(folder, 'outputs.safetensors')),
    folder,
  };
}

/** All tensors of a .safetensors file by name; empty if there is no such file (some cases have no intermediates). */
export async function readTensors(path: string): Promise<Map<string, Tensor>> {
  if (!existsSync(path)) return new Map();
  const file = await openSafetensors(path);
  const names = [...file.tensors.keys()];
  return new Map(await Promise.all(names.map(async (name) => [name, await readTensor(file, name)] as const)));
}

/** A JSON object of a case: `config.json`, `tiling.json`, a scheduler's record. */
export async function readJson(path: string): Promise<Record<string, unknown>> {
  return JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
}

/** Largest |actual - expected|; Infinity where lengths differ or a value is not a number. */
export function largestError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Infinity;
  let largest = 0;
  for (let i = 0; i < actual.length; i++) {
    const error = Math.abs(actual[i]! - expected[i]!);
    if (!(error <= largest)) largest = Number.isNaN(error) ? Infinity : error;
  }
  return largest;
}
