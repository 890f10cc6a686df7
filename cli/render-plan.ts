// A render's plan in words: `tessera generate --plan`.
import type { RenderPlan } from '../jobs/plan.ts';
import { bytes, seconds, table } from './format.ts';

export function describePlan({
  render,
  stages,
  peakPrivateBytes,
  machineBytes,
  fits,
  flopsPerSecond,
}: RenderPlan): string {
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
    `The most private memory at once is about ${bytes(peakPrivateBytes)}; this machine has ${bytes(machineBytes)}${fits ? '' : ', which is not enough: use a smaller size or model'}.`,
  ].join('\n');
}
