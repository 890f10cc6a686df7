// Samplers from scheduler_config.json of diffusers. Three of its schedulers are known, each in the setting that flow models
// use; another setting is refused by name rather than sampled wrongly.
import { z } from 'zod';
import { InvalidRequestError, ModelFileError } from '../graph/errors.ts';
import type { Prediction } from './config.ts';
import { createDpmSolver } from './dpmpp.ts';
import type { DpmConfig } from './dpmpp.ts';
import { createFlowEuler } from './flow-euler.ts';
import type { FlowEulerConfig } from './flow-euler.ts';
import type { Spacing } from './flow-sigmas.ts';
import type { Scheduler } from './scheduler.ts';
import { createUniPC } from './unipc.ts';
import type { UniPCConfig } from './unipc.ts';

export type SchedulerConfig = UniPCConfig | FlowEulerConfig | DpmConfig;
export type SamplerName = SchedulerConfig['sampler'];
export const samplerNames = ['unipc', 'euler', 'dpmpp'] as const satisfies readonly SamplerName[];

const off = z.literal(false).default(false);
const trainTimesteps = z.int().positive().default(1000);
const predictionType = z.enum(['flow_prediction', 'sample']);
const finalSigma = z.enum(['zero', 'sigma_min']).default('zero');
const alternativeLevels = { use_karras_sigmas: off, use_exponential_sigmas: off, use_beta_sigmas: off };

const UniPCFile = z.object({
  _class_name: z.literal('UniPCMultistepScheduler'),
  num_train_timesteps: trainTimesteps,
  solver_order: z.int().min(1).max(3).default(2),
  prediction_type: predictionType,
  predict_x0: z.literal(true).default(true),
  solver_type: z.literal('bh2').default('bh2'),
  lower_order_final: z.literal(true).default(true),
  disable_corrector: z.array(z.int()).default([]),
  solver_p: z.null().default(null),
  use_flow_sigmas: z.literal(true),
  flow_shift: z.number().positive().default(1),
  final_sigmas_type: finalSigma,
  shift_terminal: z.null().default(null),
  thresholding: off,
  use_dynamic_shifting: off,
  ...alternativeLevels,
});

const FlowEulerFile = z.object({
  _class_name: z.literal('FlowMatchEulerDiscreteScheduler'),
  num_train_timesteps: trainTimesteps,
  shift: z.number().positive().default(1),
  invert_sigmas: off,
  shift_terminal: z.null().default(null),
  stochastic_sampling: off,
  use_dynamic_shifting: off,
  ...alternativeLevels,
});

const DpmFile = z.object({
  _class_name: z.literal('DPMSolverMultistepScheduler'),
  num_train_timesteps: trainTimesteps,
  solver_order: z.int().min(1).max(2).default(2),
  prediction_type: predictionType,
  algorithm_type: z.literal('dpmsolver++').default('dpmsolver++'),
  solver_type: z.enum(['midpoint', 'heun']).default('midpoint'),
  lower_order_final: z.boolean().default(true),
  euler_at_final: z.boolean().default(false),
  use_flow_sigmas: z.literal(true),
  flow_shift: z.number().positive().default(1),
  final_sigmas_type: finalSigma,
  thresholding: off,
  use_dynamic_shifting: off,
  use_lu_lambdas: off,
  ...alternativeLevels,
});

const SchedulerFile = z.discriminatedUnion('_class_name', [UniPCFile, FlowEulerFile, DpmFile]);

/**
 * Reads a parsed scheduler_config.json.
 * @param source where the JSON came from, for messages
 * @throws ModelFileError naming the setting that no sampler here has
 */
export function parseSchedulerConfig(json: unknown, source = 'scheduler/scheduler_config.json'): SchedulerConfig {
  const parsed = SchedulerFile.safeParse(json);
  if (!parsed.success) {
    throw new ModelFileError(
      `${source} names a scheduler setting that is not supported: ${z.prettifyError(parsed.error)}`,
      {
        cause: parsed.error,
      },
    );
  }
  return fromFile(parsed.data);
}

function fromFile(file: z.infer<typeof SchedulerFile>): SchedulerConfig {
  const trainTimesteps = file.num_train_timesteps;
  switch (file._class_name) {
    case 'FlowMatchEulerDiscreteScheduler':
      return { sampler: 'euler', trainTimesteps, shift: file.shift };
    case 'UniPCMultistepScheduler':
      return {
        sampler: 'unipc',
        trainTimesteps,
        shift: file.flow_shift,
        finalSigma: file.final_sigmas_type,
        solverOrder: file.solver_order,
        disableCorrector: file.disable_corrector,
      };
    case 'DPMSolverMultistepScheduler':
      return {
        sampler: 'dpmpp',
        trainTimesteps,
        shift: file.flow_shift,
        finalSigma: file.final_sigmas_type,
        solverOrder: file.solver_order,
        solverType: file.solver_type,
        lowerOrderFinal: file.lower_order_final,
        eulerAtFinal: file.euler_at_final,
      };
  }
}

const PredictionFile = z.object({ prediction_type: predictionType.default('flow_prediction') });

/** What the transformer gives that stands beside a scheduler_config.json which can be parsed. */
export const predictionOf = (json: unknown): Prediction => PredictionFile.parse(json).prediction_type;

/** A sampler with the reference's defaults: what a request's `sampler` and `shift` choose in place of the model's own. */
export function samplerConfig(sampler: SamplerName, shift: number): SchedulerConfig {
  const flow = { prediction_type: 'flow_prediction', use_flow_sigmas: true, flow_shift: shift };
  switch (sampler) {
    case 'euler':
      return parseSchedulerConfig({ _class_name: 'FlowMatchEulerDiscreteScheduler', shift });
    case 'unipc':
      return parseSchedulerConfig({ _class_name: 'UniPCMultistepScheduler', ...flow });
    case 'dpmpp':
      return parseSchedulerConfig({ _class_name: 'DPMSolverMultistepScheduler', ...flow });
  }
}

/**
 * The sampler of a configuration, for so many steps or at given levels.
 * @throws InvalidRequestError when there are no steps, or levels that do not fall within (0, 1]
 */
export function createScheduler(config: SchedulerConfig, spacing: Spacing): Scheduler {
  checkSpacing(spacing);
  switch (config.sampler) {
    case 'unipc':
      return createUniPC(config, spacing);
    case 'euler':
      return createFlowEuler(config, spacing);
    case 'dpmpp':
      return createDpmSolver(config, spacing);
  }
}

function checkSpacing(spacing: Spacing): void {
  if ('steps' in spacing) {
    if (Number.isInteger(spacing.steps) && spacing.steps > 0) return;
    throw new InvalidRequestError(`steps (=${spacing.steps}) must be a whole number from 1 on; 20 to 50 are usual.`);
  }
  const { sigmas } = spacing;
  if (sigmas.length > 0 && sigmas.every((sigma, i) => sigma > 0 && (i === 0 ? sigma <= 1 : sigma < sigmas[i - 1]!)))
    return;
  throw new InvalidRequestError(
    `sigmas (=${sigmas.join(', ')}) must fall from at most 1 and stay above 0, like 1, 0.75, 0.5, 0.25.`,
  );
}
