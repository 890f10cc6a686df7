// Latents to video, level by level from the latents outwards. Reference: WanDecoder3d, flat (2.1) and residual (2.2).
import { add, silu } from '../graph/build.ts';
import type { Node } from '../graph/node.ts';
import { type AutoencoderConfig, decoderLevels, type Level } from './config.ts';
import { causalConv } from './conv.ts';
import { midBlock } from './encoder.ts';
import type { Place } from './place.ts';
import { upsample } from './resample.ts';
import { channelNorm, residualBlock } from './residual-block.ts';
import { repeatUp } from './shortcut.ts';

/** x [B,zDim,T',H',W'] -> [B,outChannels,T,H,W], patches packed. */
export function decoder(at: Place, config: AutoencoderConfig, x: Node): Node {
  const levels = decoderLevels(config);
  const first = causalConv(at, x, 'conv_in', levels[0]!.inDim);
  const isFirst = at.recall('conv_in') === undefined;
  const outer = levels.reduce(
    (h, level, i) => {
      const place = at.at(`up_blocks.${i}`);
      const y = upLevel(place, config, h, level);
      if (!config.isResidual || level.resample === 'none') return y;
      return add(y, repeatUp(h, level.outDim, { time: level.resample === 'both' ? 2 : 1, space: 2, isFirst }));
    },
    midBlock(at.at('mid_block'), first),
  );
  return causalConv(at, silu(channelNorm(at.p, outer, 'norm_out')), 'conv_out', config.outChannels);
}

/** One residual block more than in the encoder, then the resampling, which halves the width in the flat form. */
function upLevel(at: Place, config: AutoencoderConfig, x: Node, { outDim, resample }: Level): Node {
  let h = x;
  for (let i = 0; i <= config.numResBlocks; i++) h = residualBlock(at.at(`resnets.${i}`), h, outDim);
  if (resample === 'none') return h;
  const place = at.at(config.isResidual ? 'upsampler' : 'upsamplers.0');
  return upsample(place, h, { outDim: config.isResidual ? outDim : Math.floor(outDim / 2), time: resample === 'both' });
}
