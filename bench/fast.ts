// `npm run bench:fast -- [model folder] [prompts] [steps]`: what --fast gains and costs on a model of the procedural world. The clips of
// held-out prompts are rendered twice, with all steps and with step caching, scored both times as `tessera eval` scores them, and
// compared frame by frame. Times are of whole clips with decoding, without scoring; CPU time tells more where others work too.
import { resolve } from 'node:path';
import { evaluateClips, samplingDefaults } from '../training/evaluate.ts';
import type { Evaluation, EvaluationRequest } from '../training/evaluate.ts';
import { psnr } from '../training/scores/psnr.ts';

interface Measured extends Omit<Evaluation, 'clips'> {
  readonly clips: readonly Uint8Array[];
  readonly wallSeconds: number;
  readonly cpuSeconds: number;
}

async function measure(request: EvaluationRequest): Promise<Measured> {
  const clips: Uint8Array[] = [];
  let [wallSeconds, cpuSeconds] = [0, 0];
  let [start, cpu] = [performance.now(), process.cpuUsage()];
  const onProgress = (): void => void ([start, cpu] = [performance.now(), process.cpuUsage()]);
  const onClip = (frames: Uint8Array): void => {
    const { user, system } = process.cpuUsage(cpu);
    clips.push(frames.slice());
    if (clips.length === 1) return; // it also opened graphs
    wallSeconds += (performance.now() - start) / 1000;
    cpuSeconds += (user + system) / 1e6;
  };
  const scores = await evaluateClips({ ...request, onClip, onProgress });
  return { ...scores, clips, wallSeconds, cpuSeconds };
}

const [folder = 'models/nano', prompts = '40', steps] = process.argv.slice(2);
const model = resolve(folder);
const size = { frames: 17, width: 128, height: 128 };
const request = { model, prompts: Number(prompts), stage: 'clips', captions: 'plain', size } as const;
const own = await samplingDefaults(model);
const defaults = { ...own, ...(steps !== undefined && { steps: Number(steps) }) };
const full = await measure({ ...request, ...defaults });
const fast = await measure({ ...request, ...defaults, fast: true });
const decibels = full.clips.map((clip, i) => psnr(clip, fast.clips[i]!)).toSorted((a, b) => a - b);
const mean = decibels.reduce((sum, value) => sum + Math.min(value, 99), 0) / decibels.length;
const row = (name: string, ...cells: readonly string[]): void =>
  console.log([name.padEnd(28), ...cells.map((cell) => cell.padStart(10))].join(' '));
const seconds = (value: number): string => `${(value / (full.clips.length - 1)).toFixed(2)} s`;
const percent = ({ percent: value }: { readonly percent: number }): string => `${value.toFixed(1)} %`;

console.log(
  `${model}: ${full.clips.length} prompts, ${defaults.steps} steps of ${defaults.sampler}, guidance ${defaults.guidance}`,
);
row('', 'all steps', '--fast', 'ratio');
const ratio = (name: 'wallSeconds' | 'cpuSeconds'): string => `${(full[name] / fast[name]).toFixed(2)} x`;
row('a clip, CPU time', seconds(full.cpuSeconds), seconds(fast.cpuSeconds), ratio('cpuSeconds'));
row('a clip, wall time', seconds(full.wallSeconds), seconds(fast.wallSeconds), ratio('wallSeconds'));
for (const name of ['noun1', 'noun5', 'motion', 'place'] as const) row(name, percent(full[name]), percent(fast[name]));
row('PSNR between them', `${mean.toFixed(1)} dB`, `least ${decibels[0]!.toFixed(1)}`);
