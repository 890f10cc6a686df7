// `npm run bench:plan -- <model folder> --size 128x128x9`: what `--plan` says of a render beside what the render then takes, stage by
// stage: memory of this process and the engine's, and time. Made for folders of scripts/random-checkpoint.ts, Linux only.
// Options: --steps 2, --guidance 5, --weights f16, --text-weights int4, --image a.png, --last b.png, --control c.mp4, --reference d.png.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { generate } from '../jobs/generate.ts';
import { planRender, type StagePlan } from '../jobs/plan.ts';
import type { Progress } from '../jobs/progress.ts';
import type { GenerateRequest } from '../jobs/request.ts';
import { readSettings } from '../jobs/settings.ts';
import { heldByRender } from './process-memory.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    size: { type: 'string', default: '128x128x9' },
    steps: { type: 'string', default: '2' },
    guidance: { type: 'string' },
    weights: { type: 'string' },
    'text-weights': { type: 'string' },
    image: { type: 'string' },
    last: { type: 'string' },
    control: { type: 'string' },
    reference: { type: 'string', multiple: true },
  },
});

/** What the plan calls by one name each; pictures are looked at and encoded while the clip loads. */
type Phase = 'load' | 'text' | 'given' | 'steps' | 'decode';
const plannedIn: Readonly<Record<StagePlan['stage'], Phase>> = {
  ...{ text: 'text', look: 'given', encode: 'given', steps: 'steps', decode: 'decode' },
};

interface Taken {
  privateBytes: number;
  fileBytes: number;
  seconds: number;
}

/** Notes the most that is held in each phase, and how long it lasts. */
class Meter {
  readonly phases = new Map<Phase, Taken>();
  #phase: Phase = 'load';
  #since = performance.now();

  look(): void {
    const taken = this.phases.get(this.#phase) ?? { privateBytes: 0, fileBytes: 0, seconds: 0 };
    const { privateBytes, fileBytes } = heldByRender();
    const now = performance.now();
    taken.privateBytes = Math.max(taken.privateBytes, privateBytes);
    taken.fileBytes = Math.max(taken.fileBytes, fileBytes);
    taken.seconds += (now - this.#since) / 1000;
    this.#since = now;
    this.phases.set(this.#phase, taken);
  }

  enter({ stage }: Progress): void {
    const next = stage === 'load' && this.phases.has('text') ? 'given' : stage === 'encode' ? 'decode' : stage;
    if (next === this.#phase) return;
    this.look();
    this.#phase = next;
  }
}

const [width, height, frames] = values.size.split('x').map(Number) as [number, number, number];
const folder = await mkdtemp(join(tmpdir(), 'tessera-bench-'));
const request = {
  ...{ prompt: 'a cat walks in snow', model: positionals[0], width, height, frames, steps: Number(values.steps) },
  ...(values.guidance !== undefined && { guidance: Number(values.guidance) }),
  ...{ weights: values.weights, textWeights: values['text-weights'] },
  ...{ image: values.image, last: values.last, control: values.control, reference: values.reference },
};
const asked = {
  ...Object.fromEntries(Object.entries(request).filter(([, value]) => value !== undefined)),
  output: join(folder, 'clip.mp4'),
} as GenerateRequest;
const settings = { ...readSettings(), cacheFolder: join(folder, 'cache') };
try {
  const plan = await planRender(asked, settings);
  const meter = new Meter();
  const looking = setInterval(() => meter.look(), 50);
  const { clips } = await generate(asked, { settings, onProgress: (progress) => meter.enter(progress) });
  clearInterval(looking);
  meter.look();
  report(plan.stages, meter.phases);
  const seconds = [...meter.phases.values()].reduce((sum, taken) => sum + taken.seconds, 0);
  const peak = Math.max(...[...meter.phases.values()].map(({ privateBytes }) => privateBytes));
  console.log(
    `most private: planned ${gb(plan.peakPrivateBytes)}, measured ${gb(peak)}; ${seconds.toFixed(0)} s in all`,
  );
  console.log(`${clips[0]!.frames} frames of ${clips[0]!.width}x${clips[0]!.height} came out`);
} finally {
  await rm(folder, { recursive: true });
}

function report(stages: readonly StagePlan[], phases: ReadonlyMap<Phase, Taken>): void {
  console.log('phase    mapped GB: plan, in memory   private GB: plan, taken   seconds: plan, taken');
  for (const [phase, taken] of phases) {
    const planned = stages.filter(({ stage }) => plannedIn[stage] === phase);
    const most = (of: (stage: StagePlan) => number): number => Math.max(0, ...planned.map(of));
    const cells = [
      gb(most(({ mappedBytes }) => mappedBytes)),
      gb(taken.fileBytes),
      gb(most(({ privateBytes }) => privateBytes)),
      gb(taken.privateBytes),
      planned.reduce((sum, { seconds }) => sum + seconds, 0).toFixed(1),
      taken.seconds.toFixed(1),
    ];
    console.log([phase.padEnd(8), ...cells.map((cell) => cell.padStart(12))].join(' '));
  }
}

function gb(bytes: number): string {
  return (bytes / 1e9).toFixed(2);
}
