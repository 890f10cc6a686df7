// A request and a model's defaults become a render: every choice made, nothing left open. What is written beside a clip
// is its render, so the clip can be made again whatever the defaults will be by then.
import { createHash, randomInt } from 'node:crypto';
import { type SamplerName, samplerConfig, type SchedulerConfig } from '../dit/scheduler-config.ts';
import type { Spacing } from '../dit/flow-sigmas.ts';
import { InvalidRequestError } from '../graph/errors.ts';
import { type Direction, followsTime, settleDirection } from './direction.ts';
import { loraText } from './lora.ts';
import { checkModelSize, type Model } from './model.ts';
import type { ModelDefaults } from './model-defaults.ts';
import { checkPathTimes } from './path-layout.ts';
import { withoutPaths } from './prompt-files.ts';
import { fileFields, type ParsedRequest, pinFields } from './request.ts';
import { checkVisuals } from './visual-kind.ts';
import { framesOfSeconds, takesOf } from './take.ts';
import { promptSeconds } from './timed-prompts.ts';
import type { WeightMode } from './weight-mode-names.ts';

/** One clip to make, with every choice made. */
export interface Render extends Direction {
  readonly prompt: string;
  /** Which expander was asked, and what it made of the prompt. */
  readonly expand?: string;
  readonly expanded?: string;
  /** Path of the picture that the clip starts from, its checksum, and how it fills the clip. */
  readonly image?: string;
  readonly imageSha256?: string;
  readonly fit?: 'cover' | 'contain' | 'stretch';
  /** Pictures and videos that the clip follows, each with its checksum; see request.ts. */
  readonly last?: string;
  readonly lastSha256?: string;
  /** A picture that says more beside the prompt, how much, and what was read from it; see like.ts. */
  readonly like?: string;
  readonly likeSha256?: string;
  readonly likeWeight?: number;
  readonly likeness?: string;
  readonly control?: string;
  readonly controlSha256?: string;
  readonly mask?: string;
  readonly maskSha256?: string;
  readonly reference?: readonly string[];
  readonly referenceSha256?: readonly string[];
  readonly negativePrompt: string;
  readonly model: string;
  /** LoRA files that are merged into the model, `file` or `file:weight`. */
  readonly lora?: readonly string[];
  readonly loraLenient?: boolean;
  /** How weights are held. */
  readonly weights?: WeightMode;
  readonly textWeights?: WeightMode;
  readonly width: number;
  readonly height: number;
  readonly frames: number;
  readonly fps: number;
  readonly steps: number;
  /** Noise levels before the shift, one for each step; left out, the sampler spaces them. */
  readonly sigmas?: readonly number[];
  readonly sampler: SamplerName;
  readonly guidance: number;
  /** Of the second expert, in models that have two. */
  readonly guidanceLow?: number;
  readonly shift: number;
  /** `tiny:<file>`, in place of the model's own decoder. */
  readonly decoder?: string;
  /** Steps that can be foretold are skipped. */
  readonly fast?: boolean;
  readonly seed: number;
  /** Which of the seed's clips. */
  readonly clip: number;
}

/** The renders of a request, one for each clip. @throws InvalidRequestError for what this model cannot do */
export function resolveRequest(request: ParsedRequest, model: Model): readonly Render[] {
  const { defaults, scheduler } = model;
  const direction = settleDirection(request);
  const size = {
    width: request.width ?? defaults.width,
    height: request.height ?? defaults.height,
    ...lengthOf(request, model),
  };
  checkModelSize(model, size);
  checkVisuals(model, request);
  const first = request.clip ?? 0;
  const render: Render = {
    prompt: request.prompt,
    ...(request.expand !== undefined && { expand: request.expand }),
    ...(request.expanded !== undefined && { expanded: request.expanded }),
    ...visualsOf(request),
    ...likenessOf(request),
    ...direction,
    negativePrompt: request.negativePrompt ?? defaults.negativePrompt,
    model: model.name,
    ...(request.lora !== undefined && request.lora.length > 0 && { lora: request.lora.map(loraText) }),
    ...(request.loraLenient === true && { loraLenient: true }),
    ...(request.weights !== undefined && { weights: request.weights }),
    ...(request.textWeights !== undefined && { textWeights: request.textWeights }),
    ...size,
    fps: request.fps ?? defaults.fps,
    ...stepsOf(request, defaults),
    sampler: request.sampler ?? defaults.sampler ?? scheduler.sampler,
    guidance: request.guidance ?? defaults.guidance,
    ...guidanceLowOf(request, model),
    shift: request.shift ?? defaults.shift ?? scheduler.shift,
    ...(model.tinyDecoder && { decoder: `tiny:${model.tinyDecoder.path}` }),
    ...(request.fast === true && { fast: true }),
    seed: seedOf(request.seed),
    clip: first,
  };
  const [take] = takesOf(render, model); // refuses lengths that leave nothing to make
  checkPathTimes(render, take!, model);
  return Array.from({ length: request.clips ?? 1 }, (_, i) => ({ ...render, clip: first + i }));
}

/** Levels and their number: those of the request, else the model's own where the request does not say how many steps. */
function stepsOf(request: ParsedRequest, defaults: ModelDefaults): Pick<Render, 'steps' | 'sigmas'> {
  const sigmas = request.sigmas ?? (request.steps === undefined ? defaults.sigmas : undefined);
  if (sigmas === undefined) return { steps: request.steps ?? defaults.steps };
  if (request.steps !== undefined && request.steps !== sigmas.length) {
    throw new InvalidRequestError(
      `sigmas (=${sigmas.join(',')}) are ${sigmas.length} levels and steps (=${request.steps}) other ones. Leave steps out.`,
    );
  }
  return { steps: sigmas.length, sigmas };
}

function guidanceLowOf(request: ParsedRequest, { name, experts, defaults }: Model): Pick<Render, 'guidanceLow'> {
  const { guidance, guidanceLow } = request;
  if (experts === undefined) {
    if (guidanceLow === undefined) return {};
    throw new InvalidRequestError(
      `guidanceLow (=${guidanceLow}) is for models of two experts, and ${name} has one. Use guidance.`,
    );
  }
  // Guidance that is asked for holds for both, as in the reference's pipeline.
  return { guidanceLow: guidanceLow ?? guidance ?? defaults.guidanceLow ?? defaults.guidance };
}

/** Frames that are made at once; and the seconds of the whole, where that is more than them. */
function lengthOf(request: ParsedRequest, model: Model): { frames: number; seconds?: number } {
  const { defaults } = model;
  const frames = request.frames ?? defaults.frames;
  const seconds = request.seconds ?? promptSeconds(request.prompt);
  if (seconds === undefined) return { frames };
  if ((request.extend ?? request.between) !== undefined) return { frames, seconds };
  const all = framesOfSeconds(seconds, request.fps ?? defaults.fps, model);
  return all <= frames && request.loop !== true ? { frames: all } : { frames, seconds };
}

/** The model's own scheduler where the render uses that sampler, else the sampler with the reference's settings. */
export function schedulerOf(render: Render, model: Model): SchedulerConfig {
  const { sampler, shift } = render;
  return model.scheduler.sampler === sampler ? { ...model.scheduler, shift } : samplerConfig(sampler, shift);
}

/** What the model is told that a clip shows. */
export const promptOf = ({ prompt, expanded }: Pick<Render, 'prompt' | 'expanded'>): string => expanded ?? prompt;

/** Whether any of its passes is without the prompt. */
export const isGuided = ({ guidance, guidanceLow = guidance }: Render): boolean => guidance !== 1 || guidanceLow !== 1;

/** How a render's steps are spaced. */
export const spacingOf = ({ steps, sigmas }: Render): Spacing => (sigmas === undefined ? { steps } : { sigmas });

/** Names the latents of a render: equal for renders that sample the same numbers, also from another folder. Devices round differently. */
export function latentsKey(render: Render, model: Model, device = 'cpu'): string {
  const { fps, model: _name, lora: _files, loraLenient: _lenient, ...settings } = withoutPaths(render);
  const sampled = { ...settings, ...((followsTime(render) || hasTimes(render)) && { fps }) };
  return createHash('sha256')
    .update(JSON.stringify(['latents 2', model.fingerprint, sampled, ...(device === 'cpu' ? [] : [device])]))
    .digest('hex');
}

/** Whether parts of its prompt or its path are of certain seconds. */
const hasTimes = (render: Render): boolean =>
  render.path !== undefined || promptSeconds(promptOf(render)) !== undefined;

/** 0 unless asked for: the same command gives the same clip, and goes on where it was stopped. */
function seedOf(seed: ParsedRequest['seed']): number {
  return seed === 'random' ? randomInt(2 ** 32) : (seed ?? 0);
}

/** From 0.2 on, prompts lose things that they name; what they leave open is the picture's at any weight: docs/directing.md. */
const LIKE_WEIGHT = 0;

function likenessOf({ like, likeWeight = LIKE_WEIGHT, likeness }: ParsedRequest): Partial<Render> {
  return like === undefined ? {} : { likeWeight, ...(likeness !== undefined && { likeness }) };
}

/** Pictures and videos that were asked for, with their checksums. */
function visualsOf(request: ParsedRequest): Partial<Render> {
  const fields = [...fileFields, ...pinFields];
  const sent = fields.flatMap((field) => (request[field] === undefined ? [] : [[field, request[field]] as const]));
  if (sent.length === 0) return {};
  return { ...Object.fromEntries(sent), fit: request.fit ?? 'cover' };
}
