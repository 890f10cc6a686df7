// Step caching without training: a step whose velocity can be foretold is not computed. When to skip is EasyCache's rule on the
// transformer's whole output (Zhou et al. 2025, arXiv 2507.02860, eq. 5-7), with MagCache's bound on skips in a row (Ma et al.
// 2025, arXiv 2506.09045). Instead of the last output a skipped step gets the velocity to the clip that the last computed one
// foresaw. Late steps keep the last guidance difference and run the prompt alone (CFG-Cache of FasterCache, Lv et al. 2024, arXiv
// 2410.19355, and Adaptive Guidance, Castillo et al. 2023, arXiv 2312.12487). All that is remembered is a record, in and out.
import type { Velocity } from './guidance.ts';

/** What is remembered of the steps before. Numbers are float32, so that a saved render resumes to the same bytes. */
export interface StepMemory {
  /** Which expert computed all this. */
  readonly expert: number;
  /** Steps that were computed, and those skipped since the last of them. */
  readonly computed: number;
  readonly skipped: number;
  /** k of the paper: change of output over change of input, between the last two computed steps; 0 while there is one. */
  readonly sensitivity: number;
  readonly timestep: number;
  readonly input: Float32Array;
  readonly velocity: Float32Array;
  /** conditional - unconditional, as it was last computed. */
  readonly difference?: Float32Array | undefined;
}

export interface StepCacheOptions {
  /** Part of the steps at the start that are all computed, and how many at least. */
  readonly warmUp: number;
  readonly leastComputed: number;
  /** Relative change of the output, as foretold, up to which a step is skipped. */
  readonly tolerance: number;
  /** Skips in a row. */
  readonly mostSkipped: number;
  /** Part of the steps after which guidance keeps its last difference. */
  readonly guided: number;
}

/** `--fast`: chosen on nano with 20 steps (docs/performance.md). */
export const fastPreset = {
  warmUp: 0.2,
  leastComputed: 4,
  tolerance: 0.4,
  mostSkipped: 2,
  guided: 0.95,
} satisfies StepCacheOptions;

/** Fewer steps than those that are computed first, one that may be skipped and the last are all computed. */
export const LEAST_FAST_STEPS = fastPreset.leastComputed + 2;

/** One transformer under one prompt: what it says with the prompt, and without it. */
export interface GuidedPasses {
  readonly conditional: Velocity;
  /** Not asked at scale 1. */
  readonly unconditional: Velocity;
  readonly scale: number;
}

export interface CachedStep {
  readonly latents: Float32Array;
  /** Of the groups, as Velocity takes them. */
  readonly timesteps: Float32Array;
  /** Of the clip, 0..1000. */
  readonly timestep: number;
  readonly step: number;
  readonly steps: number;
}

/** A velocity that is handed what it remembered at the step before. */
export interface CachedVelocity {
  step(
    at: CachedStep,
    memory: StepMemory | undefined,
  ): Promise<{ readonly velocity: Float32Array; readonly memory: StepMemory }>;
}

/** @param expertAt which transformer has this timestep, as an index into `experts`; memory does not cross between them */
export function cachedVelocity(
  experts: readonly GuidedPasses[],
  expertAt: (timestep: number) => number,
  options: StepCacheOptions = fastPreset,
): CachedVelocity {
  return {
    async step(at, memory) {
      const expert = expertAt(at.timestep);
      const known = memory?.expert === expert ? memory : undefined;
      if (known !== undefined && maySkip(at, known, options)) {
        return { velocity: foretold(known, at), memory: { ...known, skipped: known.skipped + 1 } };
      }
      const given = isLate(at, options) ? known?.difference : undefined;
      const { velocity, difference } = await guided(experts[expert]!, at, given);
      return { velocity, memory: remember(at, { expert, velocity, difference, known }) };
    },
  };
}

/** A step's transformer and its guidance. */
export interface PlannedStep {
  readonly expert: number;
  readonly scale: number;
}

/** Passes of the transformer from step `first` on, where all steps are skipped that may be, or none. */
export function countPasses(
  path: readonly PlannedStep[],
  { first, skips }: { readonly first: number; readonly skips: boolean },
  options: StepCacheOptions = fastPreset,
): number {
  let passes = 0;
  let known = { expert: -1, computed: 0, skipped: 0 };
  for (const [step, { expert, scale }] of path.entries()) {
    if (step < first) continue;
    const at = { step, steps: path.length };
    if (known.expert !== expert) known = { expert, computed: 0, skipped: 0 };
    if (skips && known.computed >= 2 && isSkippable(at, known.skipped, options)) {
      known = { ...known, skipped: known.skipped + 1 };
      continue;
    }
    passes += scale === 1 || (known.computed > 0 && isLate(at, options)) ? 1 : 2;
    known = { expert, computed: known.computed + 1, skipped: 0 };
  }
  return passes;
}

type StepNumber = Pick<CachedStep, 'step' | 'steps'>;

/** Whether a step is one of those that a small change may spare. */
function isSkippable({ step, steps }: StepNumber, skipped: number, options: StepCacheOptions): boolean {
  const first = Math.max(options.leastComputed, Math.ceil(options.warmUp * steps));
  return step >= first && step < steps - 1 && skipped < options.mostSkipped;
}

const isLate = ({ step, steps }: StepNumber, options: StepCacheOptions): boolean =>
  step >= Math.ceil(options.guided * steps);

function maySkip(at: CachedStep, known: StepMemory, options: StepCacheOptions): boolean {
  if (!isSkippable(at, known.skipped, options) || known.computed < 2) return false;
  const { latents } = at;
  const change = (known.sensitivity * meanDistance(latents, known.input)) / meanDistance(known.velocity);
  return change < options.tolerance;
}

/** The velocity from here to the clip that the last computed step foresaw. */
function foretold({ input, timestep, velocity }: StepMemory, at: CachedStep): Float32Array {
  const [then, now] = [timestep / 1000, at.timestep / 1000]; // sigmas
  return velocity.map((value, i) => (at.latents[i]! - (input[i]! - then * value)) / now);
}

interface Guided {
  readonly velocity: Float32Array;
  readonly difference: Float32Array | undefined;
}

/** conditional + (scale - 1) * difference, which is guidance; a difference that is given spares the unconditional pass. */
async function guided(passes: GuidedPasses, at: CachedStep, given: Float32Array | undefined): Promise<Guided> {
  const conditional = await passes.conditional(at.latents, at.timesteps);
  if (passes.scale === 1) return { velocity: conditional, difference: undefined };
  const difference = given ?? minus(conditional, await passes.unconditional(at.latents, at.timesteps));
  return { velocity: conditional.map((value, i) => value + (passes.scale - 1) * difference[i]!), difference };
}

interface Computed extends Guided {
  readonly expert: number;
  readonly known: StepMemory | undefined;
}

function remember({ latents, timestep }: CachedStep, { expert, velocity, difference, known }: Computed): StepMemory {
  const sensitivity = known && meanDistance(velocity, known.velocity) / meanDistance(latents, known.input);
  const counts = { computed: 1 + (known?.computed ?? 0), skipped: 0, sensitivity: Math.fround(sensitivity ?? 0) };
  return { expert, ...counts, timestep, input: latents, velocity, difference };
}

function minus(a: Float32Array, b: Float32Array): Float32Array {
  return a.map((value, i) => value - b[i]!);
}

/** Mean of |a - b|, or of |a|. */
function meanDistance(a: Float32Array, b?: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += Math.abs(a[i]! - (b === undefined ? 0 : b[i]!));
  return sum / a.length;
}
