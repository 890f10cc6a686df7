// The names that Wan's own code gives to the transformer's tensors, from those of diffusers, which are used everywhere here.
// Source: convert_wan_to_diffusers.py of diffusers, read backwards. What is called norm2 in one is norm3 in the other.

type Rule = readonly [from: RegExp, to: string];

const attention: readonly Rule[] = [
  [/\.to_([qkv])\./, '.$1.'],
  [/\.to_out\.0\./, '.o.'],
  [/\.add_([kv])_proj\./, '.$1_img.'],
  [/\.norm_added_k\./, '.norm_k_img.'],
];

/** A name is changed by the first rule that fits; names of attention by one of `attention` as well. */
const rules: readonly Rule[] = [
  [/^condition_embedder\.time_embedder\.linear_1\./, 'time_embedding.0.'],
  [/^condition_embedder\.time_embedder\.linear_2\./, 'time_embedding.2.'],
  [/^condition_embedder\.text_embedder\.linear_1\./, 'text_embedding.0.'],
  [/^condition_embedder\.text_embedder\.linear_2\./, 'text_embedding.2.'],
  [/^condition_embedder\.time_proj\./, 'time_projection.1.'],
  [/^condition_embedder\.image_embedder\.norm1\./, 'img_emb.proj.0.'],
  [/^condition_embedder\.image_embedder\.ff\.net\.0\.proj\./, 'img_emb.proj.1.'],
  [/^condition_embedder\.image_embedder\.ff\.net\.2\./, 'img_emb.proj.3.'],
  [/^condition_embedder\.image_embedder\.norm2\./, 'img_emb.proj.4.'],
  [/^condition_embedder\.image_embedder\.pos_embed$/, 'img_emb.emb_pos'],
  [/^scale_shift_table$/, 'head.modulation'],
  [/^proj_out\./, 'head.head.'],
  [/^((?:vace_)?blocks\.\d+\.)scale_shift_table$/, '$1modulation'],
  [/^((?:vace_)?blocks\.\d+\.)norm2\./, '$1norm3.'],
  [/^((?:vace_)?blocks\.\d+\.)norm3\./, '$1norm2.'],
  [/^((?:vace_)?blocks\.\d+\.)ffn\.net\.0\.proj\./, '$1ffn.0.'],
  [/^((?:vace_)?blocks\.\d+\.)ffn\.net\.2\./, '$1ffn.2.'],
  [/^((?:vace_)?blocks\.\d+\.)attn1\./, '$1self_attn.'],
  [/^((?:vace_)?blocks\.\d+\.)attn2\./, '$1cross_attn.'],
  [/^(vace_blocks\.\d+\.)proj_in\./, '$1before_proj.'],
  [/^(vace_blocks\.\d+\.)proj_out\./, '$1after_proj.'],
];

/** E.g. `blocks.0.attn1.to_q.weight` -> `blocks.0.self_attn.q.weight`; names that both share stay. */
export function originalName(name: string): string {
  const [from, to] = rules.find(([pattern]) => pattern.test(name)) ?? [];
  if (from === undefined || to === undefined) return name;
  const renamed = name.replace(from, to);
  if (!/\.(self|cross)_attn\./.test(renamed)) return renamed;
  return attention.reduce((text, [pattern, replacement]) => text.replace(pattern, replacement), renamed);
}

/** Prefixes under which programs keep Wan's own names in one file. */
const prefixes = ['', 'model.diffusion_model.', 'diffusion_model.', 'model.'] as const;

/**
 * The prefix before Wan's own names, when a file is spelled so; undefined when its names are those of diffusers or of another
 * model. @param has whether the file has a tensor of this name
 */
export function originalPrefix(has: (name: string) => boolean): string | undefined {
  return prefixes.find((prefix) => has(`${prefix}blocks.0.self_attn.q.weight`));
}
