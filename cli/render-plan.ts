// A render's plan in words: `tessera generate --plan`; and what a model's clips take of memory: `tessera models info`.
import type { MemoryPlan, RenderPlan } from '../jobs/plan.ts';
import { bytes, seconds, table } from './format.ts';

export function describePlan({ render, stages, flopsPerSecond, ...memory }: RenderPlan): string {
  const rows = stages.map(({ stage, mappedBytes, privateBytes, seconds: time }) => [
    stage,
    bytes(mappedBytes),
    bytes(privateBytes),
    seconds(time),
  ]);
  const { width, height, frames, steps, model } = render;
  return [
    `${model}: ${width}x${height}, ${frames} frames, ${steps} steps, at ${(flopsPerSecond / 1e9).toFixed(0)} GFLOP/s of a bare product`,
    table([['stage', 'mapped', 'private', 'time'], ...rows]),
    most(memory),
  ].join('\n');
}

export function describeMemory({ stages, ...memory }: MemoryPlan): string {
  const rows = stages.map(({ stage, mappedBytes, privateBytes }) => [stage, bytes(mappedBytes), bytes(privateBytes)]);
  return [table([['stage', 'mapped', 'private'], ...rows]), most(memory)].join('\n');
}

const most = ({ peakPrivateBytes, machineBytes, fits }: Omit<MemoryPlan, 'stages'>): string =>
  `The most private memory at once is about ${bytes(peakPrivateBytes)}; this machine has ${bytes(machineBytes)}${fits ? '' : ', which is not enough: use a smaller size or model'}.`;
