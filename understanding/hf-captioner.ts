// Captions by any model that turns a picture into text and runs in @huggingface/transformers: chat models that are shown a picture
// (SmolVLM, Qwen-VL, LLaVA, Gemma…), Florence-2 with its task words, and plain captioners (ViT-GPT2, BLIP's kind).
import { InvalidRequestError } from '../graph/errors.ts';
import { type Captioner, middleOf, type Wish } from './captioner.ts';
import { loadFromHub, type ModelSource, type Transformers } from './transformers.ts';
import { asked } from './wish.ts';

/** Models whose processors take the picture first. */
const pictureFirst = new Set(['florence2', 'llava', 'moondream1', 'paligemma', 'lfm2_vl', 'mistral3']);
/** Pictures are cut down by the models' own processors; more than this is no use to any. */
const LONGEST_SIDE = 1024;
const MOST_TOKENS = 96;

/** Says what a picture shows. */
type Look = (picture: Transformers.RawImage) => Promise<string>;

/** @throws InvalidRequestError, ModelFileError, JobFailedError */
export async function openHfCaptioner(model: string, wish: Wish, source: ModelSource): Promise<Captioner> {
  const { library, look, close } = await loadFromHub(model, source, async (library, where, options) => {
    const { model_type } = await library.AutoConfig.from_pretrained(where, options);
    const open = model_type === 'vision-encoder-decoder' ? openPlain : openChat;
    return { library, ...(await open(library, where, options, model_type ?? '', wish)) };
  });
  return {
    name: `hf:${model}`,
    how: '@huggingface/transformers, onnxruntime',
    longestSide: LONGEST_SIDE,
    momentSeconds: 0,
    concurrency: 1,
    describe: async (moment) => {
      const { data, width, height } = middleOf(moment).picture;
      const text = await look(new library.RawImage(data, width, height, 3));
      return { text: text.replace(/\s+/g, ' ').trim() };
    },
    close,
  };
}

interface Opened {
  readonly look: Look;
  readonly close: () => Promise<void>;
}

type Options = Parameters<typeof Transformers.AutoModel.from_pretrained>[1];

async function openPlain(
  library: typeof Transformers,
  where: string,
  options: Options,
  _kind: string,
  wish: Wish,
): Promise<Opened> {
  const words = Object.entries(wish).find(([, value]) => value !== undefined);
  if (words !== undefined)
    throw new InvalidRequestError(
      `The model hf:${where} only looks at pictures and takes no ${words[0]}. Leave it out.`,
    );
  const run = await library.pipeline('image-to-text', where, options);
  return {
    look: async (picture) => (await run(picture, { max_new_tokens: MOST_TOKENS }))[0]!.generated_text,
    close: async () => void (await run.dispose()),
  };
}

async function openChat(
  library: typeof Transformers,
  where: string,
  options: Options,
  kind: string,
  wish: Wish,
): Promise<Opened> {
  const processor = await library.AutoProcessor.from_pretrained(where, options);
  const model = await library.AutoModelForImageTextToText.from_pretrained(where, options);
  const isTasked = kind === 'florence2';
  const prefix = isTasked ? '' : (wish.prefix ?? '');
  const text = isTasked ? taskOf(wish) : chatPrompt(processor, asked(wish)) + prefix;
  const look: Look = async (picture) => {
    const inputs = (await (pictureFirst.has(kind) ? processor(picture, text) : processor(text, [picture]))) as {
      input_ids?: Transformers.Tensor;
    };
    const output = (await model.generate({ ...inputs, max_new_tokens: MOST_TOKENS })) as Transformers.Tensor;
    // A model that only decodes repeats what it was given; one that also encodes does not.
    const given = isTasked ? 0 : (inputs.input_ids?.dims.at(-1) ?? 0);
    const answer = output.slice(null, [given, output.dims.at(-1)!]);
    const said = processor.batch_decode(answer, { skip_special_tokens: true })[0] ?? '';
    return `${prefix}${prefix === '' ? '' : ' '}${said.trim()}`;
  };
  return { look, close: async () => void (await model.dispose()) };
}

/** Florence-2 was taught tasks, not talk. */
function taskOf({ prompt, prefix, language }: Wish): string {
  if (prefix !== undefined || language !== undefined)
    throw new InvalidRequestError('Florence-2 takes no prefix and no language. Leave them out.');
  return prompt ?? '<DETAILED_CAPTION>';
}

function chatPrompt(processor: Transformers.Processor, text: string): string {
  const messages = [{ role: 'user', content: [{ type: 'image' }, { type: 'text', text }] }];
  try {
    return processor.apply_chat_template(messages, { add_generation_prompt: true }) as string;
  } catch {
    return `<image>\n${text}`; // a model from before there were templates
  }
}
