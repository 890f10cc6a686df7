// Video to latent moments, level by level from the pixels inwards. Reference: WanEncoder3d, flat (2.1) and residual (2.2).
import { add, silu } from '../graph/build.ts';
import type { Node } from '../graph/node.ts';
import { type AutoencoderConfig, encoderLevels, type Level } from './config.ts';
import { causalConv } from './conv.ts';
import { frameAttention } from './frame-attention.ts';
import type { Place } from './place.ts';
import { downsample } from './resample.ts';
import { channelNorm, residualBlock } from './residual-block.ts';
import { averageDown } from './shortcut.ts';

/** x [B,inChannels,T,H,W], patches packed -> [B,2*zDim,T',H',W']. */
export function encoder(at: Place, config: AutoencoderConfig, x: Node): Node {
  const first = causalConv(at, x, 'conv_in', config.baseDim);
  const inner = config.isResidual ? residualLevels(at, config, first) : flatLevels(at, config, first);
  const mid = midBlock(at.at('mid_block'), inner);
  return causalConv(at, silu(channelNorm(at.p, mid, 'norm_out')), 'conv_out', 2 * config.zDim);
}

/** A residual block, attention within frames, a residual block; shared with the decoder. */
export function midBlock(at: Place, x: Node): Node {
  const dim = x.shape[1]!;
  const h = frameAttention(at.p.at('attentions.0'), residualBlock(at.at('resnets.0'), x, dim));
  return residualBlock(at.at('resnets.1'), h, dim);
}

function residualLevels(at: Place, config: AutoencoderConfig, x: Node): Node {
  return encoderLevels(config).reduce((h, level, i) => residualLevel(at.at(`down_blocks.${i}`), config, h, level), x);
}

function residualLevel(at: Place, { numResBlocks }: AutoencoderConfig, x: Node, { outDim, resample }: Level): Node {
  let h = x;
  for (let i = 0; i < numResBlocks; i++) h = residualBlock(at.at(`resnets.${i}`), h, outDim);
  if (resample !== 'none') h = downsample(at.at('downsampler'), h, resample === 'both');
  return add(h, averageDown(x, outDim, { time: resample === 'both' ? 2 : 1, space: resample === 'none' ? 1 : 2 }));
}

/** The levels' layers stand in one list, numbered through. */
function flatLevels(at: Place, config: AutoencoderConfig, x: Node): Node {
  let count = 0;
  const next = () => at.at(`down_blocks.${count++}`);
  return encoderLevels(config).reduce((input, { outDim, resample }, i) => {
    let h = input;
    for (let block = 0; block < config.numResBlocks; block++) {
      h = residualBlock(next(), h, outDim);
      if (config.attnScales.includes(2 ** -i)) h = frameAttention(next().p, h);
    }
    return resample === 'none' ? h : downsample(next(), h, resample === 'both');
  }, x);
}
