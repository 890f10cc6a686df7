// VACE (Jiang et al. 2025, arXiv 2503.07598; WanVACETransformer3DModel of diffusers): a second, shallower stack of blocks that
// reads the control latents beside the noisy ones. What each of its blocks says is added behind one block of the transformer.
import { add } from '../graph/build.ts';
import { ShapeError } from '../graph/errors.ts';
import type { Node } from '../graph/node.ts';
import type { Parameters } from '../graph/parameters.ts';
import { block } from './block.ts';
import type { BlockInputs } from './block.ts';
import { width } from './config.ts';
import type { TransformerConfig } from './config.ts';
import { dense, zeros } from './linear.ts';
import { patchEmbedding } from './patchify.ts';

export interface VaceInputs {
  /** Control latents [B,vace.inChannels,T,H,W]: what stays, what is made anew, and the mask (control-channels.ts). */
  readonly control: Node;
  /** Embedded noisy latents [B,N,D]. */
  readonly tokens: Node;
  readonly block: BlockInputs;
}

/** Hints [B,N,D] by the number of the block behind which they are added. p is the transformer's root. */
export function vaceHints(p: Parameters, config: TransformerConfig, inputs: VaceInputs): ReadonlyMap<number, Node> {
  const vace = config.vace;
  if (vace === null || inputs.control.shape[1] !== vace.inChannels) {
    throw new ShapeError(
      `Control latents [${inputs.control.shape.join(',')}] must have ${vace?.inChannels ?? 'no'} channels.`,
    );
  }
  const hints = new Map<number, Node>();
  let state = patchEmbedding(p.at('vace_patch_embedding'), config, inputs.control); // [B,N,D]
  vace.layers.forEach((layer, i) => {
    const at = p.at(`vace_blocks.${i}`);
    if (i === 0) state = add(dense(at.at('proj_in'), state, width(config), zeros), inputs.tokens);
    state = block(at, config, state, inputs.block).output;
    hints.set(layer, dense(at.at('proj_out'), state, width(config), zeros));
  });
  return hints;
}
