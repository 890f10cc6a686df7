// The names that Wan's own code gives to the tensors of the 2.1 autoencoder, from those of diffusers, which are used everywhere
// here. Source: convert_wan_to_diffusers.py of diffusers, read backwards. The 2.2 autoencoder is not mapped.

const residual: readonly (readonly [RegExp, string])[] = [
  [/\.norm1\.gamma$/, '.residual.0.gamma'],
  [/\.conv1\./, '.residual.2.'],
  [/\.norm2\.gamma$/, '.residual.3.gamma'],
  [/\.conv2\./, '.residual.6.'],
  [/\.conv_shortcut\./, '.shortcut.'],
];

/** Residual blocks and the resampling layer behind them, counted through in the original. */
const PER_LEVEL = 4;

/** E.g. `decoder.up_blocks.1.resnets.0.conv1.weight` -> `decoder.upsamples.4.residual.2.weight`. */
export function originalVaeName(name: string): string {
  if (name.startsWith('quant_conv.')) return name.replace('quant_conv.', 'conv1.');
  if (name.startsWith('post_quant_conv.')) return name.replace('post_quant_conv.', 'conv2.');
  const placed = name
    .replace(/coder\.conv_in\./, 'coder.conv1.')
    .replace(/coder\.norm_out\./, 'coder.head.0.')
    .replace(/coder\.conv_out\./, 'coder.head.2.')
    .replace(/\.mid_block\.resnets\.(\d)\./, (_, i: string) => `.middle.${2 * Number(i)}.`)
    .replace(/\.mid_block\.attentions\.0\./, '.middle.1.')
    .replace(/^encoder\.down_blocks\./, 'encoder.downsamples.')
    .replace(/^decoder\.up_blocks\.(\d+)\.resnets\.(\d+)\./, (_, level: string, i: string) =>
      upsample(level, Number(i)),
    )
    .replace(/^decoder\.up_blocks\.(\d+)\.upsamplers\.0\./, (_, level: string) => upsample(level, PER_LEVEL - 1));
  if (placed === name || /coder\.(conv1|head)\./.test(placed)) return placed;
  return residual.reduce((text, [from, to]) => text.replace(from, to), placed);
}

const upsample = (level: string, i: number): string => `decoder.upsamples.${PER_LEVEL * Number(level) + i}.`;

/** Whether a file has Wan's own names. @param has whether the file has a tensor of this name */
export function isOriginalVae(has: (name: string) => boolean): boolean {
  return has('decoder.middle.0.residual.0.gamma');
}
