// The Wan video transformer (Wan team 2025, arXiv 2503.20314; WanTransformer3DModel of diffusers) as a function that adds
// nodes to a graph. The same graph serves sampling and, with gradients, training. It knows neither samplers nor losses.
import { add, div, maximum, mul, reshape, slice, sub } from '../graph/build.ts';
import { ShapeError } from '../graph/errors.ts';
import type { Node } from '../graph/node.ts';
import type { Parameters } from '../graph/parameters.ts';
import { block } from './block.ts';
import type { BlockInputs, BlockParts } from './block.ts';
import { width } from './config.ts';
import type { TransformerConfig } from './config.ts';
import { checkContext, imageContext, textBias, textContext } from './context.ts';
import { dense, zeros } from './linear.ts';
import { modulatedNorm, modulationPart } from './modulation.ts';
import { cellsOfTokens, patchEmbedding, tokenGrid, unpatchify } from './patchify.ts';
import type { TokenGrid } from './patchify.ts';
import { ropeTables } from './rope.ts';
import { timeEmbedding } from './timestep.ts';
import type { TimeEmbedding } from './timestep.ts';
import { vaceHints } from './vace.ts';

/** Timesteps that the model sees are sigma times this, as every published flow model's. */
export const TRAIN_TIMESTEPS = 1000;

/** What the transformer is asked about. */
export interface VelocityInputs {
  /** Noisy latents, with the condition's channels behind them where the model has such: [B,inChannels,T,H,W]. */
  readonly latents: Node;
  /** 0..1000, fractions allowed: [B], or one per token frame [B,F], or one per token [B,N]. */
  readonly timestep: Node;
  /** Text states [B,L,textDim]. */
  readonly text: Node;
  /** 1 for a word, 0 for padding that is not attended to, [B,L]. Published models attend to padding: leave it out there. */
  readonly textMask?: Node | undefined;
  /** Image tokens [B,L',imageDim]; in first-and-last-frame models [2B,L',imageDim]. */
  readonly image?: Node | undefined;
  /** Control latents of VACE models, [B,vace.inChannels,T,H,W]. */
  readonly control?: Node | undefined;
}

/** The nodes on the way to the velocity, for tests that bisect. */
export interface VelocityParts {
  /** [B,N,D]. */
  readonly patches: Node;
  readonly time: TimeEmbedding;
  readonly context: BlockInputs['context'];
  readonly blocks: readonly BlockParts[];
  /** [B,N,pt*ph*pw*outChannels]. */
  readonly head: Node;
  /** [B,outChannels,T,H,W]. */
  readonly velocity: Node;
}

/** v(x, t) = noise - clip, as the model believes it: [B,outChannels,T,H,W]. */
export function velocity(p: Parameters, config: TransformerConfig, inputs: VelocityInputs): Node {
  return velocityParts(p, config, inputs).velocity;
}

export function velocityParts(p: Parameters, config: TransformerConfig, inputs: VelocityInputs): VelocityParts {
  check(config, inputs);
  const grid = tokenGrid(config, inputs.latents.shape);
  const patches = patchEmbedding(p.at('patch_embedding'), config, inputs.latents); // [B,N,D]
  const embedder = p.at('condition_embedder');
  const time = timeEmbedding(embedder, config, inputs.timestep, grid);
  const context = {
    text: textContext(embedder.at('text_embedder'), config, inputs.text), // [B,L,D]
    textBias: inputs.textMask && textBias(inputs.textMask),
    image: inputs.image && imageContext(embedder.at('image_embedder'), config, inputs.image), // [B,L',D]
  };
  const blockInputs = { context, modulation: time.modulation, tables: ropeTables(config.headDim, grid) };
  const { control } = inputs;
  const hints = control && vaceHints(p, config, { control, tokens: patches, block: blockInputs });
  const blocks: BlockParts[] = [];
  let tokens = patches;
  for (let i = 0; i < config.layers; i++) {
    const parts = block(p.at(`blocks.${i}`), config, tokens, blockInputs);
    blocks.push(parts);
    const hint = hints?.get(i);
    tokens = hint === undefined ? parts.output : add(parts.output, hint);
  }
  const head = outputHead(p, config, tokens, time.temb); // [B,N,pt*ph*pw*C]
  const output = unpatchify(config, head, grid);
  const isVelocity = config.prediction === 'flow_prediction';
  return {
    patches,
    time,
    context,
    blocks,
    head,
    velocity: isVelocity ? output : velocityFromSample(config, output, inputs, grid),
  };
}

/** Divides where the level is lower: at 0 latents are given and their velocity is not used; a last step from below leaves a trace of noise. */
const LEAST_SIGMA = 0.05;

/** x_sigma = clip + sigma v, so v = (x_sigma - clip) / sigma (Li and He 2025, arXiv 2511.13720, on what to predict). */
function velocityFromSample(
  config: TransformerConfig,
  sample: Node,
  { latents, timestep }: VelocityInputs,
  grid: TokenGrid,
): Node {
  const noisy = slice(latents, 1, 0, config.outChannels);
  const sigma = cellsOfTokens(config, mul(timestep, 1 / TRAIN_TIMESTEPS), grid);
  return div(sub(noisy, sample), maximum(sigma, LEAST_SIGMA));
}

/** Norm, shift and scale by the time embedding itself (not its projection), projection to patches. */
function outputHead(p: Parameters, config: TransformerConfig, tokens: Node, temb: Node): Node {
  const dim = width(config);
  const [batch, groups] = temb.shape as [number, number];
  const table = p('scale_shift_table', [1, 2, dim], { kind: 'normal', std: 1 / Math.sqrt(dim) });
  const both = add(table, reshape(temb, [batch, groups, 1, dim])); // [B,G,2,D]
  const norm = modulatedNorm(tokens, {
    shift: modulationPart(both, 0),
    scale: modulationPart(both, 1),
    eps: config.eps,
  });
  const [pt, ph, pw] = config.patchSize;
  return dense(p.at('proj_out'), norm, pt * ph * pw * config.outChannels, zeros);
}

function check(config: TransformerConfig, { latents, timestep, text, textMask, image, control }: VelocityInputs): void {
  if ((control === undefined) !== (config.vace === null))
    throw new ShapeError(`Control latents are for VACE models, which do not run without.`);
  const [batch, channels] = latents.shape;
  if (latents.shape.length !== 5 || channels !== config.inChannels) {
    throw new ShapeError(`Latents [${latents.shape.join(',')}] must be [B,${config.inChannels},T,H,W].`);
  }
  for (const [name, node] of Object.entries({ timestep, text, textMask, control })) {
    if (node && node.shape[0] !== batch)
      throw new ShapeError(`${name} [${node.shape.join(',')}] must have ${batch!} rows, as the latents.`);
  }
  checkContext(config, text, image);
}
