// A render's plan in words: `tessera generate --plan`; and what a model's clips take of memory: `tessera models info`.
import type { MemoryPlan, RenderPlan, StagePlan } from '../jobs/plan.ts';
import { bytes, seconds, table } from './format.ts';

export function describePlan({ render, stages, device, flopsPerSecond, notices, ...memory }: RenderPlan): string {
  const rows = stages.map(({ stage, mappedBytes, privateBytes, ...time }) => [
    stage,
    bytes(mappedBytes),
    bytes(privateBytes),
    timeOf(time),
  ]);
  const { width, height, frames, steps, model } = render;
  return [
    `${model}: ${width}x${height}, ${frames} frames, ${steps} steps, at ${(flopsPerSecond / 1e9).toFixed(0)} GFLOP/s of a bare product on ${device}`,
    table([['stage', 'mapped', 'private', 'time'], ...rows]),
    most(memory),
    ...notices,
  ].join('\n');
}

/** Steps that fast may skip leave it open between two times. */
const timeOf = ({ seconds: most, leastSeconds }: Pick<StagePlan, 'seconds' | 'leastSeconds'>): string =>
  leastSeconds === undefined ? seconds(most) : `${seconds(leastSeconds)} to ${seconds(most)}`;

export function describeMemory({ stages, ...memory }: MemoryPlan): string {
  const rows = stages.map(({ stage, mappedBytes, privateBytes }) => [stage, bytes(mappedBytes), bytes(privateBytes)]);
  return [table([['stage', 'mapped', 'private'], ...rows]), most(memory)].join('\n');
}

const most = ({ peakPrivateBytes, machineBytes, fits }: Omit<MemoryPlan, 'stages'>): string =>
  `The most private memory at once is about ${bytes(peakPrivateBytes)}; this machine has ${bytes(machineBytes)}${fits ? '' : ', which is not enough: use a smaller size or model'}.`;
