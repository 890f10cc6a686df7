// Where graphs run. Which execution providers work is found out by running a product on each in a process of its own: drivers
// may be missing, refuse, or end the process. CPU always works.
import { childEngine } from '../graph/child-engine.ts';
import { input, matmul } from '../graph/build.ts';
import { compile } from '../graph/compile.ts';
import { fetched } from '../graph/engine.ts';
import type { Device } from '../graph/session.ts';
import { floats, tensor } from '../graph/tensor.ts';

export interface DeviceReport {
  readonly device: Device;
  readonly works: boolean;
  /** Why it does not, in a line. */
  readonly problem?: string;
  /** Operations a second of a product, copies to the device and back included. */
  readonly flopsPerSecond?: number;
}

const ROWS = 512;
const WIDTH = 1024;
const RUNS = 4;

/** Runs a product on a device and looks at its result. */
export async function probeDevice(device: Device, threads?: number): Promise<DeviceReport> {
  const options = { device, strict: true, ...(threads !== undefined && { threads }) };
  try {
    const engine = await childEngine(options, { quiet: true });
    try {
      const product = matmul(input('a', [ROWS, WIDTH]), input('b', [WIDTH, WIDTH]));
      const graph = compile({ outputs: { product }, weights: () => undefined });
      const session = await engine.open(graph);
      const feeds = { a: filled([ROWS, WIDTH]), b: filled([WIDTH, WIDTH]) };
      let best = Infinity;
      for (let run = 0; run < RUNS; run++) {
        const start = performance.now();
        const values = floats(fetched(await session.run(feeds), 'product'));
        best = Math.min(best, performance.now() - start);
        if (!values.every((value) => Math.abs(value - WIDTH / 4) < 0.01 * WIDTH))
          return { device, works: false, problem: 'it computes wrong numbers' };
      }
      return { device, works: true, flopsPerSecond: graph.flops / (best / 1000) };
    } finally {
      await engine.close();
    }
  } catch (error) {
    return { device, works: false, problem: shortly(error) };
  }
}

function filled(shape: readonly [number, number]) {
  return tensor(new Float32Array(shape[0] * shape[1]).fill(0.5), shape);
}

/** The gist of a runtime's many words. */
function shortly(error: unknown): string {
  const text = (error instanceof Error ? error.message : String(error)).replace(/\s+/g, ' ');
  if (/WebGPU adapter|vkCreateInstance/i.test(text)) return 'no graphics driver offers a WebGPU adapter';
  if (/cuda|shared library|provider/i.test(text)) return 'its libraries are not installed';
  return text.length > 160 ? `${text.slice(0, 160)}…` : text;
}

export interface ChosenDevice {
  readonly device: Device;
  /** What the user should know: that another device was taken than was asked for. */
  readonly notice?: string;
}

/** `auto` takes the fastest that works; a device that is asked for and does not work is replaced by the CPU. */
export async function chooseDevice(choice: 'auto' | Device, threads?: number): Promise<ChosenDevice> {
  if (choice === 'cpu') return { device: 'cpu' };
  if (choice !== 'auto') {
    const { works, problem } = await probeDevice(choice, threads);
    if (works) return { device: choice };
    return { device: 'cpu', notice: `${choice} does not work here (${problem}), so this runs on the CPU.` };
  }
  const reports: DeviceReport[] = [];
  for (const device of ['cuda', 'webgpu', 'cpu'] as const) reports.push(await probeDevice(device, threads)); // one after the other, to be comparable
  const fastest = reports.filter(({ works }) => works).toSorted((a, b) => b.flopsPerSecond! - a.flopsPerSecond!)[0];
  return { device: fastest?.device ?? 'cpu' };
}
