// Low-rank adapters (LoRA, Hu et al. 2021): W' = W + weight * alpha / rank * up·down. Files spell the names of what they change in
// four ways; here they are matched with the model's own names. Knows no files and computes nothing.
//   PEFT, diffusers   transformer.blocks.0.attn1.to_q.lora_A.weight, .lora_B.weight
//   Wan's own names   diffusion_model.blocks.0.self_attn.q.lora_A.weight, or .lora_down.weight and .alpha
//   whole differences diffusion_model.blocks.0.norm3.diff (weight), .diff_b (bias), blocks.0.diff_m (modulation)
//   kohya             lora_unet_blocks_0_self_attn_q.lora_down.weight, .lora_up.weight, .alpha
import { originalName } from './original-names.ts';

/** What an adapter file has for one tensor of the model, by the file's names. */
export interface Adapter {
  /** [rank, in, ...]. */
  readonly down?: string;
  /** [out, rank, ...]. */
  readonly up?: string;
  /** A scalar; the rank where there is none. */
  readonly alpha?: string;
  /** Added as it is. */
  readonly diff?: string;
}

export interface MatchedAdapters {
  /** By the model's name of the tensor that is changed. */
  readonly adapters: ReadonlyMap<string, Adapter>;
  /** Names that belong to nothing in the model, or whose other half is missing. */
  readonly unmatched: readonly string[];
}

type Part = keyof Adapter;

const suffixes: readonly (readonly [RegExp, Part, 'weight' | 'bias' | 'modulation'])[] = [
  [/\.(lora_A|lora_down|lora\.down)(\.default)?\.weight$/, 'down', 'weight'],
  [/\.(lora_B|lora_up|lora\.up)(\.default)?\.weight$/, 'up', 'weight'],
  [/\.alpha$/, 'alpha', 'weight'],
  [/\.diff$/, 'diff', 'weight'],
  [/\.diff_b$/, 'diff', 'bias'],
  [/\.diff_m$/, 'diff', 'modulation'],
];

const prefix = /^(base_model\.model\.)?(model\.diffusion_model\.|diffusion_model\.|transformer\.|unet\.)?/;
const kohyaPrefix = /^lora_(unet|transformer)_/;

/**
 * Finds what each tensor of an adapter file changes.
 * @param keys names in the adapter file
 * @param parameters names of the model's tensors, as diffusers spells them
 */
export function matchAdapters(keys: readonly string[], parameters: readonly string[]): MatchedAdapters {
  const targets = spellings(parameters);
  const found = new Map<string, { -readonly [P in Part]?: string }>();
  const unmatched: string[] = [];
  for (const key of keys) {
    const [target, part] = placeOf(key, targets) ?? [];
    if (target === undefined || part === undefined) unmatched.push(key);
    else found.set(target, { ...found.get(target), [part]: key });
  }
  for (const [target, adapter] of found) {
    const { down, up, diff } = adapter;
    if ((down === undefined) === (up === undefined) && (up ?? diff) !== undefined) continue;
    unmatched.push(...Object.values(adapter));
    found.delete(target);
  }
  return { adapters: found, unmatched: unmatched.sort() };
}

function placeOf(key: string, targets: ReadonlyMap<string, string>): readonly [string, Part] | undefined {
  for (const [pattern, part, kind] of suffixes) {
    if (!pattern.test(key)) continue;
    const base = key.replace(pattern, '');
    const plain = kohyaPrefix.test(base) ? base.replace(kohyaPrefix, '') : base.replace(prefix, '');
    const target = targets.get(`${plain}.${kind}`) ?? targets.get(`${plain.replaceAll('.', '_')}.${kind}`);
    return target === undefined ? undefined : [target, part];
  }
  return undefined;
}

/** Every way to name a parameter: dotted or with underscores (`.weight` stays apart), by either spelling. */
function spellings(parameters: readonly string[]): Map<string, string> {
  const names = new Map<string, string>();
  for (const parameter of parameters) {
    for (const name of [parameter, originalName(parameter)]) {
      const [, base = name, kind = 'weight'] = /^(.*)\.(weight|bias|modulation)$/.exec(name) ?? [];
      for (const spelled of [base, base.replaceAll('.', '_')]) names.set(`${spelled}.${kind}`, parameter);
    }
  }
  return names;
}
