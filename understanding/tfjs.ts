// tfjs on the fastest of what is installed: a GPU, TensorFlow's own library, else WebAssembly, which comes along.
import * as tf from '@tensorflow/tfjs-core';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import type { EventEmitter } from 'node:events';
import { createRequire } from 'node:module';
import { dirname, join, sep } from 'node:path';
import { JobFailedError } from '../graph/errors.ts';

/** Packages that register a backend when they are imported; they are optional peers and may be missing or not run here. */
const native = [
  { name: '@tensorflow/tfjs-node-gpu', backend: 'tensorflow' },
  { name: '@tensorflow/tfjs-node', backend: 'tensorflow' },
] as const;

const crashEvents = ['uncaughtException', 'unhandledRejection'];
const program: EventEmitter = process;

let ready: Promise<string> | undefined;

/** Chooses the backend, once for the process. @returns the name of the package that computes */
export function readyTfjs(): Promise<string> {
  ready ??= chooseBackend();
  return ready;
}

async function chooseBackend(): Promise<string> {
  const before = crashEvents.map((event) => program.listeners(event));
  try {
    return await firstThatWorks();
  } finally {
    // Emscripten listens for crashes of the whole program and prints its own source then.
    for (const [i, event] of crashEvents.entries()) {
      const added = program.listeners(event).filter((listener) => !before[i]!.includes(listener));
      for (const listener of added) program.removeListener(event, listener as () => void);
    }
  }
}

async function firstThatWorks(): Promise<string> {
  for (const { name, backend } of native) {
    const found = await import(name).then(() => tf.setBackend(backend), () => false); // prettier-ignore
    if (found) return name;
  }
  const main = createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm');
  setWasmPaths(join(dirname(main), sep));
  if (await tf.setBackend('wasm')) return '@tensorflow/tfjs-backend-wasm';
  throw new JobFailedError('tfjs finds no way to compute: WebAssembly does not start. Install the packages again.', {
    code: 'TFJS',
  });
}
