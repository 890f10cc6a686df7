// The space of a CLIP or SigLIP that runs in @huggingface/transformers, for real footage: a folder with onnx/text_model.onnx and
// onnx/vision_model.onnx, or a name of the hub. A moment lies in the middle of its first, middle and last picture.
import { InvalidRequestError, ModelFileError } from '../graph/errors.ts';
import { type JointSpace, meanDirection } from './joint-space.ts';
import { sampleAt } from './moment-pictures.ts';
import { loadFromHub, type ModelSource, type Transformers } from './transformers.ts';

/** The models' own processors scale further down; 384 is the most that those published take. */
const LONGEST_SIDE = 384;
const MOMENT_PARTS = [0, 0.5, 1] as const;

/** What a family's towers are called, and what they answer with. SigLIP was taught texts that are padded to its full length. */
const families = {
  clip: { text: 'CLIPTextModelWithProjection', vision: 'CLIPVisionModelWithProjection', outputs: ['text_embeds', 'image_embeds'], padding: true }, // prettier-ignore
  siglip: { text: 'SiglipTextModel', vision: 'SiglipVisionModel', outputs: ['pooler_output', 'pooler_output'], padding: 'max_length' }, // prettier-ignore
} as const;

type Outputs = Readonly<Record<string, Transformers.Tensor | undefined>>;

/** @throws InvalidRequestError for a model of another kind, ModelFileError, JobFailedError */
export async function openHfSpace(model: string, name: string, source: ModelSource): Promise<JointSpace> {
  const opened = await loadFromHub(model, source, async (library, where, options) => {
    const { model_type } = await library.AutoConfig.from_pretrained(where, options);
    const family = Object.hasOwn(families, model_type ?? '')
      ? families[model_type as keyof typeof families]
      : undefined;
    if (family === undefined) return { kind: model_type };
    return {
      library,
      family,
      tokenizer: await library.AutoTokenizer.from_pretrained(where, options),
      processor: await library.AutoImageProcessor.from_pretrained(where, options),
      reader: await library[family.text].from_pretrained(where, options),
      eye: await library[family.vision].from_pretrained(where, options),
    };
  });
  if ('kind' in opened)
    throw new InvalidRequestError(`hf:${model} is of the kind ${opened.kind}, not clip or siglip. Name one of those, such as hf:Xenova/clip-vit-base-patch32.`); // prettier-ignore
  const { library, family, tokenizer, processor, reader, eye } = opened;
  const valuesOf = (outputs: Outputs, output: string): Float32Array => {
    const found = outputs[output];
    if (found !== undefined) return Float32Array.from(found.data as ArrayLike<number>);
    throw new ModelFileError(`hf:${model} has no output ${output}. Export it again, with its projections.`);
  };
  const ofText = async (said: string): Promise<Float32Array> => {
    const ids = tokenizer(said, { padding: family.padding, truncation: true }) as object;
    return meanDirection(valuesOf((await reader(ids)) as Outputs, family.outputs[0]), [1]);
  };
  const { length: width } = await ofText('a');
  return {
    name,
    width,
    longestSide: LONGEST_SIDE,
    ofMoment: async (moment) => {
      const pictures = MOMENT_PARTS.map((part) => sampleAt(moment, part).picture);
      const shown = [...new Set(pictures)].map(({ data, width: w, height: h }) => new library.RawImage(data, w, h, 3));
      const inputs = (await processor(shown)) as object;
      return meanDirection(valuesOf((await eye(inputs)) as Outputs, family.outputs[1]), new Array<number>(shown.length).fill(1)); // prettier-ignore
    },
    ofText,
    unknownWords: () => [],
    close: async () => {
      await eye.dispose();
      await reader.dispose();
    },
  };
}
